"""Labels of any type as text, and labels that are measurements refused."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ostinato.data.files.numerals import NUMBER, is_missing
from ostinato.errors import DataError, shortened

_WHOLE = re.compile(r"([+-]?\d+)\.0*", re.ASCII)

Label: TypeAlias = str | tuple[str, ...]
"""The label of a text; for multi-label texts, all labels in alphabetical order."""


@dataclass(frozen=True)
class LabelColumn:
    """The column with the labels, and how many a text has there.

    Attributes:
        name: the column.
        multi_label: whether a text has any number of labels, also none.
        separator: what stands between them where they are one text; None where they never are.
        numeric: whether labels are numbers to predict, and not classes: each is the text of a
            finite number, which `float` reads as the number that was given.
    """

    name: str = "label"
    multi_label: bool = False
    separator: str | None = None
    numeric: bool = False

    def parts(self, value: object) -> list[object]:
        """The labels in a value, as written; a multi-label value may be empty.

        >>> LabelColumn("label", multi_label=True, separator="|").parts("war|drama")
        ['war', 'drama']
        >>> LabelColumn("label", multi_label=True).parts(None)
        []
        """
        if not self.multi_label:
            return [value]
        if isinstance(value, str):
            parts = value.split(self.separator) if self.separator else [value]
            return [part for part in parts if part.strip()]
        if hasattr(value, "tolist"):  # of NumPy, as pyarrow and Hugging Face give lists
            value = value.tolist()
        if is_missing(value):
            return []
        return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def each(label: Label) -> Iterator[str]:
    """The label or labels; equal ones are one string in memory."""
    return map(sys.intern, (label,) if isinstance(label, str) else label)


def interned(label: Label) -> Label:
    """The label, of which memory holds every name once."""
    return sys.intern(label) if isinstance(label, str) else tuple(each(label))


def label_text(value: object) -> Any:
    """A label as text; what cannot be one, such as a list or NaN, is given back as it is.

    A number without a fraction is that whole number, however it is written, because tables with
    a missing value turn 0 and 1 into 0.0 and 1.0.

    >>> label_text(" pos "), label_text(1), label_text(1.0), label_text("1.0"), label_text(True)
    ('pos', '1', '1', '1', 'True')
    """
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a NumPy scalar
        value = value.item()
    if isinstance(value, float):
        if value != value:
            return value
        value = repr(value)
    elif isinstance(value, int):  # bool too
        value = str(value)
    if not isinstance(value, str):
        return value
    value = value.strip()
    whole = _WHOLE.fullmatch(value)
    return str(int(whole[1])) if whole and len(value) < 20 else value


def refuse_measurements(labels: Mapping[str, str] | Collection[str], title: str) -> None:
    """Refuses labels that are all numbers, some with a fraction: values to predict, not classes.

    Args:
        labels: every different label; as a mapping, with the place where it is first met.
        title: the file, for the error.

    Raises:
        DataError: for such labels; the message names the first with a fraction.
    """
    if not all(NUMBER.fullmatch(label) for label in labels):
        return
    for label in labels:
        value = float(label)  # one of hundreds of digits is infinite, and has no fraction
        if math.isfinite(value) and not value.is_integer():
            place = f", {labels[label]}" if isinstance(labels, Mapping) else ""
            raise DataError(
                f"{title}{place}: the label {shortened(label)} is not an "
                "integer; a classifier needs classes, not continuous values; "
                "name each class by a word, or predict the values with `ostinato fit regress`"
            )
