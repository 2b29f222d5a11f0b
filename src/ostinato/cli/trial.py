"""A trial: one cell with one seed, trained into its run folder, examined, its gradients measured.

What is observed lies beside the run as `observed.json`; a trial that has it is finished.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ostinato.cli.parallel import Show
from ostinato.cli.screen import facts
from ostinato.data import Examples
from ostinato.errors import RunError
from ostinato.observe.architecture import architecture
from ostinato.observe.exam import Exam
from ostinato.tasks.classify import Classifier, ClassifySettings
from ostinato.tasks.estimator import reproducible
from ostinato.tasks.generate import GenerateSettings, Generator
from ostinato.train import Progress, Run

OBSERVED, FLOW = "observed.json", "flow.json"
TEMPERATURES, LENGTH = (0.5, 0.8), 400
"""How a generator's samples are drawn, and the symbols of each."""

Settings: TypeAlias = ClassifySettings | GenerateSettings
Estimators: TypeAlias = Classifier | Generator


def estimator_of(settings: Settings) -> Estimators:
    """The estimator of a task's settings; a baseline is fitted once for all, not beside each."""
    if isinstance(settings, ClassifySettings):
        return Classifier.of(settings, baseline=False)
    return Generator.of(settings, baseline=False)


def trial(
    settings: Settings, training: tuple[Any, ...], exam: Exam, folder: str, show: Show
) -> dict[str, Any]:
    """Trains, examines and observes; what a trial in the folder has done is not done again.

    Args:
        settings: those of the run.
        training: what `fit` takes: texts and labels, or a text.
        exam: what the trained model is judged by.
        folder: the run's folder.
        show: is told of the progress.

    Returns:
        What `observed.json` holds: `test` (see `Exam.judge`), `exam` (its fingerprint), `flow`
        (sizes of gradients by time, state and distance), `architecture`, numbers of parameters,
        the level that ran, and of a generator `samples`.

    Raises:
        RunError: when the folder holds another run.
    """
    path = Path(folder)
    if (path / OBSERVED).exists():
        _check_same(settings, training, exam, folder)
        observed: dict[str, Any] = Run(folder).read_json(OBSERVED)
        show(1.0, f"is there already: {exam.metric} {observed['test'][exam.metric]:.4f}")
        return observed
    estimator = estimator_of(settings)
    half = (path / "config.toml").exists()
    if half:
        _check_same(settings, training, None, folder)
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
    estimator: Estimators, exam: Exam, during: Mapping[str, Any] | None = None
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
        }
        if isinstance(estimator, Generator):
            observed["samples"] = [
                {"temperature": t, "text": estimator.sample("", LENGTH, temperature=t)}
                for t in TEMPERATURES
            ]
    return observed


def inside(network: Any) -> dict[str, Any]:
    """What a network is made of."""
    return {
        "architecture": architecture(network),
        "parameters": sum(p.numel() for p in network.parameters()),
        "recurrent_parameters": sum(p.numel() for p in network.recurrent.parameters()),
        "level": network.recurrent.level(True),
    }


def _check_same(
    settings: Settings, training: tuple[Any, ...], exam: Exam | None, folder: str
) -> None:
    """That a folder's run has these settings and data.

    Raises:
        RunError: when it has others.
    """
    run = Run(folder)
    if type(settings).load(run.path / "config.toml") != settings:
        raise RunError(f"{folder}: a run with other settings; choose another --out, or remove it")
    was = run.read_json("manifest.json")["data"]["sha256"]
    exam_was = exam and run.read_json(OBSERVED)["exam"]
    if was != fingerprint(training) or (exam and exam_was != exam.fingerprint()):
        raise RunError(f"{folder}: a run on other data; choose another --out, or remove it")


def fingerprint(training: tuple[Any, ...]) -> str:
    """The hash of the data as `fit` writes it into the manifest."""
    if len(training) > 1:
        return Examples(*training).fingerprint()
    return hashlib.sha256(training[0].encode()).hexdigest()
