"""What `observed.json`, `metrics.jsonl` and `baseline.json` may hold: they are read from a folder.

Numbers are finite and of a size that makes sense, what belongs together is equally long, and a
field that is there is of its kind: what a page works out and draws relies on nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ostinato.errors import RunError, quoted, shortened
from ostinato.train.config import first_fault

_MOST = 1e30
_Number = Annotated[float, Field(ge=-_MOST, le=_MOST, allow_inf_nan=False)]
_Amount = Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)]
_Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, le=2**53)]
_Positive = Annotated[int, Field(ge=1, le=2**53)]
_Scores = Annotated[list[_Number | bool], Field(min_length=1)]


class _Record(BaseModel):
    """Plain data of stated kinds; what else there is stays as it is."""

    model_config = ConfigDict(strict=True, extra="allow")
    may_be_null: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _is_there(cls, value: Any, info: ValidationInfo) -> Any:
        """A field may be missing, but is not null instead."""
        if value is None and info.field_name not in cls.may_be_null:
            raise ValueError("it is null")
        return value


class _LayerRecord(_Record):
    name: str
    inside: str
    gives: str
    parameters: _Count
    kind: str
    directions: Annotated[int, Field(ge=0, le=2)] = 0


class _Error(_Record):
    mae: _Amount


class _StepErrors(_Record):
    mae: Annotated[list[_Amount], Field(min_length=1)]


class _Group(_Record):
    low: _Count
    high: _Count
    texts: _Count
    error_rate: _Amount
    exact_match: _Part


class _Lengths(_Record):
    unit: str
    groups: Annotated[list[_Group], Field(min_length=1)]


class _Measured(_Record):
    may_be_null = frozenset({"mase", "pinball", "coverage", "part"})

    name: str | None = None
    reads: str | None = None
    exam: str | None = None
    scores: _Scores | None = None
    columns: dict[str, _Error] | None = None
    steps: _StepErrors | None = None
    accuracy: _Part | None = None
    f1: _Part | None = None
    nats: _Amount | None = None
    error_rate: _Amount | None = None
    mse: _Amount | None = None
    mae: _Amount | None = None
    mase: _Amount | None = None
    pinball: _Amount | None = None
    coverage: _Part | None = None
    below: dict[str, _Part] | None = None
    seconds: _Amount | None = None
    parameters: _Count | None = None


class _Test(_Measured):
    exact_match: _Part | None = None
    bleu: _Number | None = None
    chrf: _Number | None = None
    signatures: Annotated[list[str], Field(min_length=2)] | None = None
    targets: list[_Number] | None = None
    predicted: list[_Number] | None = None
    confidence: list[_Part] | None = None
    classes: list[str] | None = None
    confusion: list[list[_Count]] | None = None
    kinds: dict[str, Annotated[list[_Count], Field(min_length=3, max_length=3)]] | None = None
    lengths: _Lengths | None = None
    levels: list[_Part] | None = None
    season: _Positive | None = None
    windows: _Count | None = None
    part: str | None = None
    baseline: _Measured | None = None
    alone: dict[str, _Amount] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.confidence is not None:
            _same_length(self, "confidence", "scores")
        if self.targets is not None or self.predicted is not None:
            _same_length(self, "targets", "scores")
            _same_length(self, "predicted", "scores")
        if self.confusion is not None:
            classes = self.classes or []
            _same_length(self, "confusion", "classes")
            if any(len(row) != len(classes) for row in self.confusion):
                raise ValueError("confusion needs a row and a column for each of classes")
            if len(set(classes)) != len(classes):
                raise ValueError("classes has a repeated name")
        if self.below is not None and [*self.below] != [str(x) for x in self.levels or []]:
            raise ValueError("below needs a part for each of levels")
        if self.levels and (0.5 not in self.levels or len(self.levels) % 2 == 0):
            raise ValueError("the middle one of levels must be 0.5")
        return self


class _Sample(_Record):
    temperature: _Amount
    text: str


class _Tagged(_Record):
    words: list[str]
    true: list[str]
    tags: list[str]
    sure: list[_Part]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("true", "tags", "sure"):
            _same_length(self, name, "words")
        return self


class _Attention(_Record):
    may_be_null = frozenset({"weights"})

    source: list[str]
    tokens: list[str]
    text: str
    reference: str
    weights: list[list[_Part]] | None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.weights is not None:
            _same_length(self, "weights", "tokens")
            if any(len(row) != len(self.source) for row in self.weights):
                raise ValueError("weights needs a column for each of source")
        return self


class _Forecast(_Record):
    column: str
    series: str
    times: list[str | int]
    values: list[_Number | None]
    origin: _Count
    quantiles: Annotated[list[list[_Number]], Field(min_length=1)]
    naive: list[_Number | None]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _same_length(self, "values", "times")
        ahead = len(self.times) - self.origin
        if ahead < 1:
            raise ValueError("origin is after all times")
        lengths = {len(self.naive), *map(len, self.quantiles)}
        if lengths != {ahead}:
            raise ValueError("naive and each of quantiles need a value for each time from origin")
        return self


class _Observed(_Record):
    architecture: list[_LayerRecord]
    parameters: _Count
    recurrent_parameters: _Count
    level: str
    exam: str | None = None
    test: _Test | None = None
    flow: dict[str, dict[str, list[float]]] = {}
    samples: list[_Sample] | None = None
    tagged: list[_Tagged] | None = None
    attentions: list[_Attention] | None = None
    forecasts: list[_Forecast] | None = None
    future: list[_Forecast] | None = None

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> Self:
        test, task = self.test, info.context
        if test is not None:
            needed = ["scores", *([task] if task else [])]
            if self.attentions is not None and test.lengths is not None:
                needed += ["exact_match", "error_rate", "bleu", "chrf", "signatures"]
            if self.forecasts:
                needed += ["mse", "columns", "steps", "levels", "season", "part", "windows"]
                needed += ["baseline"]
            _needs(test, needed)
            _is_amount(test, task)
            if test.baseline is not None:
                required = ["name", "exam", "scores", "seconds", *([task] if task else [])]
                _needs(test.baseline, required, "test.baseline.")
                _is_amount(test.baseline, task, "test.baseline.")
            if self.exam is None:
                raise ValueError("exam is missing")
        elif self.forecasts:
            raise ValueError("test is missing")
        if test is not None and self.forecasts:
            _forecasts_fit(test, [*self.forecasts, *(self.future or [])])
        return self


class _Epoch(_Record):
    epoch: _Positive
    seconds: _Amount
    tokens_per_second: _Amount
    loss: _Number
    __pydantic_extra__: dict[str, _Number]


_OBSERVED, _HISTORY = TypeAdapter(_Observed), TypeAdapter(list[_Epoch])
_BASELINE = TypeAdapter(_Measured)


def checked(observed: Any, file: object, metric: str | None = None) -> dict[str, Any]:
    """What a run's `observed.json` says.

    Args:
        observed: the content.
        file: where it is from.
        metric: the metric of the task, which a test must contain.

    Raises:
        RunError: when something in it is missing, of another kind or does not fit together; the
            message names file and field.
    """
    _check(_OBSERVED, observed, file, metric)
    found: dict[str, Any] = observed
    return found


def checked_history(history: Any, file: object, metric: str | None = None) -> list[dict[str, Any]]:
    """What a run's `metrics.jsonl` says, as `checked`; it has an epoch at least."""
    _check(_HISTORY, history, file)
    found: list[dict[str, Any]] = history
    if metric is not None:
        if not found:
            raise RunError(f"{file}: it has no epoch")
        for k, record in enumerate(found):
            if metric not in record:
                raise RunError(f"{file}: {k}.{metric}: it is missing")
    return found


def checked_baseline(baseline: Any, file: object, metric: str) -> dict[str, Any]:
    """What a comparison's `baseline.json` says, as `checked`."""
    _check(_BASELINE, baseline, file, metric)
    for name in ("name", "exam", "scores", "seconds", metric):
        if name not in baseline:
            raise RunError(f"{file}: {name}: it is missing")
    found: dict[str, Any] = baseline
    return found


def check_alike(
    runs: Mapping[Path, Mapping[str, Any]], baseline: Mapping[str, Any] | None, file: Path | None
) -> None:
    """That what was judged alike can be compared: as many scores, and of forecasts as many steps.

    Args:
        runs: what is observed of each run, by the file that says it.
        baseline: the baseline, if there is one.
        file: the one that says it, if not the first run's.

    Raises:
        RunError: when it cannot; the message names files and field.
    """
    known: dict[str, tuple[Path, int]] = {}
    if baseline is not None:
        known[baseline["exam"]] = (file or next(iter(runs)), len(baseline["scores"]))
    first: tuple[Path, Mapping[str, Any]] | None = None
    for file, observed in runs.items():
        if "test" not in observed:
            continue
        test, exam = observed["test"], observed["exam"]
        other, count = known.setdefault(exam, (file, len(test["scores"])))
        if count != len(test["scores"]):
            raise RunError(
                f"{file}: test.scores has {len(test['scores']):,} numbers, and those of {other} "
                f"over the same data {count:,}"
            )
        if observed.get("forecasts"):
            where, before = first = first or (file, test)
            for name, of in {"columns": list, "levels": list, "below": list}.items():
                if of(test.get(name, [])) != of(before.get(name, [])):
                    raise RunError(f"{file}: test.{name} is not that of {where}")
            if len(test["steps"]["mae"]) != len(before["steps"]["mae"]):
                raise RunError(f"{file}: test.steps.mae is not as long as that of {where}")


def _forecasts_fit(test: _Test, forecasts: Sequence[_Forecast]) -> None:
    naive, levels = test.baseline, test.levels or []
    assert naive is not None
    _needs(naive, ["columns", "steps"], "test.baseline.")
    if list(naive.columns or {}) != list(test.columns or {}):
        raise ValueError("test.baseline.columns is not that of the model")
    if test.steps and naive.steps and len(naive.steps.mae) != len(test.steps.mae):
        raise ValueError("test.baseline.steps.mae is not as long as that of the model")
    if levels and test.below is None:
        raise ValueError("test.below is missing")
    if any(len(each.quantiles) != max(1, len(levels)) for each in forecasts):
        raise ValueError("each of forecasts needs one of quantiles for each of test.levels")


def _needs(record: _Record, names: Sequence[str], before: str = "test.") -> None:
    for name in names:
        if name not in record.model_fields_set:
            raise ValueError(f"{before}{name} is missing")


def _is_amount(record: _Record, metric: str | None, before: str = "test.") -> None:
    """Any task may have a metric of its own; where no field above says so, it is a number too."""
    value = getattr(record, metric, 0) if metric else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MOST:
        raise ValueError(f"{before}{metric} is not a valid number")


def _same_length(record: _Record, name: str, other: str) -> None:
    own, others = (len(getattr(record, each) or []) for each in (name, other))
    if own != others:
        raise ValueError(f"{name} has {own:,} entries, and {other} {others:,}")


def _check(kind: TypeAdapter[Any], values: Any, file: object, context: Any = None) -> None:
    try:
        kind.validate_python(values, context=context)
    except ValidationError as error:
        path, given, why = first_fault(error)
        place = shortened(quoted(path)[1:-1], 80) or "its content"
        raise RunError(f"{file}: {place} = {quoted(given, 40)}: {shortened(why, 200)}") from None
