"""`ostinato report RUN…`: trained runs, compared on one page."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ostinato import tasks
from ostinato.cli.screen import console, duration, machine, table
from ostinato.cli.trial import BASELINE, OBSERVED, inside, observe
from ostinato.errors import ConfigError, RunError, quoted
from ostinato.observe.observed import check_alike, checked, checked_baseline, checked_history
from ostinato.report.comparison import comparison
from ostinato.report.comparison_page import comparison_page
from ostinato.report.figures import cell_label
from ostinato.report.sentences import listed
from ostinato.report.verdicts import equality, measure, verdicts
from ostinato.tasks.base.held_out import HeldOut
from ostinato.tasks.base.stored import cell_in, settings_in
from ostinato.train import BEST, Folder, Run, write_out
from ostinato.train.run import CONFIG, METRICS


def report(
    *runs: str,
    data: Annotated[list[str] | None, Parameter(negative=())] = None,
    out: str = "report.html",
    open_page: bool = False,
) -> None:
    """Compare trained runs on one page: tables, curves, gradients, mistakes, diagrams.

    Example: ostinato report runs/a runs/b --data more.csv

    Runs of one cell that differ in nothing but the seed stand in one row.

    Parameters
    ----------
    runs
        The folders of runs of one task, or of a comparison, which holds several.
    data
        What runs are judged by that have not been judged yet: a file or a packaged source; given
        twice, two parallel files. Where it is what a run was trained on, only the part that was
        held out counts.
    out
        The page to write.
    open_page
        Open the page in a browser at the end.
    """
    paths = [path for run in runs for path in _runs_in(run)]
    if not paths:
        raise ConfigError("report needs the folder of a run; see --help")
    homes = {Path(path).parent for path in paths}
    home = homes.pop()
    known = not homes and Folder(home).exists(BASELINE)  # all of them are of one comparison
    began = time.perf_counter()
    results = collected(paths, home if known else None, data)
    names = [cell_label(row["cell"]) for row in results["rows"]]
    results |= {
        "title": f"{listed(names)}, compared" if len(names) > 1 else names[0],
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": time.perf_counter() - began,
        "machine": machine(),
    }
    tell(results)
    write_page(results, Path(out), "ostinato report", open_page)


def _runs_in(folder: str) -> list[str]:
    """The folder, or those in it that hold runs."""
    if not Run(folder).exists(CONFIG):
        inside = [Path(folder, name) for name in Folder(folder).names()]
        if runs := [str(path) for path in inside if Run(path).exists(BEST)]:
            return runs
    Run.open(folder)
    return [folder]


def collected(
    paths: Sequence[str],
    home: Path | None = None,
    data: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What run folders hold, worked out as a comparison.

    Args:
        paths: the folders.
        home: the folder of their comparison, which holds the baseline of the task.
        data: what runs are judged by that are not yet.

    Raises:
        RunError: when a folder holds no finished run, or one of another task, or something in it
            makes no sense.
    """
    settings = [Run.open(path).config() for path in paths]
    task = str(settings[0].get("task"))
    for path, own in zip(paths, settings, strict=True):
        if own.get("task") != task or task not in tasks.names():
            raise RunError(
                f"{path}: a run of task {quoted(own.get('task'))}; a report takes runs of one "
                f"task, here {quoted(task)}, of {listed(tasks.names())}"
            )
    exam = tasks.find(task).held_out
    settings = [  # now that it is known whose they are, checked
        settings_in(Run(path), exam.kind.kind).model_dump(exclude_none=True) for path in paths
    ]
    names = _names(settings, [own["cell"] for own in settings])
    runs = [
        _record(path, name, own, exam, data)
        for path, name, own in zip(paths, names, settings, strict=True)
    ]
    baseline: dict[str, Any] | None
    if file := home and home / BASELINE:
        baseline = checked_baseline(Folder(file.parent).read_json(BASELINE), file, exam.metric)
    else:  # an exam may know what needs no training
        tests = (own["test"] for own in runs if "test" in own)
        baseline = next((test.get("baseline") for test in tests), None)
    check_alike({Path(own["path"], OBSERVED): own for own in runs}, baseline, file)
    shown: dict[str, Any] = {"task": task, "pooling": settings[0]["model"].get("pooling")}
    return shown | comparison(runs, exam.metric, exam.lower, baseline)


def _record(
    path: str,
    name: str,
    settings: Mapping[str, Any],
    exam: type[HeldOut],
    data: Sequence[str] | None,
) -> dict[str, Any]:
    """A run as `comparison` takes it."""
    run = Run(path)
    if run.holds(OBSERVED):
        run.say_state()
        observed = checked(run.read_json(OBSERVED), run.path / OBSERVED, exam.metric)
    else:
        estimator = exam.kind.load(path)
        held = None if data is None else exam.read_files(data, estimator, run)
        observed = observe(estimator, held) if held else inside(estimator)
    if "test" in observed:
        observed["test"]["exam"] = observed["exam"]
    return observed | {
        "cell": name,
        "seed": settings["seed"],
        "hidden": settings["model"]["hidden"],
        "path": path,
        "history": checked_history(run.metrics(), run.path / METRICS, exam.metric),
        "graph": cell_in(run).graph.to_json(),
    }


def _names(settings: Sequence[Mapping[str, Any]], cells: Sequence[str]) -> list[str]:
    """How each run's cell is called: with the settings that set it apart from others of the cell.

    >>> one, two = ({"seed": k, "model": {"hidden": h}} for k, h in enumerate((8, 9)))
    >>> _names([one, two, two], ["gru", "gru", "lstm"])
    ['gru hidden=8', 'gru hidden=9', 'lstm']
    """
    flat = [_flat(own) for own in settings]
    names = []
    for own, cell in zip(flat, cells, strict=True):
        others = [other for other, name in zip(flat, cells, strict=True) if name == cell]
        apart = [
            f"{key.rpartition('.')[2]}={value}"
            for key, value in own.items()
            if any(other.get(key) != value for other in others)
        ]
        names.append(" ".join([cell, *apart]))
    return names


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Settings by path; without the seed, and the cell, which may be written in two ways."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        elif key not in ("seed", "cell"):
            flat[f"{before}{key}"] = value
    return flat


def tell(results: Mapping[str, Any]) -> None:
    """A comparison in short, on the terminal."""
    metric = results["metric"]
    judged = any("mean" in row for row in results["rows"])
    columns = [metric, "95% of mean"] if judged else [f"validation {metric}"]
    told = table("", *columns, "parameters", "time", "tokens/s")
    for row in results["rows"]:
        value = [measure(metric, row["validation"])]
        if judged:
            mean = measure(metric, row["mean"]) if "mean" in row else "–"
            ends = "–"
            if row.get("deviation") is not None:
                # the unit is written once, so that all fits into eighty columns
                low, about = (measure(metric, row[k]).rstrip("%") for k in ("low", "deviation"))
                mean, ends = f"{mean} ± {about}", f"{low}–{measure(metric, row['high'])}"
            value = [mean, ends]
        told.add_row(
            row["cell"],
            *value,
            f"{row['parameters']:,}",
            duration(row["seconds"]),
            f"{row['tokens_per_second']:,.0f}",
        )
    if baseline := results["baseline"]:
        empty = ["–"] * (len(columns) - 1)
        count = f"{baseline['parameters']:,}" if "parameters" in baseline else "–"
        rest = [count, duration(baseline["seconds"]), "–"]
        told.add_row(baseline["name"], measure(metric, baseline[metric]), *empty, *rest)
    console.print(told)
    for sentence in filter(None, [equality(results), *verdicts(results)]):
        console.print(sentence, soft_wrap=True)


def write_page(
    results: Mapping[str, Any], page: Path, command: str, open_page: bool = False
) -> None:
    """Writes the page of a comparison, and says where it is."""
    write_out(page, comparison_page(results, command))
    console.print(f"The page: {page}", soft_wrap=True)
    if open_page:
        webbrowser.open(page.resolve().as_uri())
