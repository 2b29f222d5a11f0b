"""Speeds: who is right is timed, who is wrong is not. No test looks at how long anything took."""

import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from ostinato.bench import contestants
from ostinato.bench.case import LINES, BenchCase, plan
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.race import race
from ostinato.bench.shape import Shape
from ostinato.bench.tables import faster, grids, markdown, notes
from ostinato.errors import UnknownName
from ostinato.levels import aten
from ostinato.levels.native.runtime import context, target

SMALL = Shape(3, 5, 4, 6)


def named(name, **given):
    """Everyone of that name."""
    found = [c for c in contestants.known(["torch", "torch_loop"]) if c.name == name]
    return [replace(c, **given) for c in found]


@pytest.mark.slow
def test_a_quick_run_in_a_process(tmp_path):
    words = "bench lstm layer_norm_lstm --sizes 3x5x4x6 --threads 1 --repeat 2 --peers torch"
    words += " --lines dense,ragged,step,short,inference --out speed"
    environment = os.environ | {"COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "ostinato", *words.split()],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    report = json.loads((tmp_path / "speed/bench.json").read_text())
    assert set(report) == {"machine", "settings", "peaks", "results"}
    assert report["machine"]["versions"]["torch"] == torch.__version__
    assert report["peaks"]["1"]["torch.mm"] > 0
    lines = report["settings"]["lines"]
    assert [(r["line"], r["cell"]) for r in report["results"]] == [
        (line, cell) for line in lines for cell in ("lstm", "layer_norm_lstm")
    ]
    for result in report["results"]:
        assert any(entry["ours"] for entry in result["contestants"])
        for entry in result["contestants"]:
            assert entry["error"] < (0.03 if entry["narrow"] else 1e-4), entry
            assert entry["milliseconds"] == min(entry["rounds"])
            assert len(entry["rounds"]) == 2
            assert entry["gflops"] > 0
            assert entry["note"] is None
    of_lstm = [r["contestants"] for r in report["results"] if r["cell"] == "lstm"]
    peers = [next(e["name"] for e in entries if not e["ours"]) for entries in of_lstm]
    assert peers == ["torch.nn", "torch packed", "torch cell", "torch.nn", "torch.nn"]
    page = (tmp_path / "speed/bench.md").read_text()
    assert page == markdown(report)
    assert "## lstm: forward + backward, lengths from T down to T/8 (ms, GFLOP/s)" in page
    assert re.search(r"^\| 3×5×4×6, 1 thread \| \S.* \| \d+\.\d\d \|$", page, re.M)


def test_a_wrong_contestant_gets_no_speed(monkeypatch):
    layer = aten.torch_layer

    def swapped(cell, sizes):
        """Input and forget gate in the wrong order."""
        module = layer(cell, sizes)
        load = module.load_state_dict

        def wrong(weights):
            i, f, g, o = weights["weight_hh_l0"].chunk(4)
            return load(weights | {"weight_hh_l0": torch.cat([f, i, g, o])})

        module.load_state_dict = wrong
        return module

    monkeypatch.setattr(aten, "torch_layer", swapped)
    case = BenchCase("dense", "lstm", SMALL)
    wrong, right = race(case, [*named("torch.nn")[:1], *named("torch loop")], rounds=1)
    assert (wrong["milliseconds"], wrong["gflops"], wrong["rounds"]) == (None, None, [])
    assert wrong["note"].startswith("wrong: off by ")
    assert wrong["error"] > 0.01
    assert right["milliseconds"] > 0
    result = {
        "line": "dense", "cell": "lstm", "shape": vars(SMALL), "threads": 1, "tokens": 15,
        "contestants": [wrong, right],
    }  # fmt: skip
    _, (first, second), ratio = grids([result])[0].rows[0]
    assert (first.text, ratio) == ("wrong", "–")
    assert second.best
    assert faster(result) is None
    assert notes([result])[0].startswith("dense lstm 3×5×4×6, 1 thread: torch.nn wrong: off by ")


@pytest.mark.parametrize("name", ["outputs", "last", "d_x", "d_weight_hh", "d_bias_ih"])
@pytest.mark.parametrize("spoil", ["nan", "missing", "shape", "one number"])
def test_any_wrong_number_is_seen(name, spoil):
    case = BenchCase("ragged", "gru", SMALL)
    values = {k: v.astype("float32") for k, v in case.expected.items()}
    assert case.error(values) < 1e-6
    if spoil == "missing":
        del values[name]
    elif spoil == "shape":
        values[name] = values[name][:1]
    else:
        values[name].flat[0] += math.nan if spoil == "nan" else 0.01 * abs(values[name]).max()
    assert case.error(values) > 1e-3


def test_what_stands_behind_an_end_is_not_judged():
    case = BenchCase("ragged", "gru", SMALL)
    assert case.lengths == [5, 3, 1]
    values = {k: v.copy() for k, v in case.expected.items()}
    values["outputs"][1:, 2] = 7
    assert case.error(values) == 0


def test_who_fails_or_takes_too_long_is_left_out_with_a_reason():
    def broken(case):
        raise RuntimeError("no such\nthing")

    def endless(case):
        def run():
            while True:
                pass

        return Ready(run, dict)

    crowd = [Contestant("broken", broken), Contestant("endless", endless, limit=0.1)]
    entries = race(BenchCase("dense", "lstm", SMALL), crowd, rounds=1)
    assert [e["milliseconds"] for e in entries] == [None, None]
    assert entries[0]["note"] == "failed: RuntimeError: no such thing"
    assert entries[1]["note"].startswith("skipped: ")


def test_a_users_cell_has_us_and_nobody_else():
    case = BenchCase("dense", f"{os.path.dirname(__file__)}/../mgu.py:mgu", SMALL)
    entries = race(case, contestants.known(["torch"]), rounds=1)
    assert {e["name"].split()[0] for e in entries if e["milliseconds"]} == {"ostinato"}
    assert any(e["ours"] for e in entries)


@pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))
@pytest.mark.parametrize("skipped", [False, True])
def test_gradients_of_data_that_need_none_are_judged(skipped, tmp_path, monkeypatch):
    file = tmp_path / "two.py"
    file.write_text(
        "from ostinato import affine, cell, tanh\n\n\n@cell\ndef two(x, h):\n"
        "    u = tanh(affine(x))\n    return tanh(affine(u, h))\n"
    )
    after = context.Context.after_loop

    def without_post(self, dx, gradients, together):
        first, last = after(self, dx, gradients, together)
        return ([] if dx is None else first), last

    if skipped:
        monkeypatch.setattr(context.Context, "after_loop", without_post)
    (entry,) = race(BenchCase("dense", f"{file}:two", SMALL), named("ostinato native"), rounds=1)
    assert (entry["milliseconds"] is None) == skipped
    assert (entry["note"] or "").startswith("wrong: " if skipped else "")


def test_pytorch_is_right_in_all_its_forms():
    for line in ("dense", "ragged", "inference", "step"):
        for name in ("lstm", "gru", "rnn", "layer_norm_lstm"):
            case = plan([name], [line], [SMALL], own_sizes=False)[0]
            for contestant in contestants.known(["torch", "torch_loop"]):
                ready = contestant.ready(case) if contestant.limit is None else None
                if ready and contestant.off < 1e-3:
                    assert case.error(ready.values(ready.run())) < 1e-5, (contestant, case)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", "layer_norm_lstm"])
def test_narrow_weights_lose_little_at_sizes_they_are_for(name):
    case = plan([name], ["step"], [Shape(1, 50, 256, 256)], own_sizes=False)[0]
    narrow = [c for c in contestants.known([]) if c.off > 1e-3]
    assert len(narrow) == 2
    for contestant in narrow:
        ready = contestant.ready(case)
        assert 1e-4 < case.error(ready.values(ready.run())) < contestant.off, contestant


def test_a_case_is_the_same_whatever_was_drawn_before():
    one, other = (BenchCase("dense", "gru", SMALL) for _ in range(2))
    torch.manual_seed(5)
    before = one.weights
    torch.manual_seed(6)
    assert all(torch.equal(w, other.weights[name]) for name, w in before.items())
    assert torch.equal(one.x, other.x)


def test_the_operations_of_a_lstm():
    # 4 gates, each a product with D + H numbers, two operations a number, three passes
    assert BenchCase("dense", "lstm", SMALL).flops == 2 * 4 * 6 * (4 + 6) * 15 * 3
    assert BenchCase("inference", "lstm", SMALL).flops == 2 * 4 * 6 * (4 + 6) * 15


def test_a_plan_refuses_what_it_does_not_know():
    with pytest.raises(UnknownName, match="did you mean 'dense'"):
        plan(["lstm"], ["dens"], [SMALL], own_sizes=False)
    everything = plan(["lstm", "gru"], LINES, [SMALL], own_sizes=True)
    assert [c.shape.H for c in everything if c.line == "step"] == [64, 256, 512] * 2
    assert sum(c.line == "characters" for c in everything) == 1


WRONG = [
    ("bench lsmt", "unknown cell 'lsmt'; did you mean 'lstm'"),
    ("bench --lines dence", "unknown line 'dence'; did you mean 'dense'"),
    ("bench --sizes 32x100", "size '32x100' is not BxTxDxH, as 32x100x64x64 is"),
    ("bench --threads 0", "--threads must be from 1 to"),
    ("bench --threads 999", "--threads must be from 1 to"),
    ("bench --repeat 0", "--repeat must be at least 1, not 0"),
    ("bench --peers jaxx", "unknown peer 'jaxx'; did you mean 'jax'"),
    ("bench --out runs/a", "runs/a: the folder is not empty; choose another with --out"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_is_one_line(terminal, words, message):
    done = terminal(*words.split())
    assert (done.status, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert message in done.err


def test_help_has_an_example(terminal):
    out = terminal.text("bench", "--help")
    assert "Example: ostinato bench" in out
    for option in ("sizes", "threads", "repeat", "lines", "peers", "out", "quick"):
        assert f"--{option}" in out
