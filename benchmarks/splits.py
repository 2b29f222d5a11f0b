"""The data of benchmarks/defaults.toml: each function gives the training and test part of a set.

Each takes `find`, which finds a file by name in the user's folder of data, and the words after its
name in an entry. Parts are written as files that `ostinato fit` reads; the alternatives read the
same files.
"""

import csv
import gzip
import io
import lzma
import random
import tarfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ostinato.data.sources import film_sentences, imdb
from ostinato.data.split import split_blocks
from ostinato.errors import DataError
from questions import TEST, TRAIN, questions


class Split(NamedTuple):
    """Records as text, each with its line ends; `head` comes before those of each file.

    Attributes:
        steps: how many steps the records of a time series are forecast at a time; 0: no series.
    """

    suffix: str
    train: list[str]
    test: list[str]
    head: str = ""
    steps: int = 0

    def cut(self, most):
        """A small part of it, to try a program."""
        if self.steps:
            return self._replace(train=self.train[-8 * most :], test=self.test[: self.steps])
        few = [part[:: max(1, len(part) // most)][:most] for part in (self.train, self.test)]
        return self._replace(train=few[0], test=few[1])

    def write(self, folder):
        """The files train and test; of a series also `until-K`, the rows before the K-th tested."""
        parts = {"train": self.train, "test": self.test}
        for k in range(0, len(self.test), self.steps) if self.steps else ():
            parts[f"until-{k}"] = self.train + self.test[:k]
        folder.mkdir(parents=True, exist_ok=True)
        for name, records in parts.items():
            (folder / name).with_suffix(self.suffix).write_text(self.head + "".join(records))


def _table(*columns):
    """A function that makes records of CSV of tuples, and the head."""

    def line(fields):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(fields)
        return text.getvalue()

    def split(train, test):
        return Split(".csv", list(map(line, train)), list(map(line, test)), line(columns))

    return split


def _read(path):
    how = {".xz": lzma.open, ".gz": gzip.open}.get(Path(path).suffix, open)
    with how(path, "rt", encoding="utf-8", newline="") as file:
        return file.read().replace("\r\n", "\n")


def _shuffled(records):
    records = list(records)
    random.Random(0).shuffle(records)
    return records


def names18(find):
    """Surnames of 18 languages, four fifths of them to train on."""
    with tarfile.open(find("names.tar.gz")) as packed:
        files = {Path(m.name).stem: packed.extractfile(m) for m in packed if m.isfile()}
        names = _shuffled(
            (name, language)
            for language, file in sorted(files.items())
            for name in file.read().decode("utf-8").split("\n")
            if name.strip()
        )
    return _table("text", "label")(names[: len(names) * 4 // 5], names[len(names) * 4 // 5 :])


def short_questions(find):
    """Generated questions of six classes."""
    made = questions(TRAIN + TEST)
    return _table("text", "label")(made[:TRAIN], made[TRAIN:])


def films(find):
    """Sentences of critics; a fifth is tested, in whole blocks of neighbours."""
    sentences = film_sentences.read()["train"]
    parts = split_blocks(sentences.labels, share=0.2, seed=0)
    pairs = [_shuffled((sentences.texts[k], sentences.labels[k]) for k in part) for part in parts]
    return _table("text", "label")(*pairs)


def film_reviews(find, count):
    """Some of them, and 2,000 reviews of other films to test."""
    parts = imdb.read().values()
    train, test = (_shuffled(zip(part.texts, part.labels, strict=True)) for part in parts)
    return _table("text", "label")(train[: int(count)], test[:2000])


def _tatoeba(find):
    return [line.split("\t")[:2] for line in _read(find("fra.txt")).splitlines()]


def sentences_by_language(find):
    """English and French sentences; no pair is in both parts."""
    pairs = _shuffled(_tatoeba(find))[:3500]
    both = [
        (text, code)
        for english, french in pairs
        for text, code in ((english, "en"), (french, "fr"))
    ]
    return _table("text", "label")(_shuffled(both[:5000]), _shuffled(both[5000:]))


def english_french(find):
    """Sentences of at most eight words; one with all its translations is in one part."""
    french = {}
    for source, target in _tatoeba(find):
        if len(source.split()) <= 8 and len(target.split()) <= 10:
            french.setdefault(source, []).append(target)
    sources = _shuffled(french)[:13_000]
    rows = [[(s, t) for s in part for t in french[s]] for part in (sources[1000:], sources[:1000])]
    return _table("source", "target")(*rows)


def _dictionary(find, name):
    words = {}
    for line in _read(find(name)).splitlines():
        word, phones = line.split(maxsplit=1)
        words.setdefault(word, " ".join(phones.split()))
    return _shuffled(words.items())


def pronunciations(find):
    """10,000 words and their phones, and 1,000 others."""
    train, test = (f"cmudict-0.7b.train-dev-{part}-21" for part in (20, 1))
    rows = _dictionary(find, train)[:10_000], _dictionary(find, test)[:1000]
    return _table("source", "target")(*rows)


def syllables(find):
    """The same words with their numbers of syllables, which are those of their vowels."""
    split = pronunciations(find)
    parts = [
        [(word, sum(p[0] in "AEIOU" for p in phones.split())) for word, phones in csv.reader(part)]
        for part in (split.train, split.test)
    ]
    return _table("text", "target")(*parts)


def archive(find, name):
    """A set that comes with sktime, in the parts in which it was published."""
    spec = find_spec("sktime")
    folder = Path(spec.origin).parent / "datasets" / "data" / name if spec else Path(name)
    parts, head = [], ""
    for part in ("TRAIN", "TEST"):
        if not (folder / f"{name}_{part}.ts").exists():
            raise DataError("no sktime here: pip install --no-deps sktime")
        lines = (folder / f"{name}_{part}.ts").read_text("utf-8").splitlines(keepends=True)
        parts.append([line.rstrip() + "\n" for line in lines if line[0] not in "#@%\r\n"])
        head = "".join(line for line in lines if line.startswith("@"))
    return Split(".ts", *parts, head)


def _sentences(text):
    return [block.rstrip("\n") + "\n\n" for block in text.split("\n\n") if block]


def conll2003(find):
    """The first 1,000 sentences, and `eng.testa`."""
    train, test = (
        [each for each in _sentences(_read(find(name))) if not each.startswith("-DOCSTART-")]
        for name in ("eng.train", "eng.testa")
    )
    return Split(".conll", train[:1000], test)


def ud_english_ewt(find):
    """The whole training file, and the development file."""
    return Split(
        ".conllu", *(_sentences(_read(find(f"en_ewt-ud-{p}.conllu"))) for p in ("train", "dev"))
    )


def shakespeare(find):
    """The first nine tenths, and the last."""
    lines = _read(find("input.txt")).splitlines(keepends=True)
    return Split(".txt", lines[: len(lines) * 9 // 10], lines[len(lines) * 9 // 10 :])


def ptb(find):
    """Penn Treebank: `ptb.train`, and `ptb.valid`, which nothing has seen."""
    parts = (_read(find(f"ptb.{part}.txt")) for part in ("train", "valid"))
    return Split(".txt", *(part.splitlines(keepends=True) for part in parts))


def series(find, name, steps, times):
    """A series whose last rows are forecast, so many steps at a time, so many times."""
    head, *rows = _read(find(name)).splitlines(keepends=True)
    end = len(rows) - int(steps) * int(times)
    return Split(".csv", rows[:end], rows[end:], head, int(steps))
