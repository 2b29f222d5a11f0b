import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.train import BY_LOSS, Ending, Judge, Training

ACCURACY = Judge("accuracy", "accuracy")
ERRORS = Judge("-errors", "errors", worthless=0.8)


def history(metric, values, losses):
    pairs = zip(values, losses, strict=True)
    return [{metric: value, "validation_loss": loss} for value, loss in pairs]


numbers = st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 0.75, 1.0])] * 2), min_size=1)


@given(numbers)
def test_the_best_epoch_has_the_best_metric_then_the_lowest_loss_and_is_the_first_such(pairs):
    epochs = history("accuracy", *zip(*pairs, strict=True))
    best = ACCURACY.best(epochs)
    assert pairs[best][0] == max(value for value, _ in pairs)
    assert pairs[best][1] == min(loss for value, loss in pairs if value == pairs[best][0])
    assert pairs.index(pairs[best]) == best
    by_loss = ACCURACY.by(Training(best_by="loss"))
    assert pairs[by_loss.best(epochs)][1] == min(loss for _, loss in pairs)


def test_it_waits_only_while_neither_metric_nor_loss_is_better():
    falling = history("errors", [0.9, 1.2, 1.1, 1.3], [5, 4, 3, 2])
    assert ERRORS.waited(falling) == 0
    assert ERRORS.best(falling) == 3  # greedy outputs that are all wrong say nothing
    assert Judge("-errors", "errors").best(falling) == 0
    assert ERRORS.waited(history("errors", [0.7, 0.5, 0.6, 0.6], [2, 3, 3, 3])) == 2
    assert ACCURACY.waited([]) == 0


@pytest.mark.parametrize(
    ("values", "losses", "options", "words"),
    [
        ([0.5, 0.8, 0.7], [3, 2, 1], {"epochs": 3}, "All 3 epochs trained, epoch 2 kept."),
        (
            [0.5, 0.8, 0.7, 0.7],
            [3, 2, 2, 2],
            {"epochs": 9, "patience": 2},
            "Stopped early: epoch 2 of 9 kept, because neither accuracy nor validation loss was "
            "better in the last 2 epochs.",
        ),
        (
            [0.5, 0.8],
            [3, 2],
            {"epochs": 10**6, "patience": 10**6, "seconds": 7},
            "Stopped: epoch 2 of 2 kept, because the 7 seconds of training are over.",
        ),
    ],
)
def test_an_ending_says_what_was_kept_and_why(values, losses, options, words):
    ending = Ending.of(history("accuracy", values, losses), ACCURACY, Training(**options))
    assert ending.in_words() == words


def test_a_loss_that_still_falls_at_the_end_is_said():
    steep, flat = [5 - k / 2 for k in range(10)], [5 / (k + 1) ** 2 + 3 for k in range(10)]
    assert BY_LOSS.is_falling(history("accuracy", steep, steep))
    assert not BY_LOSS.is_falling(history("accuracy", flat, flat))
