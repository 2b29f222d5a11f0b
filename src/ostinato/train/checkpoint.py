"""Checkpoints: what training needs to go on after its last whole epoch, in one file."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.errors import RunError
from ostinato.train.run import Run

LAST = "checkpoints/last.safetensors"


def keep(
    run: Run, model: nn.Module, optimizer: torch.optim.Optimizer, history: list[dict[str, Any]]
) -> None:
    """Writes weights, the optimiser's memory, the random state and the records so far."""
    tensors = {f"model.{name}": w for name, w in model.state_dict().items()}
    for k, memory in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{k}.{name}": value for name, value in memory.items()}
    tensors["random"] = torch.get_rng_state()
    run.write_tensors(LAST, tensors, history=json.dumps(history))


def restore(
    run: Run, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Puts everything back as `keep` found it.

    Returns:
        The records so far, and the weights of the best epoch among them.

    Raises:
        RunError: when there is no checkpoint, or it is damaged, or does not fit the model.
    """
    tensors, notes = run.read_tensors(LAST), run.read_notes(LAST)
    groups = optimizer.state_dict()["param_groups"]
    memory: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            k, _, what = rest.partition(".")
            memory.setdefault(int(k), {})[what] = tensor
    weights = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
    try:
        model.load_state_dict(weights)
        optimizer.load_state_dict({"state": memory, "param_groups": groups})
        torch.set_rng_state(tensors["random"])
        history: list[dict[str, Any]] = json.loads(notes["history"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise RunError(f"{run.path / LAST}: does not fit ({error})") from None
    run.write("metrics.jsonl", "".join(json.dumps(record) + "\n" for record in history))
    return history, run.read_tensors("model.safetensors")
