"""The main job, from the command line to the page."""

import json
import re
import subprocess
import sys
import time

import pytest

from ostinato.tasks.classify.estimator import Classifier
from ostinato.tasks.generate.estimator import Generator

CELLS = ["rnn", "lstm", "gru"]


def demo(folder, *words):
    """Runs it; gives its results, what it printed, and its time in seconds."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "ostinato", "demo", "--out", "demo", *words],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    results = json.loads((folder / "demo" / "demo.json").read_text())
    return results, done.stdout, time.perf_counter() - began


@pytest.mark.slow
def test_a_part_of_the_demo_leaves_runs_results_and_a_page(tmp_path):
    results, out, _ = demo(tmp_path, "--part", "0.02")
    folder = tmp_path / "demo"
    names = {"rnn", "lstm", "gru", "plays", "demo.json", "report.html"}
    assert {path.name for path in folder.iterdir()} == names
    for row in results["classifiers"]:
        assert re.search(rf"^ {row['cell'].upper()} +{row['test_accuracy']:.2%} ", out, re.M)
        assert Classifier.load(folder / row["cell"]).history_ == row["history"]
    baseline = results["baseline"]["test_accuracy"]
    assert re.search(rf"^ linear baseline +{baseline:.2%} ", out, re.M)
    assert Generator.load(folder / "plays").history_ == results["generator"]["history"]
    assert [row["cell"] for row in results["classifiers"]] == list(results["flow"]) == CELLS
    for cell, flow in results["flow"].items():
        assert list(flow) == ["start", "trained"]
        assert list(flow["trained"]) == (["h", "c"] if cell == "lstm" else ["h"])
        assert all(states["h"][0] > 0 for states in flow.values())
    page = (folder / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "Content-Security-Policy" in page
    commands = [step["command"] for step in results["next_steps"]]
    assert all(f"  {command}\n" in out for command in commands)
    assert "ostinato generate demo/plays --prompt" in " ".join(commands)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_whole_demo_holds_what_it_promises(tmp_path):
    results, _, seconds = demo(tmp_path)
    accuracy = {row["cell"]: row["test_accuracy"] for row in results["classifiers"]}
    assert seconds < 360
    assert accuracy["rnn"] > 0.80
    assert accuracy["lstm"] > accuracy["rnn"]
    assert results["baseline"]["test_accuracy"] > 0.85
    assert results["generator"]["nats"] < 2.1
    for flow in results["flow"].values():
        for sizes in (sizes for states in flow.values() for sizes in states.values()):
            assert len(sizes) == 151  # distances 0 … 150
            assert all(0 <= size < 100 for size in sizes)
    for when, distance in (("start", 50), ("trained", 149)):
        left = {
            cell: max(sizes[distance] / max(sizes) for sizes in flow[when].values())
            for cell, flow in results["flow"].items()
        }
        # Without gates the gradient vanishes first. The LSTM's lasts in its cell state, of which
        # its output is only what the output gate lets through.
        assert left["rnn"] < left["lstm"]
        assert when == "start" or left["rnn"] < left["gru"]
