"""What a run says of itself: whether it is finished, and from before there were digests."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_runs import SMALL

from ostinato import Classifier
from ostinato.errors import RunError
from ostinato.train import Run

BEFORE = Path(__file__).with_name("before")
OLD = sorted(path.name for path in BEFORE.iterdir() if path.is_dir())


class Stop(Exception):
    pass


def same(found, expected) -> bool:
    """Equal words, and numbers that differ no more than processors do."""
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return found == expected or np.isclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", OLD)
def test_a_run_from_before_there_were_digests_answers_as_it_did(name, caplog):
    small = SMALL[name]
    with caplog.at_level(logging.WARNING, "ostinato"):
        own = small.estimator.load(BEFORE / name)
    (said,) = caplog.messages
    assert said.startswith(f"{BEFORE / name}: a run from an earlier version, without SHA-256")
    assert same(small.answers(own), json.loads((BEFORE / f"{name}.answers.json").read_text()))
    if name == "classify":  # words ended at every mark then
        assert own.tokenizer_.split("फि") == ["फ", "ि"]


def test_a_run_from_before_becomes_one_of_today_when_it_is_resumed(tmp_path, caplog):
    run = shutil.copytree(BEFORE / "classify", tmp_path / "run")
    small = SMALL["classify"]
    before = small.answers(Classifier.load(run))
    Classifier(**small.settings).fit(*small.data(), run=Run(run), resume=True)
    caplog.clear()
    assert same(small.answers(Classifier.load(run)), before)
    assert caplog.messages == []
    told = Run(run).manifest
    assert (told.format, told.started) == (1, Run(BEFORE / "classify").manifest.started)
    assert {"cell.json", "config.toml", "decision.json", "model.safetensors"} < told.files.keys()


def stopped(folder: Path, epoch: int, name="classify"):
    """A run whose training was stopped in an epoch."""
    small = SMALL[name]

    def show(progress):
        if progress.epoch == epoch and not progress.metrics:
            raise Stop

    with pytest.raises(Stop):
        small.estimator(**small.settings).fit(*small.data(), run=Run.create(folder), show=show)
    return folder


def test_an_unfinished_run_says_so_and_is_whole_when_it_was_resumed(tmp_path, caplog, trained):
    run, small = stopped(tmp_path / "run", 2), SMALL["classify"]
    own = Classifier.load(run)
    (said,) = caplog.messages
    assert said.startswith(f"{run}: its training is not finished")
    assert "fit --resume" in said
    assert len(own.history_) == 1
    assert own.decision_.temperature == 1  # nothing has been fitted yet
    caplog.clear()
    Classifier(**small.settings).fit(*small.data(), run=Run(run), resume=True)
    assert small.answers(Classifier.load(run)) == small.answers(
        Classifier.load(trained["classify"])
    )
    assert caplog.messages == []


def test_a_run_without_an_epoch_says_what_it_lacks(tmp_path):
    run = stopped(tmp_path / "run", 1)
    with pytest.raises(RunError, match=r"no finished run .*no finished epoch; fit --resume"):
        Classifier.load(run)


def test_a_run_that_is_trained_again_is_unfinished_until_its_end(trained, tmp_path):
    run, small = shutil.copytree(trained["classify"], tmp_path / "run"), SMALL["classify"]
    for old in sorted((run / "checkpoints").glob("*2-*.safetensors")):
        old.unlink()  # so that it has an epoch to go
    said = []

    def show(progress):
        said.append(Run(run).unfinished)

    Classifier(**small.settings).fit(*small.data(), run=Run(run), resume=True, show=show)
    assert set(said) == {True}
    assert not Run(run).unfinished
    assert small.answers(Classifier.load(run)) == small.answers(
        Classifier.load(trained["classify"])
    )


@pytest.mark.parametrize("name", SMALL)
def test_every_file_of_a_finished_run_is_listed(name, trained, tmp_path):
    for run in (trained[name], tmp_path / "saved"):
        if run.name == "saved":
            SMALL[name].estimator.load(trained[name]).save(run)
        there = {path.name for path in run.iterdir() if path.is_file()}
        assert Run(run).manifest.files.keys() == there - {"manifest.json"}
        assert Run(run).manifest.finished


def test_what_is_written_into_a_finished_run_is_listed_at_once(trained, tmp_path, monkeypatch):
    run = Run(shutil.copytree(trained["tag"], tmp_path / "run"))
    run.write_json("observed.json", {"a": 1})
    assert Run(run.path).holds("observed.json")
    assert Run(run.path).read_json("observed.json") == {"a": 1}

    def killed(folder, name, content):
        if name == "observed.json":
            raise Stop
        write_whole(folder, name, content)

    from ostinato.train import folder
    from ostinato.train.folder import write_whole

    monkeypatch.setattr(folder, "write_whole", killed)
    with pytest.raises(Stop):
        run.write_json("observed.json", {"a": 2})
    assert not Run(run.path).holds("observed.json")  # rather than one that is called damaged
    SMALL["tag"].estimator.load(run.path)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "tag" else pytest.mark.slow) for n in SMALL]
)
def test_a_kill_between_any_two_writes_leaves_a_run_that_goes_on(name, tmp_path, monkeypatch):
    from ostinato.train import folder
    from ostinato.train.folder import write_whole

    small, left = SMALL[name], [0]

    def counted(opened, file, content):
        left[0] -= 1
        if left[0] == 0:
            raise Stop
        write_whole(opened, file, content)

    whole = small.answers(small.train(tmp_path / "whole"))
    monkeypatch.setattr(folder, "write_whole", counted)
    for kill in range(1, 40):
        run, left[0] = Run.create(tmp_path / str(kill)), kill
        try:
            small.estimator(**small.settings).fit(*small.data(), run=run)
        except Stop:
            left[0] = 0
        else:
            assert kill > 5
            break
        if not Run(run.path).begun:
            continue
        if run.exists("metrics.jsonl"):
            assert Run(run.path).unfinished
            small.estimator.load(run.path)
        small.estimator(**small.settings).fit(*small.data(), run=Run(run.path), resume=True)
        told = Run(run.path).manifest
        there = {path.name for path in run.path.iterdir() if path.is_file()}
        assert (told.finished is None, told.files.keys()) == (False, there - {"manifest.json"})
        assert small.answers(small.estimator.load(run.path)) == whole
