"""`ostinato compare TASK DATA --frameworks torch,keras`: one model in each of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ostinato.cli.bars import Bars
from ostinato.cli.pages import write_page
from ostinato.cli.runs import free_folder, named_cells
from ostinato.cli.screen import console, table
from ostinato.errors import ConfigError, RunError
from ostinato.experiment import frameworks, side_by_side
from ostinato.experiment.stamp import stamp
from ostinato.report.frameworks import side_by_side as compared
from ostinato.report.frameworks_page import frameworks_page
from ostinato.report.frameworks_sentences import says
from ostinato.report.sentences import listed
from ostinato.tasks.base.reading import Comparison
from ostinato.train import Folder


def compare_frameworks(
    about: str,
    settings: Any,
    words: str,
    cells: str,
    texts: int | None,
    read: Callable[[Any], Comparison],
    out: str | None,
    open_page: bool,
) -> None:
    """Trains every cell in every framework, and writes table, page, weights and numbers.

    Args:
        about: what is said of the data.
        settings: those of all, before they are made plain.
        words: the frameworks, with commas between them.
        cells: the cells, with commas between them.
        texts: how many texts are trained on, and at most asked about.
        read: reads what is trained on, with settings.
        out: the folder.
        open_page: whether a browser is to show the page.

    Raises:
        ConfigError: for what cannot be compared so.
        RunError: when the folder is not empty.
    """
    if texts is not None and texts < 2:
        raise ConfigError(f"--texts {texts}: give at least two")
    settings, chosen = side_by_side.plain(settings), named_cells(cells)
    modules = side_by_side.named(words)
    training, held = side_by_side.parts(read(settings), texts, settings.seed)
    plans = {
        name: frameworks.plan(settings.model_copy(update={"cell": word}), training, held)
        for name, word in chosen.items()
    }
    folder = Path(free_folder("frameworks") if out is None else out)
    if folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"{folder}: the folder is not empty; choose another with --out")
    began, titles = time.perf_counter(), {name: each.TITLE for name, each in modules.items()}
    found, shaken = side_by_side.train(plans, modules, Bars())
    what = listed(map(str.upper, chosen))
    results = {
        "title": f"{what} on {about}, in {listed(titles.values())}",
        **stamp(began),
        "titles": titles,
        "threads": settings.train.threads or 1,
        "training": len(training),
        "held": len(held),
        "settings": settings.model_dump(exclude_none=True, exclude={"cell"}),
        "cells": [
            {"name": cell, **compared(plan, found[cell], shaken.get(cell))}
            for cell, plan in plans.items()
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    kept = Folder(folder)
    side_by_side.write_weights(found, kept)
    kept.write_json("comparison.json", results)
    _print(results)
    write_page(frameworks_page(results, "ostinato compare"), folder / "report.html", open_page)


def _print(results: Mapping[str, Any]) -> None:
    """The comparison in short, on the terminal."""
    shown = table("", "loss", "accuracy", "first step", "an epoch", "tokens/s")
    for each in results["cells"]:
        for trial in each["trials"]:
            shown.add_row(
                f"{each['name']} in {results['titles'][trial['framework']]}",
                f"{trial['epoch_losses'][-1]:.4f} nats",
                f"{trial['accuracy']:.2%}",
                f"{trial['ready'] + trial['first_step']:.1f} s",
                f"{trial['epoch_seconds'][-1]:.1f} s",
                f"{trial['tokens_per_second']:,.0f}",
            )
    console.print(shown)
    console.print(
        "Loss, time and tokens/s are those of the last epoch; accuracy is on the held-out set."
    )
    used = dict.fromkeys(trial["software"] for each in results["cells"] for trial in each["trials"])
    console.print(f"With {listed(used)}.", soft_wrap=True)
    for sentence in says(results):
        console.print(sentence, soft_wrap=True)
