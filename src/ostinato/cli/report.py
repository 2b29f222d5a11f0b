"""`ostinato report RUN…`: trained runs, compared on one page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ostinato.cli.pages import page_title, title_of, write_page
from ostinato.cli.screen import console, table
from ostinato.errors import ConfigError, shortened
from ostinato.tasks.base.summary import duration
from ostinato.train import Folder, Run

COMPARISON = "comparison.json"
"""What a comparison leaves beside its page."""


def report(
    *runs: str,
    data: Annotated[list[str] | None, Parameter(negative=())] = None,
    out: str = "report.html",
    open_page: bool = False,
) -> None:
    """Compare trained runs in one report: tables, curves, gradients, errors, diagrams.

    Example: ostinato report runs/a runs/b --data more.csv

    Runs of the same cell that differ only in the seed are shown in one row.

    Parameters
    ----------
    runs
        The folders of runs of one task, or of a comparison.
    data
        The data for runs that have not been evaluated yet: a file or a packaged source; give it
        twice for two parallel files. If a run was trained on these data, only its held-out part is
        used.
    out
        The HTML file to write.
    open_page
        Open the report in a browser at the end.
    """
    from ostinato.experiment.stamp import stamp
    from ostinato.experiment.trial import BASELINE
    from ostinato.report.comparison_page import comparison_page
    from ostinato.report.figures import cell_label
    from ostinato.report.runs import collected, runs_in
    from ostinato.report.sentences import listed

    paths = [path for run in runs for path in runs_in(run)]
    if not paths:
        raise ConfigError("report requires the folder of a run; see --help")
    homes = {Path(path).parent for path in paths}
    home = homes.pop()
    known = not homes and Folder(home).exists(BASELINE)  # all of them are of one comparison
    began = time.perf_counter()
    results = collected(paths, home if known else None, data)
    names = [cell_label(row["cell"]) for row in results["rows"]]
    about = listed(dict.fromkeys(_data_of(path) for path in paths))
    if known and not about:
        about = _compared_on(Folder(home))
    results |= {
        "title": page_title(listed(names), about, results["task"]),
        **stamp(began),
    }
    print_comparison(results)
    write_page(comparison_page(results, "ostinato report"), Path(out), open_page)


def _data_of(path: str) -> str:
    """The names of the files that a run was trained on; empty where they are not known."""
    given = Run(path).manifest.data.get("given")
    files = given["files"] if isinstance(given, dict) else [given] if given else []
    return " and ".join(map(title_of, map(str, files)))


def _compared_on(home: Folder) -> str:
    """What a comparison says of its data; empty where it is not known."""
    read = home.read_json(COMPARISON) if home.exists(COMPARISON) else {}
    return shortened(str(read.get("about", ""))) if isinstance(read, dict) else ""


def in_short(results: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison without its curves, as plain data."""
    from ostinato.report.verdicts import equality, verdicts

    names = "title", "task", "metric", "equal", "data", "baseline", "created", "seconds", "machine"
    kept = {
        "cell", "alone", "validation", "mean", "deviation", "low", "high", "parameters",
        "recurrent_parameters", "seconds", "tokens_per_second",
    }  # fmt: skip
    return {
        **{name: results.get(name) for name in names},
        "rows": [{k: v for k, v in row.items() if k in kept} for row in results["rows"]],
        "verdicts": [*filter(None, [equality(results), *verdicts(results)])],
    }


def print_comparison(results: Mapping[str, Any]) -> None:
    """A comparison in short, on the terminal."""
    from ostinato.report.verdicts import equality, measure, networks_alone, verdicts

    metric = results["metric"]
    judged = any("mean" in row for row in results["rows"])
    spread = any(row.get("deviation") is not None for row in results["rows"])
    columns = [metric] if judged else [f"validation {metric}"]
    columns += ["95% of mean"] if spread else []
    shown = table("", *columns, "parameters", "time", "tokens/s")
    for row in results["rows"]:
        value = [measure(metric, row["validation"])]
        if judged:
            mean = measure(metric, row["mean"]) if "mean" in row else "–"
            ends = "–"
            if row.get("deviation") is not None:
                # the unit is written once, so that all fits into eighty columns
                low, about = (measure(metric, row[k]).rstrip("%") for k in ("low", "deviation"))
                mean, ends = f"{mean} ± {about}", f"{low}–{measure(metric, row['high'])}"
            value = [mean, ends] if spread else [mean]
        shown.add_row(
            row["cell"],
            *value,
            f"{row['parameters']:,}",
            duration(row["seconds"]),
            f"{row['tokens_per_second']:,.0f}",
        )
        for name, alone in row.get("alone", {}).items():
            shown.add_row(f"  {name} alone", measure(metric, alone))
    if baseline := results["baseline"]:
        empty = ["–"] * (len(columns) - 1)
        count = f"{baseline['parameters']:,}" if "parameters" in baseline else "–"
        rest = [count, duration(baseline["seconds"]), "–"]
        shown.add_row(baseline["name"], measure(metric, baseline[metric]), *empty, *rest)
    console.print(shown)
    said = [networks_alone(results), equality(results), *verdicts(results)]
    for sentence in filter(None, said):
        console.print(sentence, soft_wrap=True)
