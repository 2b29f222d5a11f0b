import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ostinato.statistics import (
    EXACT,
    holm,
    mcnemar,
    paired_t,
    sign_flip,
    spread,
)
from ostinato.tasks.classify.calibration import Bin, calibration_error, reliability

numbers = st.lists(st.integers(-40, 40).map(lambda n: n / 8), min_size=2, max_size=12)


def test_a_spread_worked_by_hand():
    # mean 5; squares of distances 9 1 1 1 0 0 4 16 sum to 32; t(0.975, 7) = 2.3646
    found = spread([2, 4, 4, 4, 5, 5, 7, 9])
    assert found.mean == 5
    assert found.deviation == pytest.approx(math.sqrt(32 / 7))
    half = 2.3646 * math.sqrt(32 / 7) / math.sqrt(8)
    assert (found.low, found.high) == pytest.approx((5 - half, 5 + half), abs=1e-4)


@given(numbers)
def test_the_interval_is_scipys(values):
    found = spread(values)
    n = len(values)
    scale = stats.sem(values)
    assert found.deviation == pytest.approx(np.std(values, ddof=1))
    if scale > 0:
        low, high = stats.t.interval(0.95, n - 1, loc=np.mean(values), scale=scale)
        assert (found.low, found.high) == pytest.approx((low, high))


def test_one_value_has_no_spread():
    assert spread([0.5]) == (0.5, None, None, None)
    with pytest.raises(ValueError, match="single difference"):
        paired_t([0.5])


@given(numbers)
def test_the_paired_t_is_scipys(values):
    if np.std(values) == 0:
        assert paired_t(values) == (values[0] == 0)
    else:
        expected = stats.ttest_rel(values, np.zeros(len(values))).pvalue
        assert paired_t(values) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=25)
@given(numbers)
def test_all_signs_are_scipys_permutations(values):
    expected = stats.permutation_test(
        (np.array(values), np.zeros(len(values))),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    ).pvalue
    assert sign_flip(values) == pytest.approx(min(1.0, expected), abs=1e-9)


def test_drawn_signs_are_near_all_signs():
    random = np.random.default_rng(3)
    values = (random.normal(0.3, 1, 60)).tolist()
    # for many differences their sum is near normal, with the sum of squares as its variance
    normal = 2 * stats.norm.sf(abs(sum(values)) / math.sqrt(sum(v * v for v in values)))
    assert len(values) > EXACT
    assert sign_flip(values) == pytest.approx(normal, abs=0.02)
    assert sign_flip(values) == sign_flip([-v for v in values])


def test_nothing_but_zeros_shows_nothing():
    assert sign_flip([0.0] * 30) == mcnemar(0, 0) == 1.0


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test(a, b):
    expected = stats.binomtest(a, a + b, 0.5).pvalue if a + b else 1.0
    assert mcnemar(a, b) == pytest.approx(expected)


def test_mcnemar_of_many():
    assert mcnemar(3000, 3300) == pytest.approx(stats.binomtest(3000, 6300, 0.5).pvalue)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_helps_and_keeps_the_order(ps):
    corrected = holm(ps)
    assert all(p <= c <= 1 for p, c in zip(ps, corrected, strict=True))
    ranked = [c for _, c in sorted(zip(ps, corrected, strict=True))]
    assert ranked == sorted(ranked)
    assert min(corrected) == min(1.0, len(ps) * min(ps))


def test_bins_by_hand():
    # borders belong below; two in (0.5, 0.6], one right; one in (0.9, 1.0]
    bins = reliability([0.55, 0.6, 0.95], [True, False, True])
    assert [(b.size, b.accuracy) for b in bins] == [(2, 0.5), (1, 1.0)]
    assert bins[0].confidence == pytest.approx(0.575)
    assert calibration_error(bins) == pytest.approx((2 * 0.075 + 0.05) / 3)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_bins_hold_every_prediction_once(pairs):
    confidence, right = zip(*pairs, strict=True)
    bins = reliability(confidence, right)
    assert sum(b.size for b in bins) == len(pairs)
    assert sum(b.size * b.accuracy for b in bins) == pytest.approx(sum(right))
    assert 0 <= calibration_error(bins) <= 1


def test_who_knows_itself_has_no_error():
    assert calibration_error([Bin(4, 0.75, 0.75), Bin(2, 0.5, 0.5)]) == 0
