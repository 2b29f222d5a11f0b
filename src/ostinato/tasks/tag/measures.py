"""How well words are tagged: entities as `conlleval` counts them, and single tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ostinato.data.sentences.schemes import spans
from ostinato.tasks.tag.labels import Labels


@dataclass(frozen=True)
class Score:
    """Counts of a type of entity, or of a tag.

    Attributes:
        correct: found where they are, and of the right type.
        found: predicted.
        there: in the data.
    """

    correct: int
    found: int
    there: int

    @property
    def precision(self) -> float:
        """The part of what was found that is correct; 0 where nothing was."""
        return self.correct / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """The part of what is there that was found; 0 where nothing is."""
        return self.correct / self.there if self.there else 0.0

    @property
    def f1(self) -> float:
        """2 · correct / (found + there): the harmonic mean of precision and recall."""
        both = self.found + self.there
        return 2 * self.correct / both if both else 0.0


@dataclass(frozen=True)
class TagMeasures:
    """How a tagger does on tagged sentences.

    Attributes:
        accuracy: the part of words whose tag is right.
        total: all entities together; of tags without a scheme, all words.
        scores: for each type of entity, or each tag, in alphabetical order.
        confusion: words by true (row) and predicted tag (column), prefixes of schemes left out.
        classes: the tags, in the order of the rows.
        words: how many words were judged.
        unknown_words: how many of them are not in the vocabulary.
        unknown_characters: characters that training did not have, each with its count.
    """

    accuracy: float
    total: Score
    scores: dict[str, Score]
    confusion: NDArray[np.int64]
    classes: list[str]
    words: int
    unknown_words: int
    unknown_characters: Counter[str]

    @property
    def f1(self) -> float:
        """F1 of all entities; of tags without a scheme it is the accuracy."""
        return self.total.f1


def entity_scores(
    true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, Score]:
    """The counts of `conlleval` for each type of entity; an entity is found whole or not at all.

    Args:
        true: the tags of each sentence, in any scheme of `data.schemes`.
        predicted: the predicted ones.

    Source: Tjong Kim Sang & Buchholz 2000, the evaluation of the CoNLL-2000 shared task.
    """
    counts = [Counter[str]() for _ in range(3)]
    for a, b in zip(true, predicted, strict=True):
        there, found = set(spans(a)), set(spans(b))
        for counter, chosen in zip(counts, (there & found, found, there), strict=True):
            counter.update(span.kind for span in chosen)
    return _scores(*counts)


def tag_scores(
    true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, Score]:
    """The same counts for single tags."""
    pairs = [
        (a, b) for x, y in zip(true, predicted, strict=True) for a, b in zip(x, y, strict=True)
    ]
    correct = Counter(a for a, b in pairs if a == b)
    return _scores(correct, Counter(b for _, b in pairs), Counter(a for a, _ in pairs))


def total(scores: dict[str, Score]) -> Score:
    """All of them together."""
    each = scores.values()
    return Score(
        sum(s.correct for s in each), sum(s.found for s in each), sum(s.there for s in each)
    )


def accuracy_and_f1(
    labels: Labels, true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, float]:
    """`accuracy`, and `f1` as in `TagMeasures`; words whose tag is not known are left out."""
    true, predicted = labels.known(true, predicted)
    accuracy = right(true, predicted) / max(sum(map(len, true)), 1)
    f1 = total(entity_scores(true, predicted)).f1 if labels.entities else accuracy
    return {"accuracy": accuracy, "f1": f1}


def right(true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> int:
    """How many words have the right tag."""
    pairs = zip(true, predicted, strict=True)
    return sum(a == b for x, y in pairs for a, b in zip(x, y, strict=True))


def confusion(
    true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: str
) -> tuple[list[str], NDArray[np.int64]]:
    """The tags, and words by true (row) and predicted tag (column); of a scheme by their types."""

    def kinds(sentences: Sequence[Sequence[str]]) -> list[str]:
        flat = [tag for tags in sentences for tag in tags]
        return flat if scheme == "none" else [tag[2:] or tag for tag in flat]

    a, b = kinds(true), kinds(predicted)
    classes = sorted({*a, *b})
    place = {name: k for k, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, ([place[x] for x in a], [place[x] for x in b]), 1)
    return classes, counts


def _scores(correct: Counter[str], found: Counter[str], there: Counter[str]) -> dict[str, Score]:
    kinds = sorted({*found, *there})
    return {kind: Score(correct[kind], found[kind], there[kind]) for kind in kinds}
