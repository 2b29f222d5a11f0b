"""A run is data: no file that it names is ever run, whatever is done with it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.base import clone
from small_runs import SMALL

from ostinato import Classifier, Forecaster
from ostinato.cli.runs import merge
from ostinato.errors import ConfigError, OstinatoError
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.train import Run

TEXTS = "text,label\n" + "a fine evening,good\na dull evening,bad\n" * 12
SERIES = "\n".join(["value", *(str(k % 7 + k / 10) for k in range(90))]) + "\n"
MINE = Path(__file__).parents[1] / "mgu.py"


@pytest.fixture
def lure(tmp_path, monkeypatch):
    """A folder with a file of code that tells when it was run; commands are given there."""
    monkeypatch.chdir(tmp_path)
    code = f"from pathlib import Path\nPath({str(tmp_path / 'was-run')!r}).touch()\n"
    (tmp_path / "evil.py").write_text(code + MINE.read_text())
    (tmp_path / "texts.csv").write_text(TEXTS)
    (tmp_path / "series.csv").write_text(SERIES)
    return tmp_path


def ostinato(*words):
    done = subprocess.run(
        [sys.executable, "-m", "ostinato", *words], capture_output=True, text=True, timeout=100
    )
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr
    return done


def renamed(run: Path, cell: str) -> None:
    """The same run, whose settings call its cell otherwise, with a SHA-256 that is right."""
    kept = Run(run)
    lines = kept.read("config.toml").decode().splitlines()
    lines = [f'cell = "{cell}"' if line.startswith("cell = ") else line for line in lines]
    kept.write("config.toml", "\n".join(lines) + "\n")


@pytest.mark.slow  # eleven commands, each a process of its own
def test_no_command_runs_a_file_that_a_run_names(lure):
    brief = ["--train.epochs", "1", "--model.hidden", "4", "--model.embedding", "3"]
    for task, data in (("classify", "texts.csv"), ("forecast", "series.csv")):
        short = ["--data.lookback", "8", "--data.horizon", "4"] if task == "forecast" else []
        done = ostinato("fit", task, data, "--cell", "gru", "--out", f"runs/{task}", *brief, *short)
        assert done.returncode == 0, done.stderr
        renamed(lure / "runs" / task, "evil.py:mgu")
    commands = [
        "evaluate runs/classify texts.csv",
        "predict runs/classify texts.csv --format csv",
        "evaluate runs/forecast series.csv --backtest 1 --refit",
        "predict runs/forecast",
        "report runs/classify --data texts.csv",
        "fit --like runs/classify --out runs/again",
        "fit classify texts.csv --resume --out runs/classify",
        "fit forecast series.csv --resume --out runs/forecast",
    ]
    for command in commands:
        done = ostinato(*command.split())
        assert done.returncode == 0, (command, done.stderr)
    done = ostinato(*"fit classify texts.csv --config runs/forecast/config.toml".split())
    assert done.returncode == 1
    assert not (lure / "was-run").exists()


def test_nothing_in_python_runs_a_file_that_a_run_names(lure, trained):
    for name, kind in (("classify", Classifier), ("forecast", Forecaster)):
        run = shutil.copytree(trained[name], lure / name)
        renamed(run, "evil.py:mgu")
        own = kind.load(run)
        own.untrained()
        clone(own).fit(*SMALL[name].data())
        own.save(lure / f"{name}-again")
        kind.of_run(Run(run)).fit(*SMALL[name].data(), run=Run(run), resume=True)
        assert own.settings().cell == "gru"
        if kind is Forecaster:
            own.backtest(*SMALL[name].data(), 1, refit=True)
    assert not (lure / "was-run").exists()


def test_a_file_of_settings_names_no_file_of_code(lure):
    (lure / "mine.toml").write_text('task = "classify"\ncell = "evil.py:mgu"\n')
    with pytest.raises(ConfigError, match=r"mine\.toml: cell = .* --cell evil\.py:mgu"):
        ClassifySettings.load("mine.toml")
    with pytest.raises(ConfigError, match=r"remove the line and use --cell evil\.py:mgu"):
        merge(ClassifySettings, "mine.toml", None)
    assert merge(ClassifySettings, "mine.toml", ClassifySettings(cell="rnn")).cell == "rnn"
    assert not (lure / "was-run").exists()


def test_the_user_alone_names_a_file_and_its_run_needs_it_no_more(lure):
    texts, labels = SMALL["classify"].data()
    made = SMALL["classify"].train(lure / "run", cell="evil.py:mgu")
    assert (lure / "was-run").exists()
    (lure / "was-run").unlink()
    (lure / "evil.py").write_text("raise SystemExit")
    again = Classifier.load(lure / "run")
    assert again.predict_proba(texts).tolist() == made.predict_proba(texts).tolist()
    assert again.network_.recurrent.cell.graph == made.network_.recurrent.cell.graph
    clone(again).fit(texts, labels)


def test_a_cell_called_like_a_shipped_one_is_still_its_own(lure):
    """GRU's name over other equations: refitted, cloned and resumed it keeps its equations."""
    text = MINE.read_text().replace("def mgu(", "def gru(")
    (lure / "own.py").write_text(text)
    SMALL["forecast"].train(lure / "run", cell="own.py:gru")
    own = Forecaster.load(lure / "run")
    series = SMALL["forecast"].data()
    graph = own.network_.recurrent.cell.graph
    assert (
        own._refitted(own._panel(*series), own.parts_.test).network_.recurrent.cell.graph == graph
    )
    assert clone(own).fit(*series).network_.recurrent.cell.graph == graph


@pytest.mark.parametrize(
    "task", ["../evil", "__init__", "classify/../../evil", "evil", "os", "", "a\\nb"]
)
def test_a_task_is_a_registered_name(task, lure, trained):
    run = shutil.copytree(trained["classify"], lure / "run")
    kept = Run(run)
    text = kept.read("config.toml").decode().replace('task = "classify"', f'task = "{task}"')
    kept.write("config.toml", text)
    with pytest.raises(OstinatoError, match="task"):
        Classifier.load(run)
