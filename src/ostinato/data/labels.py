"""Labels of any type as text, and labels that are measurements refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ostinato.errors import DataError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"([+-]?\d+)\.0*")


def label_text(value: Any) -> Any:
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
    if not all(_NUMBER.fullmatch(label) for label in labels):
        return
    for label in labels:
        if not float(label).is_integer():
            place = f", {labels[label]}" if isinstance(labels, Mapping) else ""
            raise DataError(
                f"{title}{place}: the label {label} is a number with a fraction, as all labels are "
                "numbers: a classifier needs classes, not measurements; name each class by a word"
            )
