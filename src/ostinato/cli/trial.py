"""A trial: one cell with one seed, trained into its run folder, examined, its gradients measured.

What is observed lies beside the run as `observed.json`; a trial that has it is finished.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ostinato.cli.parallel import Show
from ostinato.cli.screen import facts
from ostinato.errors import RunError
from ostinato.observe.architecture import architecture
from ostinato.observe.exams import Exam
from ostinato.tasks.estimator import Estimator, reproducible
from ostinato.tasks.settings import TaskSettings
from ostinato.train import Progress, Run

OBSERVED, FLOW, BASELINE = "observed.json", "flow.json", "baseline.json"


def trial(
    settings: TaskSettings, training: tuple[Any, ...], exam: Exam, folder: str, show: Show
) -> dict[str, Any]:
    """Trains, examines and observes; what a trial in the folder has done is not done again.

    Args:
        settings: those of the run.
        training: what the estimator's `fit` takes.
        exam: what the trained model is judged by.
        folder: the run's folder.
        show: is told of the progress.

    Returns:
        What `observed.json` holds: `test` (see `Exam.judge`), `exam` (its fingerprint), `flow`
        (sizes of gradients by time, state and distance), `architecture`, numbers of parameters,
        the level that ran, and what `Exam.shown` gives.

    Raises:
        RunError: when the folder holds another run.
    """
    path = Path(folder)
    if (path / OBSERVED).exists():
        _check_same(settings, training, exam, folder, judged=True)
        observed: dict[str, Any] = Run(folder).read_json(OBSERVED)
        show(1.0, f"is there already: {exam.metric} {observed['test'][exam.metric]:.4f}")
        return observed
    estimator = exam.kind.of(settings)
    estimator.baseline = False  # it is fitted once for all, not beside each
    half = (path / "config.toml").exists()
    if half:
        _check_same(settings, training, exam, folder, judged=False)
    elif (path / "checkpoints").is_dir():
        Run(folder).remove()  # a run that was stopped before training began
    run = Run(folder) if half else Run.create(folder)
    flow: dict[str, Any] = run.read_json(FLOW) if (path / FLOW).exists() else {}
    began = time.perf_counter()

    def watch(progress: Progress) -> None:
        done, metrics = progress.done, progress.metrics
        if settings.train.seconds:
            done = max(done, (time.perf_counter() - began) / settings.train.seconds)
        show(min(done, 0.99), facts(progress))
        if metrics and metrics["epoch"].bit_count() == 1:  # 1, 2, 4, 8, …
            network = estimator.network_.eval()
            flow[f"epoch {metrics['epoch']}"] = exam.flow(estimator, network)
            run.write_json(FLOW, flow)

    estimator.fit(*training, run=run, show=watch, resume=half)
    show(0.99, "judging")
    observed = observe(estimator, exam, flow)
    run.write_json(OBSERVED, observed)
    show(1.0, f"held out: {exam.metric} {observed['test'][exam.metric]:.4f}")
    return observed


def observe(
    estimator: Estimator[Any], exam: Exam, during: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What a trained model is and does.

    Args:
        estimator: the model.
        exam: what it is judged by.
        during: sizes of gradients at times during its training.

    Returns:
        See `trial`.
    """
    settings, network = estimator.settings(), estimator.network_
    with reproducible(settings.seed, settings.train.threads):
        observed = {
            "exam": exam.fingerprint(),
            "test": exam.judge(estimator),
            "flow": {
                "start": exam.flow(estimator, estimator.untrained()),
                **(during or {}),
                "trained": exam.flow(estimator, network),
            },
            **inside(network),
            **exam.shown(estimator),
        }
    return observed


def inside(network: Any) -> dict[str, Any]:
    """What a network is made of."""
    level = network.recurrent.level(True)
    return {"architecture": architecture(network), **counts(network), "level": level}


def counts(network: Any) -> dict[str, int]:
    """How many parameters a network has, and how many its recurrent stacks."""
    stacks = [network.recurrent]
    if hasattr(network, "decoder"):
        stacks.append(network.decoder.recurrent)
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "recurrent_parameters": sum(p.numel() for stack in stacks for p in stack.parameters()),
    }


def _check_same(
    settings: TaskSettings, training: tuple[Any, ...], exam: Exam, folder: str, judged: bool
) -> None:
    """That a folder's run has these settings and data, and if it is judged, was by this exam.

    Raises:
        RunError: when it has others.
    """
    run = Run(folder)
    if type(settings).load(run.path / "config.toml") != settings:
        raise RunError(f"{folder}: a run with other settings; choose another --out, or remove it")
    was = run.trained_on()["sha256"]
    same = was == exam.trained_on(training)
    if judged:
        same = same and run.read_json(OBSERVED)["exam"] == exam.fingerprint()
    if not same:
        raise RunError(f"{folder}: a run on other data; choose another --out, or remove it")
