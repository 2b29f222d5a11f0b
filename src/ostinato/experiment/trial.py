"""A trial: one cell with one seed, trained into its run folder and judged, its gradients measured.

What is observed lies beside the run as `observed.json`; a trial that has it is finished.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ostinato.cells import find
from ostinato.errors import RunError
from ostinato.experiment.parallel import Show
from ostinato.observe.architecture import architecture, counts
from ostinato.observe.gradient_flow import held_out_flow
from ostinato.tasks.base.estimator import Estimator
from ostinato.tasks.base.held_out import HeldOut
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.base.stored import cell_in, settings_in
from ostinato.tasks.base.summary import progress_in_words
from ostinato.train import Hook, Progress, ProgressHook, Run
from ostinato.train.random_state import reproducible

Flow: TypeAlias = dict[str, list[float]]
"""Sizes of gradients by distance from the end, for each state."""
OBSERVED, FLOW, BASELINE = "observed.json", "flow.json", "baseline.json"


class GradientSnapshots(Hook):
    """Measures the gradient flow after epochs 1, 2, 4, 8, …, and keeps it in the run.

    Args:
        run: that of the training; what it holds already is kept.
        estimator: what is trained.
        held_out: what gradients are measured over.
    """

    def __init__(self, run: Run, estimator: Estimator[Any], held_out: HeldOut) -> None:
        self.run, self.estimator, self.held_out = run, estimator, held_out
        self.flow: dict[str, Flow] = {}
        if run.exists(FLOW):
            self.flow = run.read_json(FLOW)
            run.write_json(FLOW, self.flow)  # so that the finished run's manifest lists it

    def on_epoch(self, progress: Progress) -> None:
        """Measures it."""
        if progress.epoch.bit_count() == 1:
            network = self.estimator.network_.eval()
            flow = held_out_flow(self.held_out, self.estimator, network)
            self.flow[f"epoch {progress.epoch}"] = flow
            self.run.write_json(FLOW, self.flow)


def is_judged(run: Run) -> bool:
    """Whether what a run was judged by is there: its manifest lists it, and nobody removed it."""
    return run.exists(OBSERVED) and run.holds(OBSERVED)


def trial(
    settings: TaskSettings,
    training: tuple[object, ...],
    held_out: HeldOut,
    folder: str,
    device: str | None,
    show: Show,
) -> dict[str, Any]:
    """Trains, judges and observes; what a trial in the folder has done is not done again.

    Args:
        settings: those of the run.
        training: what the estimator's `fit` takes.
        held_out: what the trained model is judged by.
        folder: the run's folder.
        device: where it is trained.
        show: is called with the progress.

    Returns:
        What `observed.json` holds: `test` (see `HeldOut.judge`), `exam` (its fingerprint), `flow`
        (sizes of gradients by time, state and distance), `architecture`, numbers of parameters,
        the level that ran, and what `HeldOut.shown` gives.

    Raises:
        RunError: when the folder holds another run.
    """
    run = Run(folder)
    if run.begun and is_judged(run):
        _check_same(settings, training, held_out, run, judged=True)
        observed: dict[str, Any] = run.read_json(OBSERVED)
        show(1.0, f"already trained: {held_out.metric} {observed['test'][held_out.metric]:.4f}")
        return observed
    estimator = held_out.kind.of(settings)
    estimator.baseline = False  # it is fitted once for all, not beside each
    half = run.begun
    if half:
        _check_same(settings, training, held_out, run, judged=False)
    else:
        if run.exists("checkpoints"):
            run.delete()  # a run that was stopped before training began
        run = Run.create(folder)
    snapshots = GradientSnapshots(run, estimator, held_out)
    watched = ProgressHook(lambda now: show(min(now.done, 0.99), progress_in_words(now)))
    hooks = [watched, snapshots]
    estimator.fit(*training, run=run, hooks=hooks, resume=half, device=device)
    show(0.99, "judging")
    observed = observe(estimator, held_out, snapshots.flow)
    run.write_json(OBSERVED, observed)
    show(1.0, f"held-out set: {held_out.metric} {observed['test'][held_out.metric]:.4f}")
    return observed


def observe(
    estimator: Estimator[Any], held_out: HeldOut, during: Mapping[str, Flow] | None = None
) -> dict[str, Any]:
    """What a trained model is and does.

    Args:
        estimator: the model.
        held_out: what it is judged by.
        during: sizes of gradients at times during its training.

    Returns:
        See `trial`.
    """
    settings, network = estimator.settings(), estimator.network_
    with reproducible(settings.seed, settings.train.threads):
        observed = {
            "exam": held_out.fingerprint(),
            "test": held_out.judge(estimator),
            "flow": {
                "start": held_out_flow(held_out, estimator, estimator.untrained()),
                **(during or {}),
                "trained": held_out_flow(held_out, estimator, network),
            },
            **inside(estimator),
            **held_out.shown(estimator),
        }
    return observed


def inside(estimator: Estimator[Any]) -> dict[str, Any]:
    """What a trained model is made of; a linear model that answers with the network is a part."""
    model = estimator.model_
    parts, network = architecture(model), model.network
    return {
        "architecture": parts,
        **counts(network),
        "parameters": sum(part["parameters"] for part in parts),
        "level": network.recurrent.level(True),
    }


def _check_same(
    settings: TaskSettings, training: tuple[object, ...], held_out: HeldOut, run: Run, judged: bool
) -> None:
    """That a run has these settings, cell and data, and if it is judged, was by this held_out.

    Raises:
        RunError: when it has others.
    """
    folder, own, cell = run.path, settings_in(run, type(settings)), cell_in(run)
    was, named = run.manifest.chosen, held_out.kind.of(settings).settings().chosen()
    if was is None:  # from before settings went by the data
        alike = own == settings.model_copy(update={"cell": own.cell})
    else:
        alike = was | {"cell": ""} == named | {"cell": ""}
    if not alike or find(settings.cell).graph != cell.graph:
        raise RunError(
            f"{folder}: a run with different settings; choose another --out, or remove the folder"
        )
    same = run.manifest.data.get("sha256") == held_out.trained_on(training)
    if judged:
        same = same and run.read_json(OBSERVED)["exam"] == held_out.fingerprint()
    if not same:
        raise RunError(
            f"{folder}: a run on different data; choose another --out, or remove the folder"
        )
