"""A network and its weights: it is built only when they are known to fit, and not to be too large.

A run may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from ostinato.errors import ConfigError, RunError
from ostinato.torch_internals import Undrawn
from ostinato.train import BEST, Run
from ostinato.train.tensors import misfit, size_of

N = TypeVar("N", bound=nn.Module)
LARGEST = 2**32
"""Bytes that the weights of a network may take."""
_HEADER = 2**24  # bytes that a file of weights may have besides them


def checked(make: Callable[[], N]) -> N:
    """A network, once it is known that its weights are not too large.

    Raises:
        ConfigError: when they take more than `LARGEST` bytes.
    """
    _shapes(make)
    return make()


def with_weights(run: Run, make: Callable[[], N], file: str = BEST, all_of_them: bool = True) -> N:
    """A network with the weights of a run; before it is built these are known to be its own.

    Args:
        run: the run.
        make: makes the network.
        file: that of the weights.
        all_of_them: whether the network has all weights of the run; else it is a part of one.

    Raises:
        ConfigError: when they take more than `LARGEST` bytes.
        RunError: when they are damaged, or those of another network.
    """
    wanted = _shapes(make)
    most = size_of(wanted) + _HEADER if all_of_them else LARGEST
    found = run.read_tensors(file, most)
    if not all_of_them:
        found = {name: weight for name, weight in found.items() if name in wanted}
    if why := misfit(found, wanted):
        raise RunError(f"{run.path / file}: its weights do not match its settings: {why}")
    for name, weight in found.items():
        if not bool(weight.isfinite().all()):
            raise RunError(f"{run.path / file}: {name} contains a number that is not finite")
    network = make()
    network.load_state_dict(found)
    return network.eval()


def _shapes(make: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """The weights of a network by name, without the memory that they take."""
    with torch.device("meta"), Undrawn():
        weights: dict[str, Tensor] = make().state_dict()
    if (size := size_of(weights)) > LARGEST:
        raise ConfigError(
            f"the weights of the network would take {size / 2**30:,.1f} GiB, "
            f"and the limit is {LARGEST >> 30} GiB; make model.hidden, "
            "model.layers, model.embedding or the vocabulary smaller"
        )
    return weights
