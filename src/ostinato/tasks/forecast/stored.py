"""What a forecaster's run keeps of its series fits together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Panel
from ostinato.data.series.windows import Parts, Scale


def check_stored(
    panel: Panel, scale: Scale, parts: Parts, naive_error: NDArray[np.float64], horizon: int
) -> None:
    """Refuses what cannot be of one training.

    Args:
        panel: the end of training's series.
        scale: of each series and column.
        parts: where the parts of each series end.
        naive_error: (S, C).
        horizon: the steps foretold.

    Raises:
        ValueError: when something is missing, has other sizes, or is no number.
    """
    columns, clock = panel.columns, panel.clock
    lists = columns.target, columns.past, columns.future, columns.static
    words = [word for each in lists for word in each] + [each.name for each in panel.series]
    if not all(isinstance(each, list) for each in lists) or not columns.target:
        raise ValueError("columns that are no lists")
    if not all(isinstance(word, str) for word in words):
        raise ValueError("a name that is no text")
    if clock.kind not in ("number", "time", "month"):
        raise ValueError(f"a clock of {clock.kind!r}")
    if not all(isinstance(n, int) for n in (clock.step, clock.day, clock.rest)) or clock.step < 1:
        raise ValueError(f"a clock of steps of {clock.step!r}")
    names = {each.name for each in panel.series}
    if not names or len(names) < len(panel.series):
        raise ValueError("no series, or two of one name")
    if names != scale.mean.keys() or names != scale.deviation.keys():
        raise ValueError("a scale of other series")
    width = (len(columns.numbers),)
    for name in names:
        mean, deviation = scale.mean[name], scale.deviation[name]
        if mean.shape != width or deviation.shape != width:
            raise ValueError("a scale of other columns")
        if not np.isfinite([mean, deviation]).all() or not (deviation > 0).all():
            raise ValueError("a scale that is no number")
    if len(scale.static) != len(columns.static):
        raise ValueError("static columns of another number")
    for each in panel.series:
        if len(each.static) != len(columns.static):
            raise ValueError("static values of another number")
        clock.at(each.start, range(len(each) + horizon - 1, len(each) + horizon))
    count = (len(panel.series),)
    if any(ends.shape != count for ends in (parts.training, parts.validation, parts.test)):
        raise ValueError("parts of other series")
    if naive_error.shape != (*count, len(columns.target)):
        raise ValueError("errors of other series")
