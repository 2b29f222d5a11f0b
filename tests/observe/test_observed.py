"""What a run's files say is checked before a page shows it: one line with file and field."""

import copy
import math

import pytest

from ostinato.errors import RunError
from ostinato.observe.observed import checked, checked_history

GOOD = {
    "architecture": [
        {"kind": "output", "name": "o", "inside": "i", "gives": "g", "parameters": 3},
    ],
    "parameters": 3, "recurrent_parameters": 2, "level": "native", "exam": "e",
    "test": {"accuracy": 0.5, "scores": [1, 0, True], "season": 4, "part": None, "own": {}},
    "flow": {"start": {"h": [0.5, math.inf]}},
    "samples": [{"temperature": 0.8, "text": "<b>"}],
}  # fmt: skip
EPOCH = {"epoch": 1, "seconds": 0.5, "tokens_per_second": 100, "loss": 0.5, "accuracy": 0.5}


def test_what_is_right_passes():
    assert checked(GOOD, "observed.json") == GOOD
    assert checked_history([EPOCH], "metrics.jsonl") == [EPOCH]


@pytest.mark.parametrize("value", ["<img src=x>", None, [1], {"a": 1}, True])
@pytest.mark.parametrize(
    "path", [("samples", 0, "temperature"), ("parameters",), ("architecture", 0, "parameters")]
)
def test_another_kind_is_named_with_file_and_field(path, value):
    given = copy.deepcopy(GOOD)
    at = given
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    with pytest.raises(RunError) as error:
        checked(given, "runs/a/observed.json")
    assert str(error.value).startswith(f"runs/a/observed.json: {'.'.join(map(str, path))} = ")


@pytest.mark.parametrize("season", ["<b>", [1], {}])
def test_a_season_is_a_number(season):
    given = {**GOOD, "test": {**GOOD["test"], "season": season}}
    with pytest.raises(RunError, match=r"test\.season"):
        checked(given, "observed.json")


@pytest.mark.parametrize("name", ["epoch", "seconds", "loss", "accuracy"])
def test_metrics_are_numbers(name):
    with pytest.raises(RunError, match=rf"metrics.jsonl: 0\.{name} = '<b>'"):
        checked_history([{**EPOCH, name: "<b>"}], "metrics.jsonl")
    with pytest.raises(RunError):
        checked_history({"a": 1}, "metrics.jsonl")


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300, 10**400])
def test_metrics_are_finite(value):
    with pytest.raises(RunError, match=r"metrics.jsonl: 0\.accuracy = "):
        checked_history([EPOCH | {"accuracy": value}], "metrics.jsonl")


def test_a_run_is_judged_by_what_its_task_is_judged_by():
    assert checked(GOOD, "observed.json", "accuracy") == GOOD
    with pytest.raises(RunError, match=r"observed.json: .*test\.nats is missing"):
        checked(GOOD, "observed.json", "nats")
    with pytest.raises(RunError, match=r"metrics.jsonl: 0\.nats: it is missing"):
        checked_history([EPOCH], "metrics.jsonl", "nats")
    with pytest.raises(RunError, match=r"metrics.jsonl: it has no epoch"):
        checked_history([], "metrics.jsonl", "nats")
