"""Whether a network and a linear baseline answer together, and the files of a run that say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ostinato.errors import RunError
from ostinato.train import Run

M = TypeVar("M")
TENSORS, FACTS = "linear.safetensors", "linear.json"
"""The files of a linear model that answers too; where it does not, there are none."""
PRIOR = 1.0
"""How many validation examples a prior counts as, under which both members count alike."""
FEW = 50
"""Fewer examples than these cannot show a difference, unless it is a large one."""
_FOLDS = 5
_LARGEST = 2**31  # bytes that a file of weights may have


def folds(count: int) -> Iterator[NDArray[np.bool_]]:
    """Which of so many examples are left out (N,), each of them once."""
    fold = np.arange(count) % min(_FOLDS, count)
    return (fold == k for k in range(fold.max() + 1))


def helps(alone: NDArray[np.float64], both: NDArray[np.float64]) -> bool:
    """Whether a baseline helps a network: with it errors are smaller, beyond chance.

    Among fewer than `FEW` examples, where hardly any difference is beyond chance, smaller will do:
    of two models that few examples cannot tell apart, both together are the safer choice.

    Args:
        alone: the error of the network on each validation example (N,).
        both: that of both together, where nothing was fitted to the example (N,).
    """
    from ostinato.statistics import is_better  # whose SciPy a prediction can do without

    smaller = bool(both.sum() < alone.sum())
    return smaller and (len(both) < FEW or is_better(-both, -alone))


def narrow(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """As float32; what is too large for that is ∞, which is refused where answers are checked."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def read_linear(run: Run, make: Callable[[Mapping[str, Tensor]], M]) -> M:
    """The linear model of a run, made of its tensors.

    Raises:
        RunError: when it is missing or damaged.
    """
    tensors = run.read_tensors(TENSORS, _LARGEST)
    try:
        return make(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"{run.path / TENSORS}: damaged ({error})") from None
