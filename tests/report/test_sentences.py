import pytest
from demo_results import classifier, decay, results

from ostinato.report.sentences import (
    chance,
    duration,
    gradient_reach,
    overfitting,
    percent,
    summary,
    verdict,
)


def flow(**sizes: list[float]) -> dict[str, dict[str, dict[str, list[float]]]]:
    return {cell: {"trained": {"h": each}} for cell, each in sizes.items()}


def test_gradients_as_the_numbers_have_them():
    # 0.5^7 < 1% < 0.5^6 and so on: by hand.
    assert gradient_reach(results()["flow"]) == (
        "Before training, 1% of its largest size is left 7 steps back in the RNN, 6 in the LSTM "
        "and 7 in the GRU. After it, 1% of its largest size is left 21 steps back in the RNN; "
        "149 steps back there is still 22% of it in the LSTM and 4.9% in the GRU. Of the gradient "
        "of the LSTM’s c (dashed), 1% is left 7 steps back before training and 47% is left 149 "
        "steps back after it."
    )


def test_other_gradients_other_sentences():
    turned = flow(rnn=decay(1.0, 0.999, 100), lstm=decay(1.0, 0.005, 100))
    assert gradient_reach(turned) == (
        "After it, 1% of its largest size is left 1 step back in the LSTM; "
        "99 steps back there is still 91% of it in the RNN."
    )


def test_a_gradient_that_stays():
    assert gradient_reach(flow(gru=decay(1.0, 1.0, 11))) == (
        "After it, 10 steps back there is still 100% of its largest size in the GRU."
    )


@pytest.mark.parametrize("sizes", [[], [1.0], [0.0, 0.0], [float("inf"), 1.0]])
def test_nothing_to_say_about_no_gradient(sizes):
    assert gradient_reach(flow(rnn=sizes)) == ""


@pytest.mark.parametrize(
    ("baseline", "judged"),
    [
        (0.88, "is better than every network here: <strong>88.00%</strong>"),
        (0.85, "is as good: <strong>85.00%</strong>"),
        (0.80, "is not as good: <strong>80.00%</strong>"),
    ],
)
def test_the_baseline_gets_its_due(baseline, judged):
    text = verdict(
        [classifier("rnn", 0.7, 1.0), classifier("gru", 0.85, 1.0)], {"test_accuracy": baseline}
    )
    assert text.startswith("The best, the GRU, is right on <strong>85.00%</strong>")
    assert text.endswith(f"{judged}.")


def test_summary():
    text = summary(results())
    assert text.startswith("RNN, LSTM and GRU were trained on 17,931 film reviews")
    assert "4,981 others" in text
    assert text.endswith("an LSTM learned to write Shakespeare, one character after the other.")
    assert summary({"generator": {"cell": "gru", "source": "shakespeare"}}).startswith("A GRU ")
    assert summary({}) == ""


def test_overfitting():
    late, growing = classifier("rnn", 0.7, 1.0), classifier("gru", 0.8, 1.0)
    growing["history"] = late["history"][:2]
    assert overfitting([late, growing]) == (
        "Overfitting: the loss on training reviews still decreases, but that on validation reviews "
        "does not: the RNN after epoch 2. More epochs may still "
        "improve the GRU."
    )
    assert overfitting([{"cell": "rnn", "history": late["history"][:1]}]) == ""


def test_chance():
    assert "±0.9 points" in chance(0.8834, 4981)  # 1.96 √(0.8834 · 0.1166 / 4981) = 0.0089
    assert "%" not in chance(0.8834, None)


def test_percent_and_duration():
    assert [percent(p) for p in (1.0, 0.41, 0.0996, 0.0123, 0.0004, 0.0)] == [
        "100%", "41%", "10%", "1.2%", "0.04%", "0%"
    ]  # fmt: skip
    assert [duration(s) for s in (0.2, 59.6, 185.0)] == ["0 s", "1 min 00 s", "3 min 05 s"]
