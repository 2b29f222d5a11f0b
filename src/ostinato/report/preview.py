"""An input as it will be read: what is in it, its first rows, and what is unusual in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from statistics import median
from typing import Any

from ostinato.data import Examples, Pairs, Panel, Skipped, Tagged, TaggedFile, Tokenizer, tokenizer
from ostinato.data.files.bad import good
from ostinato.data.files.numerals import Numerals, Unclear
from ostinato.data.readers.named import are_examples, are_pairs, packaged, read_rows
from ostinato.data.readers.signals import are_in
from ostinato.data.sentences import schemes
from ostinato.data.sentences.notation import notation_of
from ostinato.data.series.composed import is_time_of_day
from ostinato.data.series.times import is_date
from ostinato.data.tables.table import Table
from ostinato.errors import ConfigError, DataError, counted, first_few, quoted, shortened
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.base.summary import Message, Shown, SummaryTable
from ostinato.tasks.base.task import Task

ROWS = 5
_FEW = 10  # texts of a class, below which little can be learned of it
_TAGGED = (".conll", ".conllu", ".iob", ".bio")
_COLUMNS = {
    ("source", "target"): "transduce",
    ("text", "target"): "regress",
    ("text", "label"): "classify",
}


def task_of(where: str) -> str:
    """The task that an input is for, by its name and its columns.

    Raises:
        ConfigError: when it does not say.
        DataError: when it cannot be read.
    """
    content = packaged(where)
    if content is not None:
        kinds = {
            "classify": are_examples(content),
            "transduce": are_pairs(content),
            "forecast": isinstance(content, Table),
        }
        return next((name for name, fits in kinds.items() if fits), "generate")
    plain = where.lower().removesuffix(".gz").removesuffix(".xz")
    if plain.endswith(_TAGGED):
        return "tag"
    if are_in(where):
        return "classify"
    if plain.endswith((".txt", ".md")):
        return "generate"
    if where == "-":
        raise ConfigError("standard input is read once: say with --task what it is for")
    try:
        first = next(good(read_rows(where), where, Skipped()), None)
    except IsADirectoryError:
        return "classify"
    names = list(first.columns) if first else []
    for needed, task in _COLUMNS.items():
        if {*needed} <= {*names}:
            return task
    values = [v for v in (first.columns.values() if first else ()) if not _is_time(v)]
    if values and sum(map(_is_number, values)) * 2 >= len(values):
        return "forecast"
    raise ConfigError(
        f"{where}: the columns are {first_few(map(quoted, names))}; say with --task what it is "
        "for, and with the task's options which columns, such as --data.text and --data.label"
    )


def preview(task: Task, settings: TaskSettings, read: Any) -> Iterator[Shown]:
    """What has been read for a task.

    Args:
        task: the task.
        settings: its settings, which say how texts are split.
        read: what an estimator's `fit` takes first.
    """
    yield Message(f"Read for: {task.name}.")
    match read:
        case Examples():
            yield from _examples(settings, read, task.name)
        case Pairs():
            yield from _pairs(settings, read)
        case TaggedFile():
            yield from _tagged(read.tagged())
        case Tagged():
            yield from _tagged(read)
        case Panel():
            yield from _panel(read)
        case _:
            yield from _text(settings, read)


def _examples(settings: Any, read: Examples, task: str) -> Iterator[Shown]:
    texts, labels = read.texts, read.labels
    series = bool(len(texts)) and not isinstance(texts[0], str)
    split = None if series else tokenizer(settings.tokenizer)
    what = "time series" if series else f"texts, read by the tokenizer {settings.tokenizer}"
    yield Message(f"{len(read):,} {what}.")
    if series:
        yield from _lengths([len(each) for each in texts], "step")
    elif split and not split.learns:
        yield from _lengths([len(split.split(each)) for each in islice(texts, 5000)], "token")
    if task == "classify":
        count = Counter(x for y in labels for x in (y if isinstance(y, tuple) else (y,)))
        many = ", ".join(f"{quoted(name)} {n:,}" for name, n in count.most_common(12))
        yield Message(f"{counted(len(count), 'class').replace('classs', 'classes')}: {many}"
                      f"{', …' if len(count) > 12 else ''}.")  # fmt: skip
        if rare := [name for name, n in count.items() if n < _FEW]:
            yield Message(
                f"Unusual: {len(rare)} with fewer than {_FEW} examples: "
                f"{first_few(map(quoted, rare))}."
            )
    if not series and (double := len(texts) - len(set(texts))):
        yield Message(f"Unusual: {counted(double, 'text')} stand there more than once.")
    rows = [
        [_short(labels[k]), _cut(texts[k], split) if split else str(getattr(texts[k], "shape", ""))]
        for k in range(min(ROWS, len(read)))
    ]
    yield _rows(["target" if task == "regress" else "label", "tokens"], rows)


def _pairs(settings: Any, read: Pairs) -> Iterator[Shown]:
    splits = [tokenizer(part.tokenizer) for part in (settings.source, settings.target)]
    names = f"{settings.source.tokenizer} and {settings.target.tokenizer}"
    yield Message(f"{len(read):,} pairs, read by the tokenizers {names}.")
    for side, split, texts in zip(
        ("source", "target"), splits, (read.sources, read.targets), strict=True
    ):
        if not split.learns:
            sizes = [len(split.split(each)) for each in islice(texts, 5000)]
            yield from _lengths(sizes, "token", f" of a {side}")
    same = sum(a == b for a, b in zip(read.sources, read.targets, strict=True))
    if same:
        yield Message(f"Unusual: in {counted(same, 'pair')} source and target are the same.")
    rows = [
        [_cut(read.sources[k], splits[0]), _cut(read.targets[k], splits[1])]
        for k in range(min(ROWS, len(read)))
    ]
    yield _rows(["source", "target"], rows)


def _tagged(read: Tagged) -> Iterator[Shown]:
    count = Counter(tag for tags in read.tags for tag in tags)
    yield Message(
        f"{counted(len(read), 'sentence')} of {counted(read.tokens(), 'word')}, "
        f"format {read.format or 'in memory'}."
    )
    notation = notation_of(count)
    entities = notation is not None
    many = ", ".join(f"{quoted(tag)} {n:,}" for tag, n in count.most_common(12))
    yield Message(
        f"{len(count)} tags, {'of entities' if entities else 'one for each word'}: {many}"
        f"{', …' if len(count) > 12 else ''}."
    )
    yield from _lengths(list(map(len, read.words)), "word")
    tags = [[notation.read(tag) or tag for tag in own] for own in read.tags] if notation else []
    odd = schemes.unusual(tags)
    if all(odd.values()):  # no scheme would write them so
        first = ", ".join(f"{what} {n:,}" for what, n in islice(odd.items(), 4))
        yield Message(f"Unusual in the scheme: {first}.")
    pairs = list(zip(read.words[0], read.tags[0], strict=True))[: 2 * ROWS]
    yield _rows(["word", "tag"], [[_short(word), tag] for word, tag in pairs])


def _panel(read: Panel) -> Iterator[Shown]:
    season = read.clock.season()
    columns = read.columns
    yield Message(
        f"Time: {', '.join(columns.times) or 'the order of the rows'}; season: "
        f"{counted(season, 'step') if season > 1 else 'none known, see --data.season'}."
    )
    first = read.series[0]
    names = columns.numbers[:6]
    rows = [
        [read.written(0, k), *(f"{value:g}" for value in first.values[k][: len(names)].tolist())]
        for k in range(min(ROWS, len(first)))
    ]
    yield _rows([f"time{f', {first.name}' if first.name else ''}", *names], rows)


def _text(settings: Any, read: Iterable[str]) -> Iterator[Shown]:
    split = tokenizer(settings.tokenizer)
    size, start = 0, ""
    characters: Counter[str] = Counter()
    for chunk in [read] if isinstance(read, str) else read:
        start += chunk[: 2000 - len(start)]
        size += len(chunk)
        characters.update(chunk)
    yield Message(
        f"{size:,} characters, {len(characters):,} different ones; read by the tokenizer "
        f"{settings.tokenizer}."
    )
    if odd := [c for c in characters if not c.isprintable() and c not in "\n\t\r"]:
        yield Message(f"Unusual: control characters: {first_few(map(quoted, odd))}.")
    if not size:
        raise DataError("the text is empty")
    rows = [[_cut(line, split)] for line in start.splitlines()[:ROWS]]
    yield _rows(["tokens"], rows)


def _lengths(sizes: Sequence[int], unit: str, before: str = "") -> Iterator[Shown]:
    if sizes:
        about = counted(round(median(sizes)), unit)
        yield Message(f"Length{before}: median {about}, from {min(sizes):,} to {max(sizes):,}.")


def _cut(text: str, split: Tokenizer) -> str:
    """The beginning of a text, with bars between its tokens where the tokenizer is known."""
    shown = text[:300]
    return shortened(shown if split.learns else " | ".join(split.split(shown)), 70)


def _short(value: object) -> str:
    return shortened(", ".join(map(str, value)) if isinstance(value, tuple) else str(value), 30)


def _rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> SummaryTable:
    return SummaryTable(columns, rows, title="first rows", text=True)


def _is_time(value: object) -> bool:
    return is_time_of_day(value) or is_date(value)


def _is_number(value: object) -> bool:
    try:
        Numerals().read(str(value))
    except Unclear:
        return True
    except ValueError:
        return False
    return True
