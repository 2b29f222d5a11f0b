"""The README says what is true: its Python runs, its commands and rooms exist."""

import inspect
import re
from pathlib import Path

import pytest
import torch

import ostinato
from ostinato import tasks
from ostinato.cli import evaluate, main, predict

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_runs_as_written(block, tmp_path):
    before = {
        "x": torch.zeros(7, 3, 3),
        "texts": ["a fine film", "a dull film"] * 10,
        "labels": ["pos", "neg"] * 10,
    }
    file = tmp_path / "block.py"  # a cell wants a source to point at
    file.write_text(block, "utf-8")
    exec(compile(block, str(file), "exec"), before)
    if "layer" in before:
        assert before["outputs"].shape == (7, 3, 10)
    elif "model" in before:
        assert before["model"].predict(torch.ones(2, 5).int().numpy(), verbose=0).shape == (2, 1)
    else:
        assert set(before["classifier"].classes_) == {"neg", "pos"}


def test_commands_and_their_options_exist(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    lines = re.findall(r"^(?:echo .*\| )?ostinato (.*?)\s*(?:#.*)?$", README, re.MULTILINE)
    assert len(lines) > 5
    known = {}
    for line in lines:
        words = line.split()
        command = *words[: 2 if words[0] in ("fit", "compare") else 1], "--help"
        if command not in known:
            with pytest.raises(SystemExit, match="0"):
                main(list(command))
            known[command] = capsys.readouterr().out
            if words[0] in ("evaluate", "predict"):  # each task has options of its own
                known[command] = options_of_tasks(words[0])
        for option in re.findall(r"--[a-z-]+", line):
            assert option in known[command], line


def options_of_tasks(verb):
    """The options that a verb has for some task."""
    command = {"evaluate": evaluate.command, "predict": predict.command}[verb]
    verbs = [command(tasks.find(name)) for name in tasks.names()]
    names = [name for function in verbs for name in inspect.signature(function).parameters]
    return {f"--{name.replace('_', '-')}" for name in names}


def test_the_room_map_is_the_tree():
    told = set(re.findall(r"^\| `(\w+)/` \|", README, re.MULTILINE))
    rooms = {path.parent.name for path in Path(ostinato.__file__).parent.glob("*/__init__.py")}
    assert told == rooms


def test_figures_in_the_readme_are_pictures_of_the_tree():
    for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", README):
        assert (ROOT / picture).read_bytes().startswith(b"\x89PNG"), picture
