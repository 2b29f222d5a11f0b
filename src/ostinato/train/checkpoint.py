"""Checkpoints: all that training goes on from, in one file, at any step.

A checkpoint holds the weights and their average, the optimiser's memory, PyTorch's random state,
what the task carries from batch to batch, the counts of the epoch, and the records so far. The
order of the data is a function of seed and epoch and needs no keeping, nor does the learning
rate. At the end of an epoch come the best weights (`model.safetensors`), then the checkpoint whose
records call them the best, then `metrics.jsonl`. Stopped in between, weights that are newer than
the checkpoint are made again, the same, and metrics that are older are written from its records.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from ostinato.errors import RunError, quoted, shortened
from ostinato.train.average import Average
from ostinato.train.folder import MOST
from ostinato.train.learner import Learner
from ostinato.train.meter import Meter
from ostinato.train.run import BEST, METRICS, Run
from ostinato.train.tensors import misfit, size_of

_KEPT = 2  # the newest, and one to fall back to
_TIMES = 8  # as many bytes as the weights: averages, the optimiser's memory, what is carried


@dataclass
class State:
    """All that changes in training.

    Attributes:
        learner: the weights, and what is carried from batch to batch.
        optimizer: its memory.
        average: the averaged weights, if they are wanted.
        history: a record for each whole epoch.
        meter: the counts of the epoch that is not whole.
        best: the weights of the best epoch.
    """

    learner: Learner
    optimizer: torch.optim.Optimizer
    average: Average | None
    history: list[dict[str, Any]] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)
    best: dict[str, Tensor] = field(default_factory=dict)


def keep(run: Run, state: State) -> None:
    """Writes a checkpoint; the one before it stays until the next.

    Raises:
        RunError: when it cannot be written; those before it are still there.
    """
    memory = state.optimizer.state_dict()["state"]
    tensors = {
        "random": torch.get_rng_state(),
        **_under("model", state.learner.model.state_dict()),
        **_under("average", state.average.weights if state.average else {}),
        **_under("carried", {str(k): tensor for k, tensor in enumerate(state.learner.state)}),
        **{f"optimizer.{k}.{what}": memory[k][what] for k in memory for what in memory[k]},
    }
    steps = state.average.steps if state.average else 0
    notes = {"history": state.history, "meter": asdict(state.meter), "averaged": steps}
    name = f"checkpoints/{len(state.history):06d}-{state.meter.steps:09d}.safetensors"
    run.write_tensors(name, tensors, **{k: json.dumps(note) for k, note in notes.items()})
    for old in run.checkpoints()[:-_KEPT]:
        run.remove(f"checkpoints/{old.name}")


def restore(run: Run, state: State) -> None:
    """Puts everything back as `keep` found it; a run without any begins anew.

    A damaged checkpoint is passed over for the one before it, removed, and told of in the log.

    Raises:
        RunError: when none is whole, or it does not fit the model.
    """
    files = run.checkpoints()
    if not files:
        if run.exists(METRICS):  # which is written after the first checkpoint
            raise RunError(f"{run.path / 'checkpoints'}: there is none to go on from")
        return
    damaged: list[RunError] = []
    weights = size_of(state.learner.model.state_dict())
    for path in reversed(files):
        try:
            tensors, notes = run.read_all(f"checkpoints/{path.name}", _TIMES * weights + MOST)
            break
        except RunError as error:
            damaged.append(error)
    else:
        raise damaged[0]
    for newer, fault in zip(reversed(files), damaged, strict=False):
        logging.getLogger("ostinato").warning("%s; going on from the one before it", fault)
        run.remove(f"checkpoints/{newer.name}")

    try:
        _put_back(state, tensors, notes)
        if state.history:  # both are written anew, so that the finished run's manifest lists them
            path = run.path / BEST
            state.best = run.read_tensors(BEST, weights + MOST)
            _check(state.best, state.learner.model.state_dict())
            run.write_tensors(BEST, state.best)
    except (
        RuntimeError,
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
        ArithmeticError,
    ) as error:
        why = shortened(" ".join(str(error).split()), 200)
        raise RunError(f"{path}: does not fit ({why})") from None
    run.write_metrics(state.history)


def _put_back(state: State, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
    """Takes all from a checkpoint, each thing only when it is known to fit."""
    model, optimizer, average = state.learner.model, state.optimizer, state.average
    weights, memory = _of("model", tensors), _memory(_of("optimizer", tensors), optimizer)
    averaged = _of("average", tensors)
    history = _history(json.loads(notes["history"]), state.learner.judged_by)
    meter, steps = _meter(json.loads(notes["meter"])), json.loads(notes["averaged"])
    _check(weights, model.state_dict())
    _check(averaged, average.weights if average else {})
    _check_count("averaged", steps)
    torch.set_rng_state(tensors["random"])
    model.load_state_dict(weights)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": memory, "param_groups": groups})
    if average:
        average.weights, average.steps = averaged, steps
    carried = _of("carried", tensors)
    state.learner.state = tuple(carried[str(k)] for k in range(len(carried)))
    state.history, state.meter = history, meter


def _memory(
    found: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> dict[int, dict[str, Tensor]]:
    """The optimiser's memory by the place of the weight; it looks at no shapes by itself."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    known = {name.partition(".")[0] for name in found}
    one = torch.zeros(())
    parts = {
        k: {"step": one, "exp_avg": weight, "exp_avg_sq": weight}
        for k, weight in enumerate(weights)
        if str(k) in known  # a weight without a gradient has none
    }
    _check(found, {f"{k}.{what}": parts[k][what] for k in parts for what in parts[k]})
    return {k: {what: found[f"{k}.{what}"] for what in parts[k]} for k in parts}


def _history(records: Any, judged_by: str) -> list[dict[str, Any]]:
    needed = {"epoch", "seconds", judged_by.removeprefix("-")}
    for record in records:
        if missing := sorted(needed - record.keys()):
            raise ValueError(f"history: a record without {missing[0]}")
        if not all(map(math.isfinite, record.values())):
            raise ValueError("history: a record holds what is no finite number")
    return list(records)


def _meter(counts: Mapping[str, Any]) -> Meter:
    meter = Meter(**counts)
    _check_count("steps", meter.steps)
    least = 0 if meter.steps == 0 else 1e-9
    if not (
        math.isfinite(meter.loss)
        and 0 <= meter.lr < math.inf
        and all(least <= n < math.inf for n in (meter.terms, meter.tokens, meter.seconds))
    ):
        raise ValueError("meter: it holds what no epoch counts")
    return meter


def _check(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    if why := misfit(found, wanted):
        raise ValueError(why)


def _check_count(name: str, value: Any) -> None:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name}: {quoted(value)} is no count")


def _under(kind: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{kind}.{name}": tensor for name, tensor in tensors.items()}


def _of(kind: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a kind, by the names that `_under` was given."""
    before = f"{kind}."
    return {n.removeprefix(before): t for n, t in tensors.items() if n.startswith(before)}
