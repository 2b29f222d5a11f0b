"""`ostinato compare classify DATA --frameworks torch,keras`: one classifier in each of them."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ostinato.cli.parallel import Job, Show, in_parallel
from ostinato.cli.runs import free_folder
from ostinato.cli.screen import console, duration, machine, table
from ostinato.data import Examples
from ostinato.errors import ConfigError, RunError, shortened
from ostinato.experiment import frameworks
from ostinato.experiment.frameworks import Lesson, Outcome
from ostinato.report.frameworks import side_by_side
from ostinato.report.frameworks_page import frameworks_page
from ostinato.report.frameworks_sentences import says
from ostinato.report.sentences import listed
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.train import Folder
from ostinato.train.tensors import packed

TEXTS = 2000
"""The texts that are trained on, and at most asked about, unless `--texts` says more."""
EPOCHS, MAX_TOKENS = 3, 200
"""The epochs, and the tokens of a text, unless the settings say: Keras takes its time."""

NOISE = "each framework draws noise of its own, so they are compared without"
OURS = "that belongs to Ostinato's own loop and networks"
PLAIN: dict[str, tuple[tuple[Any, ...], str]] = {
    "model.dropout": ((0,), NOISE),
    "model.embedding_dropout": ((None, 0), NOISE),
    "model.recurrent_dropout": ((0,), NOISE),
    "model.zoneout": ((0,), NOISE),
    "model.word_dropout": ((0,), NOISE),
    "model.start": (("random",), OURS),
    "model.bigrams": ((0,), OURS),
    "model.members": ((1,), OURS),
    "model.linear": ((0,), OURS),
    "model.class_weight": ((None,), OURS),
    "model.threshold": ((None,), "the most probable class is the answer of all"),
    "data.extra": ((None,), OURS),
    "train.find_lr": ((False,), OURS),
    "train.schedule": (("linear", "cosine", "constant"), "nothing is validated meanwhile"),
    "train.precision": (("float32",), "they are compared in float32"),
    "train.average": ((0,), OURS),
    "train.accumulate": ((1,), OURS),
    "train.seconds": ((None,), "all take the same steps, however long that is"),
    "train.tensorboard": ((False,), OURS),
}
"""Settings by path, what they may be here, and why."""


def compare_frameworks(
    about: str,
    settings: ClassifySettings,
    words: str,
    chosen: Mapping[str, str],
    training: Examples,
    held: Examples,
    out: str | None,
    open_page: bool,
) -> None:
    """Trains every cell in every framework, and writes table, page, weights and numbers.

    Args:
        about: what is said of the data.
        settings: those of all, see `plain`.
        words: the frameworks, with commas between them.
        chosen: the cells, by how each is called.
        training: what is trained on.
        held: what is asked about afterwards.
        out: the folder.
        open_page: whether a browser is to show the page.
    """
    modules = named(words)
    lessons = {
        name: frameworks.lesson(settings.model_copy(update={"cell": word}), training, held)
        for name, word in chosen.items()
    }
    folder = Path(free_folder("frameworks") if out is None else out)
    if folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"{folder}: the folder is not empty; choose another with --out")
    began = time.perf_counter()
    found: dict[str, dict[str, Outcome]] = {cell: {} for cell in lessons}
    for name, module in modules.items():
        for cell, outcome in _trained(name, lessons, module.TITLE, module.APART).items():
            found[cell][name] = outcome
    titles = {name: module.TITLE for name, module in modules.items()}
    shaken: dict[str, tuple[str, Outcome]] = {}
    able = next((name for name, module in modules.items() if hasattr(module, "shaken")), None)
    if able and len(modules) > 1:
        for cell, outcome in _trained(able, lessons, f"{titles[able]}, shaken", shake=True).items():
            shaken[cell] = able, outcome
    what = listed(name.upper() for name in chosen)
    results = {
        "title": f"{what} on {about}, in {listed(titles.values())}",
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": time.perf_counter() - began,
        "machine": machine(),
        "titles": titles,
        "threads": settings.train.threads or 1,
        "training": len(training),
        "held": len(held),
        "settings": settings.model_dump(exclude_none=True, exclude={"cell"}),
        "cells": [
            {"name": cell, **side_by_side(lesson, found[cell], shaken.get(cell))}
            for cell, lesson in lessons.items()
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    kept = Folder(folder)
    for cell, outcomes in found.items():
        for name, outcome in outcomes.items():
            tensors = {key: torch.from_numpy(w) for key, w in outcome.weights.items()}
            kept.write(f"{cell}-{name}.safetensors", packed(tensors))
    kept.write_json("comparison.json", results)
    tell(results)
    kept.write("report.html", frameworks_page(results, "ostinato compare"))
    console.print(f"The page: {folder / 'report.html'}", soft_wrap=True)
    if open_page:
        webbrowser.open((folder / "report.html").resolve().as_uri())


def named(words: str) -> dict[str, Any]:
    """The frameworks that are asked for, in their order.

    Raises:
        ConfigError: when there is none, one is named twice, or one is not installed.
        UnknownName: for an unknown one.
    """
    found: dict[str, Any] = {}
    for name in filter(None, (word.strip() for word in words.split(","))):
        if name in found:
            raise ConfigError(f"--frameworks {shortened(words)}: {name!r} is named twice")
        found[name] = frameworks.find(name)
    if not found:
        known = ", ".join(frameworks.names())
        raise ConfigError(f"--frameworks needs the name of a framework: {known}")
    for name, module in found.items():
        if reason := module.missing():
            raise ConfigError(f"--frameworks {name}: {reason}")
    return found


def plain(settings: ClassifySettings) -> ClassifySettings:
    """The settings; what is not given is short, and without dropout.

    Raises:
        ConfigError: for a setting that frameworks cannot share.
    """
    unless: dict[str, dict[str, Any]] = {
        "model": {"dropout": 0.0},
        "train": {"epochs": EPOCHS},
        "data": {"max_tokens": MAX_TOKENS},
    }
    for name, values in unless.items():
        section = getattr(settings, name)
        new = {k: v for k, v in values.items() if k not in section.model_fields_set}
        settings = settings.model_copy(update={name: section.model_copy(update=new)})
    for path, (allowed, why) in PLAIN.items():
        part, _, name = path.partition(".")
        value = getattr(getattr(settings, part), name)
        if value not in allowed:
            option = path.replace("_", "-")
            wanted = " or ".join(str(each) for each in allowed if each is not None) or "none"
            raise ConfigError(f"--{option} {value}: with --frameworks it is {wanted}: {why}")
    return settings


def few(examples: Examples, texts: int, seed: int) -> Examples:
    """So many of the examples, drawn at random, in their order; all where there are no more."""
    if texts >= len(examples):
        return examples
    chosen = np.random.default_rng(seed).choice(len(examples), texts, replace=False)
    return examples.select(np.sort(chosen))


def _trained(
    framework: str,
    lessons: Mapping[str, Lesson],
    title: str,
    apart: bool = False,
    shake: bool = False,
) -> dict[str, Outcome]:
    """What comes of each cell's lesson; one after the other, so that none slows another down."""
    jobs: dict[str, Job] = {
        f"{cell} in {title}": (_train, (framework, shake, lesson))
        for cell, lesson in lessons.items()
    }
    return dict(zip(lessons, in_parallel(jobs, 1, apart).values(), strict=True))


def _train(framework: str, shake: bool, lesson: Lesson, show: Show) -> Outcome:
    module = frameworks.find(framework)
    outcome: Outcome = (module.shaken if shake else module.train)(lesson, show)
    show(1.0, f"last loss {outcome.losses[-1]:.6f} nats, {duration(sum(outcome.seconds))}")
    return outcome


def tell(results: Mapping[str, Any]) -> None:
    """The comparison in short, on the terminal."""
    told = table("", "loss", "accuracy", "first step", "an epoch", "tokens/s")
    for each in results["cells"]:
        for trial in each["trials"]:
            told.add_row(
                f"{each['name']} in {results['titles'][trial['framework']]}",
                f"{trial['epoch_losses'][-1]:.4f} nats",
                f"{trial['accuracy']:.2%}",
                f"{trial['ready'] + trial['first_step']:.1f} s",
                f"{trial['epoch_seconds'][-1]:.1f} s",
                f"{trial['tokens_per_second']:,.0f}",
            )
    console.print(told)
    console.print("Loss, time and tokens/s of the last epoch; accuracy on what is held out.")
    used = dict.fromkeys(trial["software"] for each in results["cells"] for trial in each["trials"])
    console.print(f"With {listed(used)}.", soft_wrap=True)
    for sentence in says(results):
        console.print(sentence, soft_wrap=True)
