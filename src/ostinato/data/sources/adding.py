"""The adding problem: two numbers are marked among many, and their sum is asked for at the end.

Hochreiter & Schmidhuber 1997, "Long short-term memory", as Le, Jaitly & Hinton 2015 have it.
"""

from __future__ import annotations

import numpy as np

from ostinato.data.sources._problem import Problem
from ostinato.errors import ConfigError

LICENCE = "generated here"
SHA256 = None  # drawn anew for each length and seed


def read(length: int = 100, count: int = 1000, seed: int = 0) -> Problem:
    """Sequences of a number from [0, 1) and a mark; one mark in either half.

    A model that always answers 1, the mean, has a mean squared error of 1/6.

    >>> problem = read(length=6, count=1)
    >>> values, marks = problem.inputs[:, 0].T
    >>> bool(np.isclose(values[marks == 1].sum(), problem.targets[0]))
    True

    Args:
        length: T, at least 2.
        count: B.
        seed: fixes everything.

    Raises:
        ConfigError: for a length below 2.
    """
    if length < 2:
        raise ConfigError(f"the adding problem needs at least 2 steps, not {length}")
    random = np.random.default_rng([seed, length])
    values = random.random((length, count), dtype=np.float32)
    marks = np.zeros((length, count), dtype=np.float32)
    every, half = np.arange(count), length // 2
    marks[random.integers(half, size=count), every] = 1
    marks[random.integers(half, length, size=count), every] = 1
    return Problem(np.stack([values, marks], axis=-1), (values * marks).sum(0), 0, 1 / 6)
