"""Hooks: what watches training, and may end it, without a change to the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ostinato.train.meter import Progress, Record

if TYPE_CHECKING:
    from torch import nn


class Hook:
    """Watches training; a subclass overrides the methods that it needs.

    Hooks are called in the order in which they are given, between steps. Whatever one of them
    raises ends training as an interrupt does: with a checkpoint of the last whole step. A hook
    that changes weights, or draws random numbers, changes what is trained.
    """

    def on_begin(self, model: nn.Module, history: Sequence[Record]) -> None:
        """Training begins, or is resumed after the epochs in `history`."""

    def on_step(self, progress: Progress) -> None:
        """A step of the optimiser is done; gradients are still those of the step."""

    def on_epoch(self, progress: Progress) -> None:
        """An epoch is validated and kept; `progress.metrics` is its record."""

    def on_end(self) -> None:
        """Training is over, or was ended by an exception; called wherever `on_begin` returned."""


class ProgressHook(Hook):
    """Calls a function with the progress after each step and after each epoch.

    Args:
        show: the function.
    """

    def __init__(self, show: Callable[[Progress], None]) -> None:
        self._show = show

    def on_step(self, progress: Progress) -> None:
        """Shows it."""
        self._show(progress)

    def on_epoch(self, progress: Progress) -> None:
        """Shows it."""
        self._show(progress)


@contextmanager
def begun(
    hooks: Sequence[Hook], model: nn.Module, history: Sequence[Record]
) -> Iterator[Sequence[Hook]]:
    """Within it hooks have begun; afterwards each that has is ended, the last one first."""
    with ExitStack() as stack:
        for hook in hooks:
            hook.on_begin(model, history)
            stack.callback(hook.on_end)
        yield hooks
