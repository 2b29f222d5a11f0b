"""The copy task: ten symbols are read, nothing for T steps, then they are to be written again.

Hochreiter & Schmidhuber 1997, as Arjovsky, Shah & Bengio 2016 have it, "Unitary evolution recurrent
neural networks".
"""

from __future__ import annotations

import math

import numpy as np

from ostinato.data.sources._problem import Problem
from ostinato.errors import ConfigError

LICENCE = "generated here"
SHA256 = None  # drawn anew for each length and seed

_WRITTEN, _KINDS = 10, 8
_BLANK, _BEGIN = 8, 9


def read(length: int = 100, count: int = 1000, seed: int = 0) -> Problem:
    """Sequences of T + 20 steps, each one of ten symbols: eight to copy, a blank, and "write now".

    A model that writes blanks, and then guesses, has a cross-entropy of 10·ln 8 / (T + 20) nats
    a step.

    >>> read(length=3, count=1).targets[:, 0].tolist().count(8)
    13

    Args:
        length: T, the steps between the last symbol and the first to be written; at least 1.
        count: B.
        seed: fixes everything.

    Raises:
        ConfigError: for a length below 1.
    """
    if length < 1:
        raise ConfigError(f"the copy task needs at least 1 step, not {length}")
    random = np.random.default_rng([seed, length])
    steps = length + 2 * _WRITTEN
    given = random.integers(_KINDS, size=(_WRITTEN, count))
    read = np.full((steps, count), _BLANK)
    read[:_WRITTEN] = given
    read[-_WRITTEN - 1] = _BEGIN
    write = np.full((steps, count), _BLANK)
    write[-_WRITTEN:] = given
    inputs = np.eye(_KINDS + 2, dtype=np.float32)[read]
    return Problem(inputs, write, _KINDS + 2, _WRITTEN * math.log(_KINDS) / steps)
