import contextlib
import errno
import os
import re
import resource
import subprocess
import sys

import pytest
import torch

from every import assert_near
from ostinato.errors import RunError
from ostinato.train import Run, write_out
from tolerances import SAME


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run")


def test_a_run_starts_in_a_new_or_empty_folder_only(tmp_path):
    (tmp_path / "empty").mkdir()
    Run.create(tmp_path / "empty")
    Run.create(tmp_path / "new" / "deep")
    file = tmp_path / "file"
    file.write_text("mine")
    for taken, says in [(tmp_path, "not empty"), (file, "exists"), (file / "run", "directory")]:
        with pytest.raises(RunError, match=f"^{re.escape(str(taken))}: .*{says}"):
            Run.create(taken)
    assert file.read_text() == "mine"


def test_what_is_written_is_read(run):
    plain, tensors = {"ä": [1, None, 0.5]}, {"w": torch.randn(2, 3), "n": torch.tensor(3)}
    run.write_json("plain.json", plain)
    run.write_tensors("some.safetensors", tensors)
    assert run.read_json("plain.json") == plain
    assert_near(run.read_tensors("some.safetensors"), tensors, SAME)
    run.write_metrics([{"epoch": 1}, {"epoch": 2}])
    assert run.metrics() == [{"epoch": 1}, {"epoch": 2}]


@contextlib.contextmanager
def failing(call):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, fail)
        yield


@contextlib.contextmanager
def full():
    """The system's own refusal: no file may grow past 1000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "fault", [lambda: failing("fsync"), lambda: failing("replace"), full],
    ids=["fsync", "replace", "full"],
)  # fmt: skip
def test_a_file_is_written_whole_or_not_at_all(run, fault):
    run.write("labels.json", "before")
    with fault(), pytest.raises(RunError) as error:
        run.write("labels.json", "after" * 10_000)
    assert str(error.value).startswith(f"{run.path / 'labels.json'}: ")
    assert "\n" not in str(error.value)
    assert (run.path / "labels.json").read_text() == "before"
    assert sorted(os.listdir(run.path)) == ["checkpoints", "labels.json"]


def test_of_a_named_output_a_link_is_followed_and_a_pipe_is_written_to(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "page.html", run.path / "page.html"
    target.write_text("before")
    link.symlink_to(target)
    write_out(link, "after")
    assert link.is_symlink()
    assert target.read_text() == "after"
    pipe = run.path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_out(pipe, "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


def test_standard_output_can_be_written_to_by_its_name():
    code = "from pathlib import Path; from ostinato.train import write_out; "
    code += "write_out(Path('/dev/stdout'), 'through')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("through", "")


def test_an_interrupted_write_leaves_nothing(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.write("labels.json", "x")
    assert os.listdir(run.path) == ["checkpoints"]


@pytest.mark.parametrize("damage", [None, b"", b"\x80\x04garbage", b'{"half": '])
def test_what_cannot_be_read_is_named(run, damage):
    readers = {
        "plain.json": run.read_json,
        "some.safetensors": run.read_tensors,
        "metrics.jsonl": lambda name: run.metrics(),
    }
    for name, read in readers.items():
        if damage is not None:
            (run.path / name).write_bytes(damage)
        if damage == b"" and name == "metrics.jsonl":
            continue  # no epoch yet
        with pytest.raises(RunError, match=f"^{re.escape(str(run.path / name))}: cannot be read"):
            read(name)


def test_what_was_not_finished_is_not_opened(run, tmp_path):
    for path in (tmp_path / "missing", run.path):
        with pytest.raises(RunError, match="there is no finished run"):
            Run.open(path)
