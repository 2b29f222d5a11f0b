"""`ostinato compare classify … --frameworks`, as the documentation writes it."""

import json
import re

import numpy as np
import pytest
from safetensors.numpy import load_file

import tolerances

COMPARE = ["compare", "classify", "reviews.csv"]
SMALL = "--model.hidden 6 --model.embedding 5 --data.batch-tokens 100 --texts 40".split()
SMALL += "--train.epochs 2 --train.lr 0.01 --data.min-count 1".split()
BOTH = [*COMPARE, "--frameworks", "torch,keras", *SMALL]


@pytest.fixture(scope="module")
def compared(terminal):
    """What two cells in two frameworks print, and what they leave."""
    out = terminal.text(*BOTH, "--cells", "rnn,mgu.py:mgu", "--out", "runs/two-frameworks")
    return out, terminal.folder / "runs/two-frameworks"


@pytest.mark.slow
def test_curves_coincide_and_weights_agree(compared):
    out, folder = compared
    results = json.loads((folder / "comparison.json").read_text())
    assert (results["training"], results["held"]) == (40, 24)
    for each in results["cells"]:
        ours, theirs = each["trials"]
        assert len(ours["losses"]) == len(theirs["losses"]) == sum(each["epoch_steps"]) > 2
        assert max(each["differences"][0]["steps"]) <= tolerances.TRAINED
        assert each["differences"][0]["alike"] == 24
        assert max(each["shaken"]["steps"]) <= tolerances.TRAINED
        one, other = (
            load_file(folder / f"{each['name']}-{name}.safetensors") for name in ("torch", "keras")
        )
        assert one.keys() == other.keys()
        for name in one:
            assert np.abs(one[name] - other[name]).max() <= tolerances.TRAINED
        for title in ("PyTorch", "Keras"):
            assert re.search(rf"^ {each['name']} in {title} +\d\.\d{{4}} nats +\d", out, re.M)
    assert "The loss curves of PyTorch and Keras coincide" in out
    assert "Of 24 held-out texts 24 (RNN) and 24 (MGU) get the same label." in out
    page = (folder / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "RNN and MGU on reviews.csv, in PyTorch and Keras" in page


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--frameworks", "torch,kears"], "unknown framework 'kears'; did you mean 'keras'"),
        (["--frameworks", "torch,torch"], "'torch' is named twice"),
        (["--frameworks", ","], "--frameworks requires the name of a framework: keras, torch"),
        (["--frameworks", "torch", "--seeds", "2"], "--seeds compares cells"),
        (["--frameworks", "torch", "--equal", "time"], "--equal compares cells"),
        (["--frameworks", "torch", "--jobs", "2"], "--jobs compares cells"),
        (["--frameworks", "torch", "--texts", "1"], "--texts 1: give at least two"),
        (["--texts", "9"], "--texts requires --frameworks"),
        (
            ["--frameworks", "torch", "--model.dropout", "0.3"],
            "--model.dropout 0.3: .* is 0: dropout is random",
        ),
        (["--frameworks", "torch", "--model.members", "2"], "--model.members 2: .* is 1: "),
        (["--frameworks", "torch", "--model.linear", "2"], "--model.linear 2: .* is 0: "),
        (["--frameworks", "torch", "--data.extra", "more.csv"], "--data.extra more.csv: .* none: "),
        (["--frameworks", "torch", "--model.threshold", "f1"], "--model.threshold f1: .* is none"),
        (["--frameworks", "torch", "--train.find-lr"], "--train.find-lr True: .* is False: "),
        (["--frameworks", "torch", "--train.schedule", "plateau"], "linear or cosine or constant"),
        (["--frameworks", "torch", "--out", "runs/a"], "runs/a: the folder is not empty"),
        (["--frameworks", "torch", "--cells", "gruu"], "unknown cell 'gruu'; did you mean 'gru'"),
    ],
)
def test_mistakes_are_one_line(terminal, words, fault):
    done = terminal(*COMPARE, *words)
    assert done.status == 1
    assert re.fullmatch(rf"ostinato: .*{fault}.*\n", done.err)


def test_a_framework_can_stand_alone(terminal):
    out = terminal.text(
        *COMPARE, "--frameworks", "torch", "--cells", "rnn", *SMALL, "--out", "alone"
    )
    assert "rnn in PyTorch" in out
    assert "Keras" not in out
    assert "Learning curve" in (terminal.folder / "alone/report.html").read_text()
