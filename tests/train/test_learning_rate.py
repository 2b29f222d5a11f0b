import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.train import Training
from ostinato.train.schedule import falls, rate


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant", "plateau"])
def test_the_rate_rises_over_the_warmup_and_falls_to_its_end(schedule):
    settings, level = Training(schedule=schedule, warmup=0.2), schedule in ("constant", "plateau")
    assert 0 < rate(0, settings) < 0.01
    assert 0.45 < rate(0.1, settings) < 0.55
    assert rate(0.2, settings) == 1
    assert rate(0.6, settings) == pytest.approx(1 if level else 0.5)
    assert rate(1, settings) == (1 if level else 0)
    assert rate(0, Training(schedule=schedule, warmup=0)) == 1


def test_on_a_plateau_it_falls_by_the_factor():
    settings = Training(schedule="plateau", plateau_epochs=2, plateau_factor=0.25, warmup=0)
    rates = [rate(0.5, settings, scores) for scores in ([], [3], [3, 3], [3, 3, 2], [3, 3, 2, 4])]
    assert rates == [1, 1, 1, 0.25, 0.25]
    assert rate(0, Training(schedule="plateau", warmup=0.5), [3, 3]) < 0.01


scores = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 0.75, 1.0, 2.0]) | st.floats(-1e6, 1e6))


@given(scores, st.integers(1, 4))
def test_it_falls_when_pytorchs_falls(scores, epochs):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max", factor=0.5, patience=epochs - 1, threshold=0, eps=0
    )
    for k, score in enumerate(scores, start=1):
        theirs.step(score)
        assert 0.5 ** falls(scores[:k], epochs) == optimizer.param_groups[0]["lr"]
