"""What a run says of itself, forged and sealed anew: a report refuses it in a line, or shows it."""

import contextlib
import copy
import json
import math
import random
import shutil
from pathlib import Path

import pytest
import tomli_w
from small_runs import SMALL

from ostinato import tasks
from ostinato.cli.report import print_comparison
from ostinato.data import Examples, LabelColumn, Pairs, examples_of
from ostinato.errors import OstinatoError
from ostinato.experiment import trial
from ostinato.report.comparison_page import comparison_page
from ostinato.report.runs import collected
from ostinato.tasks.tag.sequences import tagged
from ostinato.train import Run
from ostinato.train.folder import Folder

TIMES = 300
WORSE = [None, True, "<b>x</b>", "", -1, 0, 2**70, 10**400, 1e308, -1e308, math.nan, math.inf, [],
         {}, [[]], [1], {"a": 1}, "x" * 5000, [None], 0.5, 3]  # fmt: skip
CONFIG, METRICS, BASELINE = "config.toml", "metrics.jsonl", "baseline.json"
FILES = [trial.OBSERVED] * 14 + [METRICS] * 3 + [BASELINE] * 2 + [CONFIG]


def exam_of(name, estimator):
    """The smallest run's own data, as what it is judged by."""
    data = SMALL[name].data()
    match name:
        case "forecast":
            return tasks.find(name).held_out(estimator._panel(*data))
        case "transduce":
            return tasks.find(name).held_out(Pairs(*data))
        case "tag":
            return tasks.find(name).held_out(tagged(*data))
        case "regress":
            return tasks.find(name).held_out(examples_of(*data, label=LabelColumn(numeric=True)))
        case "classify":
            return tasks.find(name).held_out(Examples(*data))
    return tasks.find(name).held_out(*data)


@pytest.fixture(scope="module")
def judged(trained, tmp_path_factory) -> dict[str, Path]:
    """Of each task a folder as `compare` leaves it: two runs of a cell, and the baseline."""
    homes = {}
    for name, small in SMALL.items():
        homes[name] = home = tmp_path_factory.mktemp(name)
        for run in (home / "a", home / "b"):
            shutil.copytree(trained[name], run)
            estimator = small.estimator.load(run)
            exam = exam_of(name, estimator)
            Run(run).write_json(trial.OBSERVED, trial.observe(estimator, exam))
        Run(home / "b").write(
            CONFIG, Run(home / "b").read(CONFIG).replace(b"seed = 0", b"seed = 1")
        )
        data = small.data()
        given = (exam.panel,) if name == "forecast" else data
        found = exam.baseline(estimator.settings(), given)
        Folder(home).write_json(BASELINE, found | {"exam": exam.fingerprint(), "data": ["", ""]})
    return homes


def shown(home: Path, known: bool = True) -> str:
    """The page of both runs, known to be of one comparison or not."""
    results = collected([str(home / "a"), str(home / "b")], home if known else None)
    print_comparison(results)
    about = {"title": "x", "created": "2026-11-21T04:56:26Z", "seconds": 75.0, "machine": "m"}
    return comparison_page(results | about, "ostinato report")


def places(record, path=()):
    """Every place in a record that can be changed; of a long list the first three and the last."""
    if path:
        yield path
    match record:
        case dict():
            for name, value in record.items():
                yield from places(value, (*path, name))
        case list():
            for k in sorted({*range(min(3, len(record))), *range(len(record))[-1:]}):
                yield from places(record[k], (*path, k))


def forged(record, draw: random.Random):
    """One place is another, is missing, or is there twice."""
    record = copy.deepcopy(record)
    *before, last = draw.choice(list(places(record)))
    at = record
    for name in before:
        at = at[name]
    match draw.randrange(4):
        case 0:
            del at[last]
        case 1 if isinstance(at, list):
            at.append(copy.deepcopy(at[last]))
        case _:
            at[last] = copy.deepcopy(draw.choice(WORSE))
    return record


def forge(home: Path, run: Run, file: str, draw: random.Random) -> None:
    """Forges a file of a run, or the baseline; the manifest agrees with what is there."""
    match file:
        case trial.OBSERVED:
            run.write_json(file, forged(run.read_json(file), draw))
        case "metrics.jsonl":
            records = forged(run.metrics(), draw)
            run.write(file, "".join(json.dumps(record) + "\n" for record in records))
        case "baseline.json":
            Folder(home).write_json(file, forged(Folder(home).read_json(file), draw))
        case "config.toml":
            values = forged(run.config(), draw)
            with contextlib.suppress(TypeError):  # nothing else can be written as TOML
                run.write(file, tomli_w.dumps(values))


@pytest.mark.parametrize("name", SMALL)
def test_honest_records_are_shown(name, judged):
    assert "<h2>Comparison</h2>" in shown(judged[name])


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(
    "times", [pytest.param(10), pytest.param(TIMES, marks=pytest.mark.slow)], ids=["few", "all"]
)
def test_forged_records_are_refused_in_a_line_or_shown(name, times, judged, tmp_path):
    draw, refused = random.Random(f"{name} {times}"), 0
    home = shutil.copytree(judged[name], tmp_path / "home")
    for k in range(times):
        file, run = draw.choice(FILES), home / draw.choice("ab")
        path = (home if file == BASELINE else run) / file
        kept = {each: each.read_bytes() for each in (path, run / "manifest.json")}
        forge(home, Run(run), file, draw)
        try:
            shown(home, known=file == BASELINE or k % 2 == 0)
        except OstinatoError as error:
            refused += 1
            said = str(error)
            assert file in said or "a run of task" in said, said
            assert "\n" not in said
            assert len(said) < 400 + len(str(home)), said
        except Exception as error:
            error.add_note(f"{name} {k} {file}: {first_difference(kept[path], path.read_bytes())}")
            raise
        for each, content in kept.items():
            each.write_bytes(content)
    assert refused > times / 5


def first_difference(before: bytes, after: bytes) -> str:
    k = next((k for k, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    return f"{before[max(0, k - 200) : k + 60]!r} became {after[max(0, k - 60) : k + 60]!r}"
