import json

import numpy as np
import pytest
from document import Document

from ostinato.data import Examples
from ostinato.experiment import frameworks
from ostinato.experiment.frameworks import TrainingResult
from ostinato.report.frameworks import COINCIDE, side_by_side
from ostinato.report.frameworks_page import frameworks_page
from ostinato.report.frameworks_sentences import says
from ostinato.tasks.classify.settings import ClassifySettings

LOADS = {"src", "srcset", "href", "data", "action", "poster", "xlink:href"}


def small_plan():
    said = Examples(["good film", "bad film", "good", "bad"] * 2, ["pos", "neg & co"] * 4)
    values = {
        "cell": "gru",
        "model": {"hidden": 3, "embedding": 2, "dropout": 0.0},
        "train": {"epochs": 2},
        "data": {"batch_tokens": 4, "min_count": 1},
    }
    return frameworks.plan(ClassifySettings.parse(values, "test"), said, said)


@pytest.fixture(scope="module")
def plan():
    return small_plan()


def result(plan, shift=0.0, flipped=0, seconds=0.1):
    """A result whose last loss, weights and first answers are shifted."""
    steps = sum(map(len, plan.epochs))
    losses = np.linspace(0.7, 0.5, steps)
    losses[-1] += shift
    sign = np.where(plan.held[1] == 1, 1.0, -1.0)
    sign[:flipped] *= -1
    logits = np.stack([-sign, sign], 1).astype(np.float32)
    weights = {name: w + 0.1 + shift for name, w in plan.weights.items()}
    return TrainingResult(
        "Some 1.0", losses.tolist(), [2.0] + [seconds] * (steps - 1), [10] * steps, 0.5, 0.25,
        logits, weights,
    )  # fmt: skip


def results(plan, **results):
    shaken = ("torch", result(plan, 6e-8)) if len(results) > 1 else None
    return {
        "title": "GRU & <b>others",
        "created": "2026-11-21T04:56:26Z",
        "seconds": 75.0,
        "machine": "Linux x86_64",
        "titles": {name: {"torch": "PyTorch", "keras": "Keras"}[name] for name in results},
        "threads": 1,
        "training": 8,
        "held": 8,
        "settings": plan.settings.model_dump(exclude_none=True),
        "cells": [{"name": "<mgu>", **side_by_side(plan, results, shaken)}],
    }


@pytest.fixture(scope="module")
def given(plan):
    return results(plan, torch=result(plan), keras=result(plan, 2.4e-5, 2, 0.8))


@pytest.fixture(scope="module")
def document(given):
    return Document(frameworks_page(json.loads(json.dumps(given)), "ostinato compare"))


def test_nothing_is_loaded_from_outside(document):
    for tag, attributes in document.elements:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base"}
        for name in LOADS & attributes.keys():
            assert (attributes[name] or "").startswith("#"), (tag, attributes)


def test_numbers_are_worked_out(plan, given):
    (each,) = given["cells"]
    (found,) = each["differences"]
    steps = sum(map(len, plan.epochs))
    assert (found["framework"], found["at"]) == ("keras", steps)
    assert found["largest"] == pytest.approx(2.4e-5)
    assert found["weights"] == pytest.approx(2.4e-5 / 0.1, rel=1e-3)
    assert (found["alike"], found["asked"]) == (6, 8)
    assert [text["text"] for text in found["texts"]] == [0, 1]
    assert found["texts"][0]["labels"] == ["pos", "neg & co"]
    sure = 1 / (1 + np.exp(-2.0))
    assert found["probability"] == pytest.approx(2 * sure - 1)
    ours, theirs = each["trials"]
    assert (ours["accuracy"], theirs["accuracy"]) == (1.0, 0.75)
    assert ours["tokens_per_second"] == pytest.approx(100)
    assert ours["first_step"] == 2.0  # which counts for no speed
    assert sum(ours["epoch_seconds"]) == pytest.approx(2 + 0.1 * (steps - 1))


def test_the_page_tells_them(given, document):
    assert document.texts("h2") == [
        "Do the loss curves coincide?", "How large are the differences?", "Speed",
        "What is compared",
    ]  # fmt: skip
    lead = document.classed("p", "lead")[0]
    for sentence in says(given):
        assert sentence in lead
    assert "coincide: the largest difference at any step is 2.4·10⁻⁵ nats" in lead
    assert "PyTorch trains 8 times as fast" in lead
    rows = "".join(document.texts("tr"))
    for number in ("2.4·10⁻⁵", "6 of 8", "rounding at each step", "2.50 s", "100"):
        assert number in rows
    losses, apart = map(json.loads, document.texts("script", type="application/json"))
    assert [trace["name"] for trace in losses["data"]] == ["PyTorch", "Keras"]
    assert [trace["name"] for trace in apart["data"]] == ["rounding at each step", "Keras"]
    assert losses["data"][1]["y"] == given["cells"][0]["trials"][1]["losses"]
    assert "<MGU> text 1PyTorch: pos 88.08%Keras: neg & co 88.08%" in rows
    assert "75.00% Keras" in rows


def test_curves_that_part_are_said_to(plan):
    shift = 3 * COINCIDE
    told = says(results(plan, torch=result(plan), keras=result(plan, shift)))
    assert "The loss curves of PyTorch and Keras differ: by up to 0.003 nats." in told


def test_the_faster_one_is_named(plan):
    told = says(results(plan, keras=result(plan, 0, 0, 0.3), torch=result(plan)))
    assert "PyTorch trains 3 times as fast." in told


def test_one_framework_has_no_differences(plan):
    page = Document(frameworks_page(results(plan, keras=result(plan)), "x"))
    assert page.texts("h2") == ["Learning curve", "Speed", "How it was trained"]
    lead = "Trained in Keras on 8 texts. Accuracy on 8 held-out texts: 100.00%."
    assert page.classed("p", "lead") == [lead]
