"""A task is added by its package alone, as CONTRIBUTING.md says: all commands find it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"
FILES = dict(
    re.findall(
        r"```python\n# src/ostinato/tasks/grade/(\w+\.py)\n(.*?)```",
        PAGE.read_text("utf-8"),
        re.DOTALL,
    )
)
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


@pytest.mark.slow
def test_all_commands_know_it(answers):
    shown = dict(zip("help fit evaluate predict options compare generate nowhere page".split(),
                     answers.values(), strict=True))  # fmt: skip
    assert "grade" in shown["help"]
    assert "Grade texts." in shown["help"]
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
