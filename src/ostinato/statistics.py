"""Numbers → what may be said of them: spreads, intervals, paired tests.

All tests are two-sided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtrc, stdtr, stdtrit

LEVEL = 0.05
"""The p below which a difference is called one."""
EXACT = 14
"""The most differences whose 2^n signs are all tried; of more a sample is drawn."""
DRAWS = 20_000


class Spread(NamedTuple):
    """How some measurements lie.

    Attributes:
        mean: their mean.
        deviation: the standard deviation, with n - 1; None of a single one.
        low: the lower end of the 95% interval of the mean; None of a single one.
        high: its upper end.
    """

    mean: float
    deviation: float | None = None
    low: float | None = None
    high: float | None = None


def spread(values: Sequence[float], level: float = LEVEL) -> Spread:
    """Mean, standard deviation s, and the interval mean ± t s / √n by Student's t.

    >>> s = spread([1.0, 2.0, 3.0])
    >>> s.mean, s.deviation, round(s.high, 4)  # 2 + 4.3027 / √3
    (2.0, 1.0, 4.4841)
    """
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Spread(mean)
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    half = float(stdtrit(n - 1, 1 - level / 2)) * deviation / math.sqrt(n)
    return Spread(mean, deviation, mean - half, mean + half)


def paired_t(differences: Sequence[float]) -> float:
    """Student's paired t: the p of a mean difference of nought, for differences near normal.

    t = mean / (s / √n) with n - 1 degrees of freedom (Student 1908).

    >>> round(paired_t([1.0, 2.0, 3.0]), 4)  # t = 2 √3 = 3.4641
    0.0742
    """
    mean, deviation, *_ = spread(differences)
    if deviation is None:
        raise ValueError("a test of a single difference is not possible")
    if deviation == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(len(differences) - 1, -abs(mean) / deviation * len(differences) ** 0.5))


def sign_flip(differences: Sequence[float], seed: int = 0) -> float:
    """The paired permutation test: how often random signs give a sum as far from nought.

    If two models were alike, each difference could as well have had the other sign (Fisher 1935).
    Up to `EXACT` differences all 2^n signs are tried; of more, `DRAWS` are drawn, and p is
    (1 + hits) / (1 + draws).

    >>> sign_flip([1.0, 2.0, 3.0])  # of 8 sums, 6 and -6
    0.25
    """
    values = np.array([d for d in differences if d], dtype=np.float64)
    n = len(values)
    if n == 0:
        return 1.0
    least = abs(values.sum()) - 1e-9 * np.abs(values).sum()  # sums are rounded
    if n <= EXACT:
        signs = 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1
        return float(np.mean(np.abs(signs @ values) >= least))
    random, hits = np.random.default_rng(seed), 0
    for _ in range(DRAWS // 500):
        signs = 2.0 * random.integers(0, 2, (500, n)) - 1
        hits += int(np.sum(np.abs(signs @ values) >= least))
    return (1 + hits) / (1 + DRAWS)


def mcnemar(first_only: int, second_only: int) -> float:
    """McNemar's exact test: whether two classifiers are right equally often on the same examples.

    Only examples count that one has right and the other wrong; if the two were alike, each would
    fall to either side like a coin (McNemar 1947).

    Args:
        first_only: the examples that only the first has right.
        second_only: those that only the second has right.

    >>> mcnemar(1, 5)  # 2 (1 + 6) / 64
    0.21875
    """
    n, k = first_only + second_only, min(first_only, second_only)
    tail, ways = 0, 1  # the ways to choose j of n, whole numbers of any length
    for j in range(k + 1):
        tail += ways
        ways = ways * (n - j) // (j + 1)
    return min(1.0, float(2 * tail / 2**n))


def by_chance(hits: int, examples: int, share: float) -> float:
    """How likely so many hits are, or more, where each example is one with this probability.

    >>> round(by_chance(5, 5, 0.5), 5)  # 1 / 2⁵
    0.03125
    """
    return float(bdtrc(hits - 1, examples, share)) if hits > 0 else 1.0


def over_examples(differences: Sequence[float]) -> tuple[str, float]:
    """The paired test of two models on the same examples: its name, and its p.

    McNemar's where each example is right or wrong, else the paired permutation test.

    Args:
        differences: of the scores of each example.
    """
    if {-1, 0, 1}.issuperset(differences):
        return "McNemar, exact", mcnemar(differences.count(1), differences.count(-1))
    return "paired permutation", sign_flip(differences)


def is_better(ours: ArrayLike, theirs: ArrayLike) -> bool:
    """Whether one model is better than another beyond chance, on the same examples.

    Args:
        ours: a score of each example (N,), such as right or wrong; the larger the better.
        theirs: those of the other model (N,).
    """
    differences = np.subtract(ours, theirs, dtype=np.float64).tolist()
    return sum(differences) > 0 and over_examples(differences)[1] < LEVEL


def holm(ps: Sequence[float]) -> list[float]:
    """The p of several tests, corrected for there being several (Holm 1979).

    The smallest is multiplied by their number, the next by one less, and so on; none falls below
    one before it.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(ps)), key=lambda k: ps[k])
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, k in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[k]))
        corrected[k] = largest
    return corrected
