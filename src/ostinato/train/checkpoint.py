"""Checkpoints: everything that is needed to continue training, in one file, at any step.

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
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict

import torch
from torch import Tensor

from ostinato.errors import RunError, shortened
from ostinato.train import random_state
from ostinato.train.folder import MOST
from ostinato.train.interrupts import Interrupts
from ostinato.train.learner import B
from ostinato.train.meter import Meter
from ostinato.train.run import BEST, METRICS, Run, check_records
from ostinato.train.state import State
from ostinato.train.tensors import misfit, on, size_of

_KEPT = 2  # the newest, and one to fall back to
_TIMES = 8  # as many bytes as the weights: averages, the optimiser's memory, what is carried


class Checkpoints:
    """The checkpoints of a training, where it has a run: now and then, and after each epoch.

    Args:
        run: where they go; None keeps none.
        state: what they are made of.
        seconds: the time between two of them within an epoch.
    """

    def __init__(self, run: Run | None, state: State[B], seconds: float) -> None:
        self._run, self._state, self._seconds = run, state, seconds
        self._kept = time.monotonic()

    def keep(self) -> None:
        """Writes one; see `keep`."""
        if self._run:
            keep(self._run, self._state)
        self._kept = time.monotonic()

    def keep_if_due(self) -> None:
        """Writes one if the last was long enough ago."""
        if time.monotonic() - self._kept >= self._seconds:
            self.keep()


@contextmanager
def resumable(run: Run | None, state: State[B]) -> Iterator[Interrupts]:
    """Within it, whatever ends training between two steps leaves a checkpoint of the last one.

    These are what a hook raises, and signals that the program handles by raising KeyboardInterrupt
    or SystemExit, such as Ctrl-C; all of it continues from here. A second signal does not wait,
    and leaves none.

    Args:
        run: where the checkpoint goes; None keeps nothing.
        state: what it is made of.

    Raises:
        RunError: when `run` cannot be written; it says so where there is a checkpoint to resume.
    """
    interrupts = Interrupts()
    try:
        try:
            interrupts.begin()
            yield interrupts
        except BaseException as error:
            interrupts.end()  # a second signal ends the writing too
            if run and interrupts.whole and (state.history or state.meter.steps):
                with suppress(RunError) if isinstance(error, RunError) else nullcontext():
                    keep(run, state)
            raise
        finally:
            interrupts.end()
    except RunError as error:
        if run and run.checkpoints():
            raise RunError(f"{error}; fix it, and continue with --resume") from None
        raise


def keep(run: Run, state: State[B]) -> None:
    """Writes a checkpoint; the one before it stays until the next.

    Raises:
        RunError: when it cannot be written; those before it are still there.
    """
    memory = state.optimizer.state_dict()["state"]
    tensors = {
        **random_state.saved(state.device),
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


def restore(run: Run, state: State[B]) -> None:
    """Puts everything back as `keep` found it; a run without any begins anew.

    A damaged checkpoint is skipped for the previous one, removed, and logged.

    Raises:
        RunError: when none is whole, or it does not fit the model.
    """
    files = run.checkpoints()
    if not files:
        if run.exists(METRICS):  # which is written after the first checkpoint
            raise RunError(f"{run.path / 'checkpoints'}: there is no checkpoint to continue from")
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
        logging.getLogger("ostinato").warning("%s; continuing from the previous one", fault)
        run.remove(f"checkpoints/{newer.name}")

    try:
        _put(state, tensors, notes)
        if state.history:  # both are written anew, so that the finished run's manifest lists them
            path = run.path / BEST
            state.best = run.read_tensors(BEST, weights + MOST)
            if wrong := misfit(state.best, state.learner.model.state_dict()):
                raise ValueError(wrong)
            run.write_tensors(BEST, state.best)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError,
            ValueError) as error:  # fmt: skip
        why = shortened(" ".join(str(error).split()), 200)
        raise RunError(f"{path}: does not match the run ({why})") from None
    run.write_metrics(state.history)


def _put(state: State[B], tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
    """Puts back what a checkpoint holds, whoever made it.

    Raises:
        ValueError: when something in it has another name, shape, dtype or kind.
    """
    memory: dict[int, dict[str, Tensor]] = {}
    for key, tensor in _of("optimizer", tensors).items():
        number, _, what = key.partition(".")
        memory.setdefault(int(number), {})[what] = tensor
    optimizer = state.optimizer.state_dict()
    weights = [w for group in state.optimizer.param_groups for w in group["params"]]
    for k, found in memory.items():
        if not 0 <= k < len(weights):
            raise ValueError(f"optimizer.{k} is not known")
        wanted = {
            "step": torch.zeros((), device="meta"),
            "exp_avg": weights[k],
            "exp_avg_sq": weights[k],
        }
        if fault := misfit(found, wanted):
            raise ValueError(f"optimizer.{k}.{fault}")
    model, averaged = _of("model", tensors), _of("average", tensors)
    if fault := misfit(model, state.learner.model.state_dict()):
        raise ValueError(fault)
    if fault := misfit(averaged, state.average.weights if state.average else {}):
        raise ValueError(f"average.{fault}")
    history, meter = json.loads(notes["history"]), Meter(**json.loads(notes["meter"]))
    check_records(history, {state.judge.name, "loss", "seconds"})
    check_records([asdict(meter)])
    if type(meter.steps) is not int or meter.steps < 0 or (meter.steps and meter.terms <= 0):
        raise ValueError("the meter is invalid")
    steps = json.loads(notes["averaged"])
    if type(steps) is not int or steps < 0:
        raise ValueError("averaged is not a number of steps")

    device = state.device
    state.learner.model.load_state_dict(model)
    state.optimizer.load_state_dict({"state": memory, "param_groups": optimizer["param_groups"]})
    if state.average:
        state.average.weights, state.average.steps = on(device, averaged), steps
    carried = on(device, _of("carried", tensors))
    state.learner.state = tuple(carried[str(k)] for k in range(len(carried)))
    state.history, state.meter = history, meter
    if carried:  # the layers know what fits
        with torch.no_grad():
            state.learner.loss(state.learner.batches(len(history))[0])
        state.learner.state = tuple(carried[str(k)] for k in range(len(carried)))
    random_state.restore(tensors, device)


def _under(kind: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{kind}.{name}": tensor for name, tensor in tensors.items()}


def _of(kind: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a kind, by the names that `_under` was given."""
    before = f"{kind}."
    return {n.removeprefix(before): t for n, t in tensors.items() if n.startswith(before)}
