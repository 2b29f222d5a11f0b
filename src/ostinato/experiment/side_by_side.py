"""Frameworks side by side: every cell trained in each of them, from the same plan."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import numpy as np
import torch

from ostinato.data import Examples
from ostinato.errors import ConfigError, quoted, shortened
from ostinato.experiment import frameworks
from ostinato.experiment.frameworks import TrainingPlan, TrainingResult
from ostinato.experiment.parallel import Display, Job, Show, in_parallel
from ostinato.tasks.base.defaults import filled
from ostinato.tasks.base.reading import Comparison
from ostinato.tasks.base.summary import duration
from ostinato.tasks.classify.held_out import ClassifyHeldOut
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.train import Folder
from ostinato.train.tensors import packed

TEXTS = 2000
"""The texts that are trained on, and at most asked about, unless it is said how many."""
SHORT = {"model.dropout": 0.0, "train.epochs": 3, "data.max_tokens": 200}
"""Settings unless they are given: without noise, and short, because Keras takes its time."""
NOISE = "dropout is random in each framework, so they are compared without it"
OURS = "this belongs to Ostinato's own training loop and networks"
PLAIN: Mapping[str, tuple[tuple[object, ...], str]] = {
    "model.dropout": ((0,), NOISE),
    "model.embedding_dropout": ((None, 0), NOISE),
    "model.variational_dropout": ((0,), NOISE),
    "model.recurrent_dropout": ((0,), NOISE),
    "model.weight_dropout": ((0,), NOISE),
    "model.zoneout": ((0,), NOISE),
    "model.word_dropout": ((0,), NOISE),
    "model.start": (("random",), OURS),
    "model.bigrams": ((0,), OURS),
    "model.members": ((1,), OURS),
    "model.linear": ((0,), OURS),
    "model.class_weight": ((None,), OURS),
    "model.threshold": ((None,), "all frameworks predict the most probable class"),
    "data.extra": ((None,), OURS),
    "train.find_lr": ((False,), OURS),
    "train.schedule": (("linear", "cosine", "constant"), "there is no validation during training"),
    "train.precision": (("float32",), "they are compared in float32"),
    "train.average": ((0,), OURS),
    "train.accumulate": ((1,), OURS),
    "train.seconds": ((None,), "all run the same steps, whatever their time"),
    "train.tensorboard": ((False,), OURS),
}
"""Settings by path, what they may be here, and why."""
Results = dict[str, dict[str, TrainingResult]]
"""What came of each cell in each framework."""


def named(words: str) -> dict[str, ModuleType]:
    """The frameworks that are asked for, in their order.

    Args:
        words: their names, with commas between them.

    Raises:
        ConfigError: when there is none, one is named twice, or one is not installed.
        UnknownName: for an unknown one.
    """
    found: dict[str, ModuleType] = {}
    for name in filter(None, (word.strip() for word in words.split(","))):
        if name in found:
            raise ConfigError(f"--frameworks {shortened(words)}: {quoted(name)} is named twice")
        found[name] = frameworks.find(name)
    if not found:
        known = ", ".join(frameworks.names())
        raise ConfigError(f"--frameworks requires the name of a framework: {known}")
    for name, module in found.items():
        if reason := module.missing():
            raise ConfigError(f"--frameworks {name}: {reason}")
    return found


def plain(settings: ClassifySettings) -> ClassifySettings:
    """The settings; what is not given is short, and without dropout.

    Raises:
        ConfigError: for a setting that frameworks cannot share.
    """
    settings = filled(settings, SHORT)
    for path, (allowed, why) in PLAIN.items():
        part, _, name = path.partition(".")
        value = getattr(getattr(settings, part), name)
        if value not in allowed:
            option = path.replace("_", "-")
            wanted = " or ".join(str(each) for each in allowed if each is not None) or "none"
            raise ConfigError(f"--{option} {value}: with --frameworks it is {wanted}: {why}")
    return settings


def parts(comparison: Comparison, texts: int | None, seed: int) -> tuple[Examples, Examples]:
    """What is trained on, and asked about afterwards: so many texts, drawn at random."""
    held_out = comparison.held_out
    assert isinstance(held_out, ClassifyHeldOut)
    both = Examples(*comparison.training), held_out.examples
    training, held = (_few(part, texts or TEXTS, seed) for part in both)
    return training, held


def _few(examples: Examples, texts: int, seed: int) -> Examples:
    """So many of the examples, drawn at random, in their order; all where there are no more."""
    if texts >= len(examples):
        return examples
    chosen = np.random.default_rng(seed).choice(len(examples), texts, replace=False)
    return examples.select(np.sort(chosen))


def train(
    plans: Mapping[str, TrainingPlan], modules: Mapping[str, ModuleType], display: Display
) -> tuple[Results, dict[str, tuple[str, TrainingResult]]]:
    """Trains every cell in every framework.

    Args:
        plans: the plan of each cell.
        modules: the frameworks, by name.
        display: where the progress is shown.

    Returns:
        What came of each cell in each framework; and of each cell a framework and its result of
        one more training, in which every weight is moved by one rounding at every step, where
        several frameworks are compared and one of them can do so.
    """
    found: Results = {cell: {} for cell in plans}
    for name, module in modules.items():
        trained = _trained(name, plans, module.TITLE, display, apart=module.APART)
        for cell, result in trained.items():
            found[cell][name] = result
    able = next((name for name, module in modules.items() if hasattr(module, "shaken")), None)
    if able is None or len(modules) < 2:
        return found, {}
    title = f"{modules[able].TITLE}, shaken"
    shaken = _trained(able, plans, title, display, shake=True)
    return found, {cell: (able, result) for cell, result in shaken.items()}


def write_weights(results: Results, folder: Folder) -> None:
    """Writes the weights of each cell in each framework, as `CELL-FRAMEWORK.safetensors`."""
    for cell, own in results.items():
        for name, result in own.items():
            tensors = {key: torch.from_numpy(w) for key, w in result.weights.items()}
            folder.write(f"{cell}-{name}.safetensors", packed(tensors))


def _trained(
    framework: str,
    plans: Mapping[str, TrainingPlan],
    title: str,
    display: Display,
    apart: bool = False,
    shake: bool = False,
) -> dict[str, TrainingResult]:
    """What comes of each cell's plan; one after the other, so that none slows another down."""
    jobs: dict[str, Job[TrainingResult]] = {
        f"{cell} in {title}": (_train, (framework, shake, plan)) for cell, plan in plans.items()
    }
    return dict(zip(plans, in_parallel(jobs, 1, display, apart).values(), strict=True))


def _train(framework: str, shake: bool, plan: TrainingPlan, show: Show) -> TrainingResult:
    module = frameworks.find(framework)
    result: TrainingResult = (module.shaken if shake else module.train)(plan, show)
    show(1.0, f"last loss {result.losses[-1]:.6f} nats, {duration(sum(result.seconds))}")
    return result
