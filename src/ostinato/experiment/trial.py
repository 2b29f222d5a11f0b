"""A trial: one cell with one seed, trained into its run folder and judged, its gradients measured.

What is observed lies beside the run as `observed.json`; a trial that has it is finished.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ostinato.cells import find
from ostinato.errors import RunError
from ostinato.experiment.parallel import Show
from ostinato.observe.architecture import architecture, counts
from ostinato.observe.gradient_flow import held_out_flow
from ostinato.tasks.base.estimator import Estimator, reproducible
from ostinato.tasks.base.held_out import HeldOut
from ostinato.tasks.base.parts import PartRecord
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.base.stored import cell_in, settings_in
from ostinato.tasks.base.summary import progress_in_words
from ostinato.train import Progress, Run

Flow: TypeAlias = dict[str, list[float]]
"""Sizes of gradients by distance from the end, for each state."""
OBSERVED, FLOW, BASELINE = "observed.json", "flow.json", "baseline.json"


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
    if run.begun and run.holds(OBSERVED):
        _check_same(settings, training, held_out, run, judged=True)
        observed: dict[str, Any] = run.read_json(OBSERVED)
        show(1.0, f"is there already: {held_out.metric} {observed['test'][held_out.metric]:.4f}")
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
    flow: dict[str, Flow] = {}
    if run.exists(FLOW):
        flow = run.read_json(FLOW)
        run.write_json(FLOW, flow)  # so that the finished run's manifest lists it
    watch = _watching(estimator, held_out, run, flow, show)
    more = {} if device is None else {"device": device}
    estimator.fit(*training, run=run, show=watch, resume=half, **more)
    show(0.99, "judging")
    observed = observe(estimator, held_out, flow)
    run.write_json(OBSERVED, observed)
    show(1.0, f"held out: {held_out.metric} {observed['test'][held_out.metric]:.4f}")
    return observed


def _watching(
    estimator: Estimator[Any], held_out: HeldOut, run: Run, flow: dict[str, Flow], show: Show
) -> Callable[[Progress], None]:
    """Shows the progress of training, and measures gradients after epochs 1, 2, 4, 8, …."""
    began, limit = time.perf_counter(), estimator.settings().train.seconds

    def watch(progress: Progress) -> None:
        done, epoch = progress.done, progress.epoch
        if limit:
            done = max(done, (time.perf_counter() - began) / limit)
        show(min(done, 0.99), progress_in_words(progress))
        if progress.metrics and epoch.bit_count() == 1:
            network = estimator.network_.eval()
            flow[f"epoch {epoch}"] = held_out_flow(held_out, estimator, network)
            run.write_json(FLOW, flow)

    return watch


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
    network, linear = estimator.network_, getattr(estimator, "linear_", None)
    parts, count = architecture(network), counts(network)
    if linear:
        member: PartRecord = {
            "kind": "linear",
            "name": "linear model",
            "inside": f"n-grams up to {linear.model.order}, combined with the network",
            "gives": parts[-1]["gives"],
            "parameters": linear.model.parameters,
        }
        parts.append(member)
        count["parameters"] += linear.model.parameters
    return {"architecture": parts, **count, "level": network.recurrent.level(True)}


def _check_same(
    settings: TaskSettings, training: tuple[object, ...], held_out: HeldOut, run: Run, judged: bool
) -> None:
    """That a run has these settings, cell and data, and if it is judged, was by this held_out.

    Raises:
        RunError: when it has others.
    """
    folder, own, cell = run.path, settings_in(run, type(settings)), cell_in(run)
    alike = own == settings.model_copy(update={"cell": own.cell})
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
