"""A task is added by its package alone: all commands find it, with options of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "__init__.py": """
from ostinato.tasks.grade.model import GradeModel

MODEL = GradeModel
""",
    "model.py": """
from ostinato.tasks.classify.model import ClassifyModel
from ostinato.tasks.classify.settings import ClassifySettings


class GradeSettings(ClassifySettings):
    task = "grade"


class GradeModel(ClassifyModel):
    kind = GradeSettings
""",
    "estimator.py": """
from ostinato.tasks.classify.estimator import Classifier
from ostinato.tasks.classify.held_out import ClassifyHeldOut
from ostinato.tasks.grade.model import GradeModel, GradeSettings


class Grader(Classifier):
    kind, model_type = GradeSettings, GradeModel


class GradeHeldOut(ClassifyHeldOut):
    kind, metric = Grader, "accuracy"
""",
    "commands.py": '''
from pathlib import Path
from typing import Annotated

from ostinato.cells import find
from ostinato.data import Examples
from ostinato.tasks.base.reading import Comparison, TrainingSet
from ostinato.tasks.base.summary import Fields, Message, Note, SummaryTable
from ostinato.tasks.classify.network import ClassifyNetwork
from ostinato.tasks.grade.estimator import GradeHeldOut


def _read(file, end):
    lines = [line.split(":") for line in Path(file).read_text().splitlines()]
    return [text + end for _, text in lines], [grade for grade, _ in lines]


def training(
    data: str, /, *, end: Annotated[str, "Is put at the end."] = "", settings, skip_bad_rows
):
    """Train on grades.

    Parameters
    ----------
    data
        Lines of a grade, a colon and a text.
    """
    texts, grades = _read(data, end)
    yield Note(f"{len(texts)} grades")

    def summary(grader):
        yield SummaryTable(["cell", "epochs"], [[settings.cell, str(len(grader.history_))]])

    return TrainingSet((texts, grades), {}, summary)


def comparison(data: str, /, *, settings):
    """Compare cells."""
    yield from ()
    texts, grades = _read(data, "")

    def network(own):
        return ClassifyNetwork(find(own.cell), own.model, 2, 2)

    held_out = GradeHeldOut(Examples(texts, grades))
    return Comparison((texts, grades), held_out, network, (len(texts), len(texts)))


def evaluation(grader, run, data: str, /):
    """Measure."""
    texts, grades = _read(data, "")
    yield Message(f"right {grader.score(texts, grades):.2f} of {run.path.name}")


def prediction(grader, file: str = "-", /, *, shout: bool = False):
    """Grade texts."""
    for grade in grader.predict(_read(file, "")[0]):
        yield Fields([grade.upper() if shout else grade, "!"])
''',
    "task.py": """
from ostinato import tasks
from ostinato.tasks.base.task import Task
from ostinato.tasks.grade import commands
from ostinato.tasks.grade.estimator import GradeHeldOut, Grader

TASK = Task(
    name="grade",
    estimator=Grader,
    held_out=GradeHeldOut,
    terms=tasks.find("classify").terms,
    training=commands.training,
    comparison=commands.comparison,
    evaluation=commands.evaluation,
    prediction=commands.prediction,
    next="ostinato predict {run}",
)
""",
}
COMMANDS = """
import sys
import ostinato.cli, ostinato.tasks

ostinato.tasks.__path__.append("more")
for words in [line.split() for line in sys.stdin]:
    print("$", *words, flush=True)
    try:
        ostinato.cli.main(words)
    except SystemExit as end:
        print("status", end.code, flush=True)
"""
SMALL = "--model.hidden 4 --model.embedding 3 --train.epochs 1"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command writes, by its words."""
    home = tmp_path_factory.mktemp("grade")
    package = home / "more" / "grade"
    package.mkdir(parents=True)
    for name, text in FILES.items():
        (package / name).write_text(text)
    lines = [f"{grade}:a {word} film {k}" for k in range(12) for grade, word in GRADES]
    (home / "grades.txt").write_text("\n".join(lines))
    words = [
        "fit --help",
        f"fit grade grades.txt --out a --end . --device cpu {SMALL}",
        "evaluate a grades.txt --device cpu",
        "predict a grades.txt --shout",
        "predict a --help",
        f"compare grade grades.txt --cells rnn,gru --seeds 1 --jobs 1 --out c {SMALL}",
        "generate a",
        "predict a grades.txt --device nothing",
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        cwd=home,
        input="\n".join(words),
        env=os.environ | {"COLUMNS": "100", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    parts = done.stdout.split("$ ")[1:]
    found = {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}
    assert [*found] == words, done.stdout
    return {**found, "page": str(Path(home, "c", "report.html").exists())}


GRADES = [("good", "fine"), ("bad", "dull")]


def test_all_commands_know_it(answers):
    shown = dict(zip("help fit evaluate predict options compare generate nowhere page".split(),
                     answers.values(), strict=True))  # fmt: skip
    assert "grade" in shown["help"]
    assert "Train on grades." in shown["help"]
    assert "24 grades\n" in shown["fit"]
    assert " lstm       1 \n" in shown["fit"]
    assert "Saved in a. Next: ostinato predict a\nstatus 0" in shown["fit"]
    assert shown["evaluate"].startswith("right ")
    assert shown["evaluate"].endswith(" of a\nstatus 0\n")
    lines = shown["predict"].splitlines()
    assert len(lines) == 25
    assert {*lines} <= {"GOOD\t!", "BAD\t!", "status 0"}
    assert "--shout" in shown["options"]
    assert "RNN and GRU on grades.txt" not in shown["compare"]
    assert "status 0" in shown["compare"]
    assert shown["page"] == "True"
    assert "device 'nothing' cannot be used" in shown["nowhere"]
    assert "a: a run of task 'grade', not 'generate'\nstatus 1" in shown["generate"]
