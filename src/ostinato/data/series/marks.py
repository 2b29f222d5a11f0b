"""Numbers that stand for missing values, as they often do: -200, -999 and others."""

from __future__ import annotations

import numpy as np

from ostinato.data.series.panel import Panel
from ostinato.errors import first_few, quoted

_USUAL = (-99, -99.9, -99.99, -200, -999, -999.9, -999.99, -9999, -9999.9, -99999)


def marks(panel: Panel) -> dict[str, float]:
    """The columns in which the smallest number is a usual mark, and this one.

    It comes more than once, and no other number is below half of it.
    """
    found = {}
    for k, name in enumerate(panel.columns.numbers):
        values = np.concatenate([each.values[:, k] for each in panel.series])
        values = values[~np.isnan(values)]
        least = values.min(initial=0)
        same = values == least
        if least in _USUAL and same.sum() > 1 and (values[~same] > least / 2).all():
            found[name] = float(least)
    return found


def marks_said(panel: Panel) -> str:
    """What to do about them, in a sentence; empty where there are none."""
    found = marks(panel)
    if not found:
        return ""
    shown = ", ".join(f"{value:g}" for value in sorted(set(found.values())))
    options = " ".join(f"--data.na-values={value:g}" for value in sorted(set(found.values())))
    return (
        f"{shown} in {first_few(map(quoted, found))} is far below all other numbers; if it stands "
        f"for missing values, use {options}"
    )
