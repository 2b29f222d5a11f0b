"""Series cut off, and continued: what forecasts begin with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ostinato.data.series.panel import Panel, Series
from ostinato.data.series.windows import Indices
from ostinato.errors import DataError, counted


def known_ends(panel: Panel) -> Indices:
    """The step after the last known target of each series, (S,).

    Raises:
        DataError: when a series has no known target.
    """
    ends = []
    for each in panel.series:
        end = each.known(len(panel.columns.target))
        if not end:
            raise DataError(f"{panel.called(each)} has no known target")
        ends.append(end)
    return np.array(ends, dtype=np.int64)


def before(panel: Panel, ends: Indices) -> Panel:
    """The steps of each series before these."""
    series = [
        Series(each.name, each.start, each.values[: max(end, 0)], each.static)
        for each, end in zip(panel.series, ends.tolist(), strict=True)
    ]
    return Panel(series, panel.columns, panel.clock, panel.missing, panel.gaps, panel.title)


def longer(panel: Panel, steps: int) -> Panel:
    """The series with known targets in more steps than these, or all where none has."""
    kept = [s for s, end in zip(panel.series, known_ends(panel), strict=True) if end > steps]
    return replace(panel, series=kept or panel.series)


def last_steps(panel: Panel, count: int) -> Panel:
    """The last steps of each series, and what is known of the time after them."""
    series = []
    for k, end in enumerate(known_ends(panel).tolist()):
        each, begin = panel.series[k], max(0, end - count)
        series.append(Series(each.name, panel.time(k, begin), each.values[begin:], each.static))
    return Panel(series, panel.columns, panel.clock, {}, 0, "the end of training's series")


def lengthened(panel: Panel, lookback: int) -> Panel:
    """Series as long as the look-back: what a shorter one lacks is its first step."""
    lacking = np.maximum(0, lookback - known_ends(panel))
    series = []
    for each, lacks in zip(panel.series, lacking.tolist(), strict=True):
        values = np.concatenate([np.repeat(each.values[:1], lacks, axis=0), each.values])
        start = panel.clock.at(each.start, range(-lacks, 1 - lacks))[0]
        series.append(Series(each.name, start, values, each.static))
    return replace(panel, series=series)


def continued(panel: Panel, lookback: int, horizon: int) -> tuple[Panel, Indices]:
    """Series with `horizon` steps after their last known target, where these begin.

    Raises:
        DataError: when a series is shorter than the look-back, or a future covariate is missing.
    """
    ends, columns = known_ends(panel), panel.columns
    first = len(columns.target) + len(columns.past)
    series = []
    for k, end in enumerate(ends.tolist()):
        each = panel.series[k]
        if end < lookback:
            raise DataError(
                f"{panel.called(each)} has {counted(end, 'step')}; the "
                f"look-back window needs {lookback:,}"
            )
        values = np.full((end + horizon, each.values.shape[1]), np.nan)
        given = each.values[: end + horizon]
        values[: len(given)] = given
        lost = np.isnan(values[end:, first:])
        if lost.any():
            step, column = np.argwhere(lost)[0].tolist()
            raise DataError(
                f"{panel.called(each)} needs the {columns.future[column]} of "
                f"{panel.written(k, end + step)}, which must be known in "
                "advance; give it in a row after the last known target"
            )
        values[end:, :first] = np.nan
        series.append(Series(each.name, each.start, values, each.static))
    return Panel(series, columns, panel.clock, {}, 0, panel.title), ends
