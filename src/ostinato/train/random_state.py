"""The random state that training draws from: PyTorch's on the CPU, and on a model's CUDA device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor

_CPU, _CUDA = "random", "random.cuda"  # names in checkpoints


def saved(device: torch.device) -> dict[str, Tensor]:
    """The random state by name, for a model on a device."""
    states = {_CPU: torch.get_rng_state()}
    if device.type == "cuda":
        states[_CUDA] = torch.cuda.get_rng_state(device)
    return states


def restore(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Puts back what `saved` gave; what was saved on a CPU alone leaves that of CUDA as it is.

    Raises:
        KeyError: when there is none.
        RuntimeError: when it is no random state.
        TypeError: when it is of another dtype.
    """
    torch.set_rng_state(states[_CPU])
    if device.type == "cuda" and _CUDA in states:
        torch.cuda.set_rng_state(states[_CUDA], device)


def forked(device: torch.device) -> AbstractContextManager[None]:
    """Within it random numbers are drawn, afterwards the random state is as it was before."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


@contextmanager
def reproducible(seed: int, threads: int | None) -> Iterator[None]:
    """Within it PyTorch has this seed and number of threads; both are afterwards as before.

    Args:
        seed: of the CPU's and every GPU's random numbers.
        threads: the number of threads; None leaves it.
    """
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        torch.set_num_threads(threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)
