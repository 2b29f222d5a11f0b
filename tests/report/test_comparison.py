import numpy as np
import pytest

from ostinato.report.comparison import comparison, confusions, mean_flow, pairs, rows
from ostinato.report.verdicts import overview, verdicts


def run(cell, seed, scores, metric="accuracy", exam="e"):
    value = float(np.mean(scores))
    history = [
        {"epoch": 1, "loss": 0.6, "seconds": 2.0, "tokens_per_second": 100.0, metric: 0.5},
        {"epoch": 2, "loss": 0.5, "seconds": 1.0, "tokens_per_second": 400.0, metric: 0.6},
    ]
    return {
        "cell": cell,
        "seed": seed,
        "path": f"runs/{cell}-{seed}",
        "history": history,
        "hidden": 8,
        "parameters": 100,
        "recurrent_parameters": 60,
        "level": "native",
        "architecture": [],
        "graph": {},
        "test": {metric: value, "scores": list(scores), "exam": exam},
    }


def flips(random, part, count=200):
    return (random.random(count) < part).astype(int).tolist()


def test_a_row_is_the_mean_over_seeds():
    (row,) = rows([run("gru", 0, [1, 1, 0, 0]), run("gru", 1, [1, 1, 1, 1])], "accuracy", False)
    assert (row["mean"], row["values"], row["seeds"]) == (0.75, [0.5, 1.0], [0, 1])
    assert row["deviation"] == pytest.approx(0.25 * 2**0.5)
    assert row["seconds"] == 3.0
    assert row["tokens_per_second"] == pytest.approx(600 / 3)
    assert row["validation"] == 0.6


def test_one_seed_claims_nothing_however_large_the_difference():
    runs = [run("rnn", 0, [0] * 100), run("gru", 0, [1] * 100)]
    (pair,) = pairs(runs, "accuracy", False)
    assert pair["over_examples"] < 1e-20
    assert pair["examples_test"] == "McNemar, exact"
    assert pair["p"] is pair["better"] is None
    result = comparison(runs, "accuracy", False)
    assert "the differences cannot be tested" in " ".join(verdicts(result))


@pytest.mark.parametrize(("seeds", "test"), [(3, "Student's paired t"), (6, "paired permutation")])
def test_a_clear_difference_is_shown(seeds, test):
    random = np.random.default_rng(0)
    runs = [
        run(cell, seed, flips(random, part))
        for seed in range(seeds)
        for cell, part in (("rnn", 0.6), ("gru", 0.95))
    ]
    (pair,) = pairs(runs, "accuracy", False)
    assert pair["seeds_test"] == test
    assert pair["better"] == "gru"
    assert pair["p"] == max(pair["over_seeds"], pair["over_examples"])
    assert verdicts(comparison(runs, "accuracy", False))[0].startswith("GRU is better than RNN (p ")


def test_of_nats_less_is_better():
    random = np.random.default_rng(1)
    runs = [
        run(cell, seed, random.normal(mean, 0.02, 30).tolist(), "nats")
        for seed in range(3)
        for cell, mean in (("rnn", 1.9), ("gru", 1.6))
    ]
    (pair,) = pairs(runs, "nats", True)
    assert pair["mean"] == pytest.approx(0.3, abs=0.05)
    assert pair["better"] == "gru"


def test_where_seeds_disagree_nothing_is_claimed_though_the_examples_are_many():
    up, down = [1] * 900 + [0] * 100, [1] * 800 + [0] * 200
    runs = [run("a", 0, up), run("b", 0, down), run("a", 1, up), run("b", 1, up)]
    (pair,) = pairs(runs, "accuracy", False)
    assert pair["over_examples"] < 0.001
    assert pair["over_seeds"] > 0.05
    assert pair["better"] is None


def test_where_examples_are_few_nothing_is_claimed_though_the_seeds_agree():
    runs = [run(c, s, [1, 1, 1, c == "a"]) for s in range(4) for c in "ab"]
    (pair,) = pairs(runs, "accuracy", False)
    assert pair["over_seeds"] == 0
    assert pair["over_examples"] == 1.0
    assert pair["better"] is None


def test_alike_cells_are_seldom_called_different():
    random = np.random.default_rng(2)
    claimed = 0
    for _ in range(40):
        runs = [run(c, s, flips(random, 0.8, 40)) for s in range(3) for c in "abc"]
        claimed += any(pair["better"] for pair in pairs(runs, "accuracy", False))
    assert claimed <= 5  # of three pairs together 5 in 100 at most, and chance


def test_other_examples_are_no_pair():
    runs = [run("a", 0, [1, 0]), run("b", 0, [1, 0], exam="other")]
    assert pairs(runs, "accuracy", False) == []


def test_the_baseline_is_one_of_the_contestants():
    baseline = {
        "name": "linear baseline",
        "accuracy": 1.0,
        "scores": [1] * 50,
        "exam": "e",
        "parameters": 9,
        "seconds": 1.0,
    }
    random = np.random.default_rng(0)
    runs = [run("a", s, flips(random, 0.5, 50)) for s in range(3)]
    (pair,) = pairs(runs, "accuracy", False, baseline)
    assert (pair["first"], pair["second"]) == ("a", "linear baseline")
    assert pair["better"] == "linear baseline"
    told = " ".join(overview(comparison(runs, "accuracy", False, baseline) | {"task": "classify"}))
    assert "The linear baseline is better than A (p " in told


def test_gradients_are_means_over_seeds_as_far_as_all_reach():
    runs = [
        {"cell": "a", "flow": {"start": {"h": [1.0, 3.0]}, "epoch 1": {"h": [1.0]}}},
        {"cell": "a", "flow": {"start": {"h": [3.0, 5.0, 9.0]}}},
    ]
    assert mean_flow(runs) == {"a": {"start": {"h": [2.0, 4.0]}}}


def test_confusions_are_added_class_by_class_where_seeds_name_others():
    tests = [
        {"classes": ["a", "b"], "confusion": [[1, 2], [3, 4]]},
        {"classes": ["b", "c"], "confusion": [[10, 20], [30, 40]]},
    ]
    runs = [{"cell": "gru", "seed": k, "test": test} for k, test in enumerate(tests)]
    assert confusions(runs) == {
        "gru": {"classes": ["a", "b", "c"], "counts": [[1, 2, 0], [3, 14, 20], [0, 30, 40]]}
    }
