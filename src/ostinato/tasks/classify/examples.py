"""Examples as a classifier takes them: their classes, their parts, what fits into memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Examples, read_labelled, split_blocks
from ostinato.data.tables.labels import Label, each
from ostinato.errors import DataError, first_few, quoted
from ostinato.tasks.classify.settings import ClassifySettings

_FEW = 8  # labels that an error lists whole


def classes_in(examples: Examples, multi_label: bool) -> NDArray[np.generic]:
    """The classes in order: numbers where labels were given as numbers, else texts.

    Raises:
        DataError: when there is not enough to learn from.
    """
    counts = Counter(name for label in examples.labels for name in each(label))
    if multi_label and (len(counts) < 2 or len(examples) < 2):
        raise DataError(
            f"multi-label texts need at least two texts and two labels, not {_counted(counts)}"
        )
    several = sum(count > 1 for count in counts.values())  # one is trained on, and not measured
    if not multi_label and (several < 2 or (len(counts) > _FEW and 2 * several < len(counts))):
        alone = "one class, " if len(counts) == 1 else ""
        raise DataError(
            "a classifier needs at least two classes with two texts each, "
            f"not {alone}{_counted(counts)}"
        )
    return np.array(sorted(examples.own[n] for n in counts) if examples.own else sorted(counts))


def _counted(counts: Counter[str]) -> str:
    """How often each label is met, of many labels the rare ones; and what may be the cause."""
    rare = {name: count for name, count in counts.items() if count < 2}
    shown = rare if len(counts) > _FEW and rare else counts
    listed = "{" + first_few(f"{quoted(name)}: {count}" for name, count in shown.items()) + "}"
    if len(counts) <= _FEW or 2 * len(rare) <= len(counts):
        return listed
    return (
        f"{listed}: {len(rare):,} of {len(counts):,} labels occur once; if "
        "they are texts or numbers, data.label is the wrong column"
    )


def split_examples(examples: Examples, settings: ClassifySettings) -> tuple[Examples, Examples]:
    """Texts to train on, and held out: of each class whole blocks of neighbours, or a file.

    For multi-label texts, blocks are of all texts; texts with a label that would
    be in none that is trained on are trained on too.
    """
    multi_label = settings.data.labels.multi_label
    if isinstance(settings.data.validation, str):
        return examples, more_examples(settings.data.validation, settings, examples)
    labels = [""] * len(examples) if multi_label else examples.labels
    kept, held = split_blocks(labels, settings.data.validation, settings.seed)
    if multi_label:
        known = names_of(examples.labels[i] for i in kept)
        rare = [i for i in held if not known.issuperset(examples.labels[i])]
        if len(rare) < len(held):
            kept, held = np.concatenate([kept, rare]).astype(np.intp), np.setdiff1d(held, rare)
    return examples.select(kept), examples.select(held)


def more_examples(where: str, settings: ClassifySettings, known: Examples) -> Examples:
    """Examples of a file beside that of training, which have no other classes.

    Raises:
        DataError: when it cannot be read, or has another label.
    """
    own, classes = settings.data, names_of(known.labels)
    read = read_labelled(where, own.text, own.labels, classes=classes, dialect=own.dialect)
    if unknown := names_of(read["train"].labels) - classes:
        raise DataError(
            f"{where}: its label {quoted(min(unknown))} is not one of {first_few(sorted(classes))}"
        )
    return read["train"]


def names_of(labels: Iterable[Label]) -> set[str]:
    """All labels that occur."""
    return {name for label in labels for name in each(label)}
