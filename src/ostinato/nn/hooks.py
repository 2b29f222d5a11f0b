"""Hooks that are called after every step of a recurrent stack."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

StepHook: TypeAlias = Callable[[str, int, dict[str, Tensor]], None]
"""Is called after every step with the layer (`_l0_reverse`), the step's number, and its signals."""


class StepHooks(nn.Module):
    """A module that calls its hooks after every step."""

    def __init__(self) -> None:
        super().__init__()
        self._step_hooks: OrderedDict[int, StepHook] = OrderedDict()

    def register_step_hook(self, hook: StepHook) -> RemovableHandle:
        """Calls `hook(layer, t, signals)` after every step of every layer and direction.

        Hooks are called in the order of their registration. What a hook does to the signals, such
        as `retain_grad`, it does to the tensors of the computation. A hook that is registered
        while the module runs is called from the next call on.

        Args:
            hook: it is given the layer as its weights' names end (`_l0_reverse`), the number of
                the step, and for each signal of the cell by name its value (·, H): of the
                sequences that have this step, the longest first.

        Returns:
            A handle with `remove()`; as a context manager it removes the hook at the end.
        """
        handle = RemovableHandle(self._step_hooks)
        self._step_hooks[handle.id] = hook
        return handle

    def _after_step(self, layer: str, t: int, signals: dict[str, Tensor]) -> None:
        for hook in tuple(self._step_hooks.values()):
            hook(layer, t, signals)
