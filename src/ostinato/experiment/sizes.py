"""Equal sizes: the settings of each cell of a comparison, so that none has more than another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from ostinato.tasks.base.settings import TaskSettings
from ostinato.train.config import ENDLESS

if TYPE_CHECKING:
    from torch import nn

S = TypeVar("S", bound=TaskSettings)
Equal: TypeAlias = Literal["parameters", "recurrent", "time"]
"""What is equal: all parameters, those of the recurrent layers, or the time of training."""
SECONDS = 60.0
"""What each run gets where the time is equal, unless `train.seconds` says."""


def of_cells(
    settings: S,
    cells: Mapping[str, str],
    equal: Equal | None,
    network: Callable[[S], nn.Module],
    multiple: int,
) -> dict[str, S]:
    """The settings of each cell, by the name that its runs have; one thread unless said.

    Args:
        settings: those of all cells.
        cells: how each cell is called, and the word for it.
        equal: what is equal for all cells; hidden sizes are chosen so.
        network: the network of some settings.
        multiple: what a hidden size must be a multiple of.
    """
    import torch  # not for the help, which names what may be equal

    from ostinato.observe.architecture import counts

    train: dict[str, float] = {"threads": settings.train.threads or 1}
    if equal == "time":  # then nothing but the clock stops a run
        seconds = settings.train.seconds or SECONDS
        train |= {"seconds": seconds, "epochs": ENDLESS, "patience": ENDLESS}
    both = settings.train.model_copy(update=train)
    sized = equal in ("parameters", "recurrent")
    if sized:  # what has been counted must not go by the data afterwards
        settings = settings.model_copy(update={"model": settings.model.whole()})
    found = {
        name: settings.model_copy(update={"cell": word, "train": both})
        for name, word in cells.items()
    }
    if not sized:
        return found

    def resized(own: S, hidden: int) -> S:
        model = own.model.model_copy(update={"hidden": hidden})
        return own.model_copy(update={"model": model})

    def count(own: S, times: int) -> int:
        with torch.device("meta"):  # the weights are not made
            found = counts(network(resized(own, times * multiple)))
        return found["parameters" if equal == "parameters" else "recurrent_parameters"]

    first, *others = found
    wanted = count(found[first], found[first].model.hidden // multiple)
    least = settings.model.projection // multiple + 1
    for name in others:
        times = nearest_size(partial(count, found[name]), wanted, least)
        found[name] = resized(found[name], times * multiple)
    return found


def nearest_size(count: Callable[[int], int], wanted: int, least: int = 1) -> int:
    """The size whose count is nearest to the one wanted, where a larger size has a larger count.

    >>> nearest_size(lambda n: n * n, 50), nearest_size(lambda n: n * n, 60)
    (7, 8)
    """
    low, high = least, least + 1
    while count(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    return min(low, high, key=lambda size: abs(count(size) - wanted))
