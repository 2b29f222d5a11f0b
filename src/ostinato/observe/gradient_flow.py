"""Gradient flow: how large dL/dh_t is, by the distance of step t from the loss.

A gradient that reaches an early step has passed through every step between; where each of them
shrinks it, it vanishes, and the model cannot learn from what stood there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ostinato.nn import Recurrent
from ostinato.tasks.base.held_out import REACH, HeldOut


def gradient_flow(
    network: nn.Module, recurrent: Recurrent, loss: Callable[[], Tensor]
) -> dict[str, list[float]]:
    """The mean over sequences of ‖dL/ds_t‖ for every state s of the top layer, by distance.

    dL/ds_t counts every way by which the state s_t reaches the loss, the later steps included.
    The states are those of the stack's first call: of a network that calls it again, to forecast
    or to decode, the later calls are part of the way to the loss.

    Args:
        network: the model; its gradients are cleared.
        recurrent: its recurrent stack.
        loss: runs the network and gives the sum over sequences of the loss at the end of each.

    Returns:
        For each state by name the sizes; index k stands for the step k steps before the last.
    """
    top, states = f"_l{recurrent.num_layers - 1}", recurrent.cell.graph.state_names
    steps: list[dict[str, Tensor]] = []

    def watch(layer: str, t: int, signals: dict[str, Tensor]) -> None:
        if layer == top:
            steps.append({s: signals[s] for s in states if s in signals})
            for signal in steps[-1].values():
                signal.retain_grad()

    try:
        with (
            recurrent.register_step_hook(watch) as handle,
            recurrent.register_forward_hook(lambda *_: handle.remove()),
        ):
            loss().backward()  # type: ignore[no-untyped-call]
    finally:
        network.zero_grad()

    rows = [len(step[states[0]]) for step in steps]  # the longest sequences come first
    lengths = [sum(n > row for n in rows) for row in range(rows[0])]
    sizes: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for t, step in enumerate(steps):
        for name, signal in step.items():
            if signal.grad is not None:
                for row, size in enumerate(signal.grad.norm(dim=-1).tolist()):
                    sizes[name][lengths[row] - 1 - t].append(size)
    return {name: [sum(at[k]) / len(at[k]) for k in range(len(at))] for name, at in sizes.items()}


def held_out_flow(held_out: HeldOut, estimator: Any, network: Any) -> dict[str, list[float]]:
    """The gradient flow of a task's loss on what is held out, `REACH` steps back at most."""
    flow = gradient_flow(network, network.recurrent, held_out.loss(estimator, network))
    return {state: sizes[: REACH + 1] for state, sizes in flow.items()}
