"""What `observed.json` and `metrics.jsonl` of a run may hold: they are read from a folder."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ostinato.errors import RunError
from ostinato.train.config import first_fault


class _Record(BaseModel):
    """Plain data of stated kinds; what else there is stays as it is."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Part(_Record):
    name: str
    inside: str
    gives: str
    parameters: int
    kind: str
    directions: int = 0


class _Error(_Record):
    mae: float


class _Steps(_Record):
    mae: list[float]


class _Group(_Record):
    low: int
    high: int
    texts: int
    error_rate: float
    exact_match: float


class _Lengths(_Record):
    unit: str
    groups: list[_Group]


class _Measured(_Record):
    columns: dict[str, _Error] | None = None
    steps: _Steps | None = None
    mse: float | None = None
    mae: float | None = None
    mase: float | None = None
    pinball: float | None = None
    coverage: float | None = None


class _Test(_Measured):
    accuracy: float | None = None
    f1: float | None = None
    nats: float | None = None
    error_rate: float | None = None
    exact_match: float | None = None
    bleu: float | None = None
    chrf: float | None = None
    signatures: list[str] | None = None
    scores: list[float | bool] | None = None
    confidence: list[float] | None = None
    classes: list[str] | None = None
    confusion: list[list[int]] | None = None
    kinds: dict[str, list[int]] | None = None
    lengths: _Lengths | None = None
    levels: list[float] | None = None
    below: dict[str, float] | None = None
    season: int | None = None
    windows: int | None = None
    part: str | None = None


class _Sample(_Record):
    temperature: float
    text: str


class _Tagged(_Record):
    words: list[str]
    true: list[str]
    tags: list[str]
    sure: list[float]


class _Attention(_Record):
    source: list[str]
    tokens: list[str]
    text: str
    reference: str
    weights: list[list[float]] | None


class _Forecast(_Record):
    column: str
    series: str
    times: list[str | int]
    values: list[float | None]
    origin: int
    quantiles: list[list[float]]
    naive: list[float | None]


class _Observed(_Record):
    architecture: list[_Part]
    parameters: int
    recurrent_parameters: int
    level: str
    exam: str | None = None
    test: _Test | None = None
    flow: dict[str, dict[str, list[float]]] = {}
    samples: list[_Sample] | None = None
    tagged: list[_Tagged] | None = None
    attentions: list[_Attention] | None = None
    forecasts: list[_Forecast] | None = None


class _Epoch(_Record):
    epoch: int
    seconds: float
    tokens_per_second: float
    loss: float
    __pydantic_extra__: dict[str, float]


_OBSERVED, _HISTORY = TypeAdapter(_Observed), TypeAdapter(list[_Epoch])


def checked(observed: Any, file: object) -> dict[str, Any]:
    """What a run's `observed.json` says.

    Raises:
        RunError: when something in it is of another kind; `file` says where.
    """
    _check(_OBSERVED, observed, file)
    found: dict[str, Any] = observed
    return found


def checked_history(history: Any, file: object) -> list[dict[str, Any]]:
    """What a run's `metrics.jsonl` says, as `checked`."""
    _check(_HISTORY, history, file)
    found: list[dict[str, Any]] = history
    return found


def _check(kind: TypeAdapter[Any], values: Any, file: object) -> None:
    try:
        kind.validate_json(json.dumps(values))
    except ValidationError as error:
        path, given, why = first_fault(error)
        raise RunError(f"{file}: {path} = {str(given)[:40]!r}: {why}") from None
