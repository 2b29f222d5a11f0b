"""Tagged words: columns as of CoNLL, or CoNLL-U."""

from collections import Counter, defaultdict
from tempfile import TemporaryDirectory

import numpy as np

from ostinato.tasks.tag.measures import entity_scores, total


def read(path):
    """The words and the tags of each sentence."""
    conllu = path.suffix == ".conllu"
    sentences = []
    for block in path.read_text("utf-8").strip().split("\n\n"):
        rows = [line.split("\t" if conllu else None) for line in block.splitlines()]
        if conllu:
            rows = [(row[1], row[3]) for row in rows if row[0].isdecimal()]
        sentences.append(([row[0] for row in rows], [row[-1] for row in rows]))
    return sentences


def _scored(sentences, predicted, measure):
    true = [tags for _, tags in sentences]
    if measure == "f1":
        return total(entity_scores(true, predicted)).f1
    return float(np.mean(np.concatenate(true) == np.concatenate(predicted)))


def frequent(train, test, measure):
    """Each word's most frequent tag."""
    counts, all_tags = defaultdict(Counter), Counter()
    for words, tags in read(train):
        all_tags.update(tags)
        for word, tag in zip(words, tags, strict=True):
            counts[word][tag] += 1
    usual = all_tags.most_common(1)[0][0]
    best = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    sentences = read(test)
    predicted = [[best.get(word, usual) for word in words] for words, _ in sentences]
    return _scored(sentences, predicted, measure)


def _shape(word):
    kinds = (
        "A" if c.isupper() else "a" if c.islower() else "0" if c.isdigit() else c for c in word
    )
    shape = ""
    for kind in kinds:
        shape += kind if not shape.endswith(kind) else ""
    return shape


def _features(words):
    for at, word in enumerate(words):
        own = {"bias", f"w={word.lower()}", f"shape={_shape(word)}"}
        own |= {f"-{k}={word[-k:].lower()}" for k in (1, 2, 3, 4)}
        own |= {f"{k}-={word[:k].lower()}" for k in (1, 2, 3)}
        for step in (-2, -1, 1, 2):
            other = words[at + step] if 0 <= at + step < len(words) else "<edge>"
            own |= {f"{step}w={other.lower()}", f"{step}shape={_shape(other)}"}
        yield sorted(own)


def crf(train, test, measure):
    """A CRF on words, affixes, shapes and neighbours."""
    import pycrfsuite

    trainer = pycrfsuite.Trainer(verbose=False)
    for words, tags in read(train):
        trainer.append(list(_features(words)), tags)
    trainer.set_params({"c1": 0.1, "c2": 0.01, "max_iterations": 100})
    tagger, sentences = pycrfsuite.Tagger(), read(test)
    with TemporaryDirectory() as folder:
        trainer.train(f"{folder}/crf")
        tagger.open(f"{folder}/crf")
    predicted = [tagger.tag(list(_features(words))) for words, _ in sentences]
    return _scored(sentences, predicted, measure)
