"""Windows of series: a look-back that is read, and after it a horizon that is forecast.

Everything is on the scale of the training part: a value less the mean, over the deviation, both of
the training part of its own series and column, so that nothing later has any influence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypedDict, final

import numpy as np
from numpy.typing import NDArray

from ostinato.data.series.clock import Clock
from ostinato.data.series.panel import Panel, Series
from ostinato.errors import ConfigError, DataError, counted, first_few, quoted, shortened

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
CALENDAR = {"hour": 86_400.0, "weekday": 604_800.0, "season": 31_556_952.0}
"""Covariates of the time itself, by name, and how long each one's circle is, in seconds."""


@dataclass(frozen=True)
class Parts:
    """Where the parts of each series end, in steps: (S,) each."""

    training: Indices
    validation: Indices
    test: Indices

    @classmethod
    def of(
        cls,
        panel: Panel,
        training: float | None,
        validation: float,
        test: float,
        horizon: int,
        lookback: int = 0,
    ) -> Self:
        """Parts of these sizes: below 1 a share of the series, from 1 on a number of steps.

        A share is at least as long as the horizon. Without a size for training, the other two end
        with the series, and all before them is for training. With one, the parts begin with the
        series, and what is left at its end is unused. A series ends here with its last known
        target, before the steps that are to be forecast. One of several that is too short for its
        parts is all for training, see `unheld`.

        Raises:
            DataError: when all series are too short for their parts; the longest is named. Or when
                none has a training part as long as a window, of `lookback` steps and the horizon.
        """
        sizes, short = [], []
        for each in panel.series:
            length = each.known(len(panel.columns.target))
            held, seen = (_steps(size, length, horizon) for size in (validation, test))
            own = length - held - seen if training is None else _steps(training, length)
            sizes.append((own, held, seen))
            short.append(own < 1 or own + held + seen > length)
        if all(short):
            each = max(panel.series, key=len)
            own, held, seen = sizes[panel.series.index(each)]
            what = "step" if each.known(len(panel.columns.target)) == len(each) else "known step"
            length = each.known(len(panel.columns.target))
            raise DataError(
                f"{panel.called(each)} has {counted(length, what)}, too "
                f"few for sets of {max(own, 0):,}, {held:,} and {seen:,}, "
                f"and a horizon of {horizon:,}"
            )
        for k in np.flatnonzero(short).tolist():
            sizes[k] = panel.series[k].known(len(panel.columns.target)), 0, 0
        cls._check_windows(panel, sizes, lookback, horizon)
        return cls(*np.array(sizes, dtype=np.int64).cumsum(1).T)

    @property
    def unheld(self) -> Indices:
        """The series of which nothing is held out, because they are too short."""
        return np.flatnonzero(self.training == self.validation)

    @staticmethod
    def _check_windows(
        panel: Panel, sizes: Sequence[tuple[int, int, int]], lookback: int, horizon: int
    ) -> None:
        """That there is a window in each part.

        Raises:
            DataError: where there is none.
        """
        each, (own, held, seen) = max(
            zip(panel.series, sizes, strict=True), key=lambda pair: pair[1][0]
        )
        if own < lookback + horizon:
            raise DataError(
                f"{panel.called(each)} has {counted(len(each), 'step')}, in "
                f"sets of {own:,}, {held:,} and {seen:,}, and the training "
                f"set has no window: a look-back window of {lookback:,} and a "
                f"horizon of {horizon:,} need {lookback + horizon:,} "
                "consecutive steps; make data.lookback or data.horizon "
                "shorter"
            )
        for each, (_, held, seen) in zip(panel.series, sizes, strict=True):
            for part, size in ({"validation": held} | ({"test": seen} if seen else {})).items():
                if 0 < size < horizon:
                    raise DataError(
                        f"{panel.called(each)} has {counted(size, 'step')} in "
                        f"its {part} set, and the horizon of {horizon:,} is "
                        f"longer; make data.{part} larger or data.horizon "
                        "shorter"
                    )


def _steps(size: float, length: int, least: int = 0) -> int:
    """The steps of a size; of a share at least so many, unless it is 0."""
    if not size:
        return 0
    return max(round(size * length), least) if size < 1 else int(size)


@final
class StaticWords(TypedDict):
    """A static column of words: those that training had, in alphabetical order."""

    words: list[str]


@final
class Number(TypedDict):
    """A static column of numbers: their mean and deviation over the series of training."""

    mean: float
    deviation: float


class ScaleRecord(TypedDict):
    """A `Scale` as JSON has it: mean and deviation of each series by name."""

    series: dict[str, list[list[float]]]
    static: list[StaticWords | Number]


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each series (by name) and column, over its training part.

    The deviation is that of the values themselves, divided by their number. That of a column that
    never changes is taken as 1.

    Attributes:
        mean, deviation: (N,) each, by name.
        static: how each static column is read.
    """

    mean: dict[str, NDArray[np.float64]]
    deviation: dict[str, NDArray[np.float64]]
    static: list[StaticWords | Number]

    @classmethod
    def of(cls, panel: Panel, ends: Indices) -> Self:
        """The scale of the first steps of each series.

        Raises:
            DataError: when a target has no value there.
        """
        mean, deviation = {}, {}
        for each, end in zip(panel.series, ends, strict=True):
            part = each.values[:end]
            empty = np.asarray(np.isnan(part).all(0))
            for k, column in enumerate(panel.columns.target):
                if empty[k]:
                    of = f"{panel.called(each)} has no value of {shortened(column)}"
                    raise DataError(f"{of} in its training set")
            part = np.where(empty, 0.0, part)
            mean[each.name] = np.nanmean(part, axis=0)
            # by rounding the deviation of equal numbers may be 1e-17
            changes = np.nanmax(part, axis=0) > np.nanmin(part, axis=0)
            deviation[each.name] = np.where(changes, np.nanstd(part, axis=0), 1.0)
        columns = zip(*(each.static for each in panel.series), strict=True)
        return cls(mean, deviation, [_static(list(values)) for values in columns])

    def to_json(self) -> ScaleRecord:
        """Plain data."""
        both = {
            name: [self.mean[name].tolist(), self.deviation[name].tolist()] for name in self.mean
        }
        return {"series": both, "static": self.static}

    @classmethod
    def from_json(cls, read: ScaleRecord) -> Self:
        """What `to_json` made."""
        mean = {name: np.array(both[0]) for name, both in read["series"].items()}
        deviation = {name: np.array(both[1]) for name, both in read["series"].items()}
        return cls(mean, deviation, list(read["static"]))

    @property
    def static_features(self) -> int:
        """The numbers that `statics` makes of the static columns of a series."""
        return sum(len(how["words"]) if "words" in how else 1 for how in self.static)

    def statics(self, panel: Panel) -> Floats:
        """(S, ·): numbers on the scale of the training series, a word as a one among zeros.

        A word that was not there in training is all zeros, see `unknown`.
        """
        found = []
        for each in panel.series:
            features: list[float] = []
            for value, how in zip(each.static, self.static, strict=True):
                if "words" in how:
                    features += [float(str(value) == word) for word in how["words"]]
                elif isinstance(value, str):
                    raise DataError(
                        f"{panel.called(each)} has the static value "
                        f"{quoted(value)}, but training had numbers"
                    )
                else:
                    features.append((value - how["mean"]) / how["deviation"])
            found.append(features)
        return np.array(found, dtype=np.float32).reshape(len(panel.series), -1)

    def unknown(self, panel: Panel) -> list[tuple[str, str, str]]:
        """The words that were not there in training: series, column and word of each."""
        return [
            (each.name, column, str(value))
            for each in panel.series
            for column, value, how in zip(
                panel.columns.static, each.static, self.static, strict=True
            )
            if "words" in how and str(value) not in how["words"]
        ]


def _static(values: list[str | float]) -> StaticWords | Number:
    if any(isinstance(value, str) for value in values):
        return {"words": sorted(set(map(str, values)))}
    numbers = np.array(values, np.float64)
    deviation = float(numbers.std()) if numbers.max() > numbers.min() else 1.0
    return {"mean": float(numbers.mean()), "deviation": deviation}


class WindowBatch(NamedTuple):
    """Windows side by side, all on the scale of training.

    Attributes:
        past: (B, L, N): targets, past and future covariates, missing values filled.
        future: (B, H, F): future covariates and the calendar.
        static: (B, S).
        targets: (B, H, C): what came; NaN where it is not known.
    """

    past: Floats
    future: Floats
    static: Floats
    targets: Floats


class Windows:
    """The windows of some series.

    A missing value that is read is filled with the last one known before it, and with the mean of
    the training part where there is none; one that is forecast stays NaN, and does not count.

    Args:
        panel: the series.
        scale: the scale of training.
        lookback: L, the steps read.
        horizon: H, the steps forecast.
        calendar: covariates of the time itself, see `CALENDAR`.

    Raises:
        DataError: for a series that was not in training, or a calendar without times.
    """

    def __init__(
        self,
        panel: Panel,
        scale: Scale,
        lookback: int,
        horizon: int,
        calendar: Sequence[str] = (),
    ) -> None:
        self.panel, self.lookback, self.horizon = panel, lookback, horizon
        self.targets_read = len(panel.columns.target)
        self._first_known = self.targets_read + len(panel.columns.past)
        for each in panel.series:
            if each.name not in scale.mean:
                known = first_few(map(quoted, scale.mean))
                raise DataError(
                    f"{panel.called(each)} is not in the training data, which has {known}"
                )
        self.mean = np.array([scale.mean[each.name] for each in panel.series])
        self.deviation = np.array([scale.deviation[each.name] for each in panel.series])
        self.lengths = np.array([len(each) for each in panel.series], dtype=np.int64)
        self.known = np.array([each.known(self.targets_read) for each in panel.series], np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        scaled = [
            (each.values - mean) / deviation
            for each, mean, deviation in zip(panel.series, self.mean, self.deviation, strict=True)
        ]
        self.targets = np.concatenate([s[:, : self.targets_read] for s in scaled]).astype(
            np.float32
        )
        times = [_calendar(panel.clock, each, calendar) for each in panel.series]
        filled = [np.hstack([_carried(s), t]) for s, t in zip(scaled, times, strict=True)]
        self.values = np.concatenate(filled).astype(np.float32)
        self.static = scale.statics(panel)

    def origins(
        self, first: Iterable[int], last: Iterable[int], stride: int = 1, observed: bool = False
    ) -> Indices:
        """Each window whose horizon lies in a stretch of its series, as (series, its first step).

        Its look-back may begin before that stretch.

        Args:
            first: where the stretch of each series begins.
            last: where it ends.
            stride: every how many steps a window begins.
            observed: only windows with a target that is known.

        Returns:
            (W, 2).
        """
        found = []
        for k, (begin, end) in enumerate(zip(first, last, strict=True)):
            starts = np.arange(max(begin, self.lookback), end - self.horizon + 1, stride)
            found.append(np.stack([np.full_like(starts, k), starts], axis=1))
        index = np.concatenate(found).astype(np.int64)
        if observed and np.isnan(self.targets).any():
            known = ~np.isnan(self.targets).all(1)
            seen = np.concatenate([[0], np.cumsum(known)])
            at = self.offsets[index[:, 0]] + index[:, 1]
            index = index[seen[at + self.horizon] > seen[at]]
        return index

    def take(self, index: Indices) -> WindowBatch:
        """The windows (B, 2), as `origins` gives them."""
        at = self.offsets[index[:, 0]] + index[:, 1]
        past = at[:, None] + np.arange(-self.lookback, 0)
        come = at[:, None] + np.arange(self.horizon)
        known = self.values[come][..., self._first_known :]
        return WindowBatch(self.values[past], known, self.static[index[:, 0]], self.targets[come])

    def require(self, index: Indices, part: str) -> Indices:
        """The windows, if there are any.

        Raises:
            DataError: when there is none; it says how long a series must be.
        """
        if len(index):
            return index
        need = self.lookback + self.horizon
        longest = self.panel.series[int(self.lengths.argmax())]
        raise DataError(
            f"{self.panel.called(longest)} has "
            f"{counted(len(longest), 'step')}, and the {part} set has no "
            f"window: look-back window {self.lookback:,} and horizon "
            f"{self.horizon:,} need {need:,} consecutive steps"
        )


def _carried(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (T, N) with missing ones as the last before them, 0 where there is none."""
    lost = np.isnan(values)
    if not lost.any():
        return values
    last = np.maximum.accumulate(np.where(lost, -1, np.arange(len(values))[:, None]), axis=0)
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last < 0, 0.0, carried)


def _calendar(clock: Clock, each: Series, names: Sequence[str]) -> NDArray[np.float64]:
    """(T, 2·names): sine and cosine of the place of each step on the circles of the calendar."""
    if names and clock.kind == "number":
        raise DataError("data.calendar requires a column of dates")
    for name in names:
        if name not in CALENDAR:
            raise ConfigError(f"data.calendar: {quoted(name)} is not one of {', '.join(CALENDAR)}")
    if not names:
        return np.zeros((len(each), 0))
    times = np.array(clock.at(each.start, range(len(each))), dtype="M8[s]").astype(np.float64)
    angles = [2 * np.pi * times / CALENDAR[name] for name in names]
    return np.stack([f(angle) for angle in angles for f in (np.sin, np.cos)], axis=1)
