"""Runs that name as data what is no file: refused before it is read, and nothing waits for it."""

import os
import re
import shutil

import pytest

from ostinato import Classifier, Tagger
from ostinato.cli.fit import like
from ostinato.cli.runs import as_it_ran
from ostinato.errors import RunError
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.tasks.tag.settings import TagSettings
from ostinato.train import Run

BRIEF = {"epochs": 1}
TINY = {"hidden": 3, "embedding": 2}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A classifier's and a tagger's run, whose settings a line can be put into."""
    home = tmp_path_factory.mktemp("runs")
    texts, labels = ["a b", "c d", "a d", "c b"] * 5, ["x", "y"] * 10
    Classifier(model=TINY, train=BRIEF).fit(texts, labels, run=Run.create(home / "classify"))
    words, tags = [["Ann", "left"]] * 9, [["B-PER", "O"]] * 9
    Tagger(model=TINY, train=BRIEF).fit(words, tags, run=Run.create(home / "tag"))
    return home


@pytest.mark.parametrize(("task", "name"), [("classify", "extra"), ("tag", "validation")])
@pytest.mark.parametrize("what", ["a pipe", "a device", "a link to a device"])
def test_a_pipe_that_a_run_names_is_not_read(task, name, what, runs, tmp_path):
    run, place = shutil.copytree(runs / task, tmp_path / "run"), tmp_path / "place"
    if what == "a pipe":
        os.mkfifo(place)
    elif what == "a link to a device":
        place.symlink_to("/dev/zero")
    else:
        place = "/dev/zero"
    text = re.sub(r"(?m)^validation = .*$\n" if name == "validation" else "^$", "",
                  Run(run).read("config.toml").decode())  # fmt: skip
    text = text.replace("[data]\n", f'[data]\n{name} = "{place}"\n')
    Run(run).write("config.toml", text)
    with pytest.raises(RunError, match=rf"config\.toml: data\.{name} = .* neither a file nor"):
        as_it_ran({"classify": ClassifySettings, "tag": TagSettings}[task], Run(run))


def test_nor_is_one_that_its_manifest_names(runs, tmp_path):
    run, place = Run(shutil.copytree(runs / "classify", tmp_path / "run")), tmp_path / "pipe"
    os.mkfifo(place)
    told = run.manifest
    data = told.data | {"given": str(place)}
    (run.path / "manifest.json").write_bytes(told.model_copy(update={"data": data}).to_json())
    with pytest.raises(RunError, match="no such file"):
        like(str(run.path), out=str(tmp_path / "new"))
