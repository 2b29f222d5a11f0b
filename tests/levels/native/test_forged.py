"""Thousands of forged graphs: refused in one line, or as good as a cell that was traced."""

import json
import os
import signal

import forged
import pytest
from fences import FENCES
from process import alone

from ostinato.levels.native.runtime import target

pytestmark = pytest.mark.skipif(
    not (FENCES and target.available()), reason=str(target.obstacle() or "no pages to forbid")
)


def fuzzed(first: int, count: int, seconds: float) -> dict:
    figures = json.loads(alone(forged.walk, first, count, seconds, seconds=600))
    assert figures["faults"] == []
    assert figures["refused"] + figures["accepted"] == figures["cases"] == count
    assert figures["run"] > 0
    return figures


def test_forged_graphs_are_refused_or_good():
    assert fuzzed(0, 300, 2)["refused"] > 200


@pytest.mark.slow
@pytest.mark.timeout(660)
def test_many_forged_graphs_are_refused_or_good():
    assert fuzzed(300, 13_200, 20)["refused"] > 8000


def test_a_crash_is_counted_and_the_walk_goes_on(monkeypatch, capsys):
    def crash(text):
        if text == forged.case(1, known):
            os.kill(os.getpid(), signal.SIGKILL)

    known = forged.pool(1)
    monkeypatch.setattr(forged, "read", crash)
    forged.walk(0, 4, 0, drawn=1)
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "cases": 4, "refused": 3, "crashed": 1, "faults": ["crashed 1: SIGKILL"],
    }  # fmt: skip
