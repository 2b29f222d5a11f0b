"""Runs that are killed, resumed, repeated: the same to the last bit as those left in peace."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from ostinato.train import Folder as Files
from ostinato.train import Run

GENERATE = "fit generate book.txt --model.hidden 16 --data.streams 4 --data.steps 20".split()
GENERATE += "--train.average 0.9 --train.schedule plateau --train.patience 99".split()
CLASSIFY = "fit classify reviews.csv --model.hidden 8 --model.embedding 8 --train.lr 0.01".split()
CLASSIFY += "--data.batch-tokens 100 --train.patience 99 --train.accumulate 2".split()
TASKS = {"generate": (GENERATE, 10), "classify": (CLASSIFY, 50)}
each_task = pytest.mark.parametrize(("words", "epochs"), TASKS.values(), ids=TASKS)


def outcome(run: Run):
    """Weights and metrics, but for the times."""
    times = ("seconds", "tokens_per_second")
    metrics = [{k: v for k, v in r.items() if k not in times} for r in run.metrics()]
    return (run.path / "model.safetensors").read_bytes(), metrics


def resume(words, run):
    return [*words[:3], "--resume", "--out", str(run.path)]


@each_task
def test_a_killed_run_goes_on_as_if_nothing_had_been(terminal, words, epochs):
    words = [*words, "--train.epochs", "3"]
    whole, killed = (Run(terminal.folder / "runs" / f"{words[1]}-{k}") for k in ("whole", "killed"))
    terminal.text(*words, "--out", str(whole.path))
    command = [*words, "--out", str(killed.path), "--train.checkpoint", "0"]
    for step in ("000000-000000002", "000001-000000003"):  # in the middle of an epoch
        child = terminal.start(*command)
        while not any(path.stem >= step for path in killed.checkpoints()):
            time.sleep(0.001)
        os.kill(child, signal.SIGKILL)
        assert terminal.wait().status == -signal.SIGKILL
        command = resume(words, killed)
    terminal.text(*command)
    assert outcome(killed) == outcome(whole)


class Folder:
    """A run that is started, killed and resumed in processes of its own."""

    def __init__(self, folder, run, words):
        self.folder, self.run, self.words = folder, run, [*words, "--out", str(run.path)]

    def process(self):
        begun = (self.run.path / "config.toml").exists()
        words = resume(self.words, self.run) if begun else self.words
        command = [sys.executable, "-m", "ostinato", *words]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.PIPE)

    def killed(self, seconds) -> bool:
        """Starts or resumes it, and kills it that long after training began, if it still runs."""
        process = self.process()
        lock = self.run.path / "checkpoints" / "lock"
        while process.poll() is None and not self.holds(lock, process.pid):
            time.sleep(0.001)
        time.sleep(seconds)
        process.kill()
        errors = process.communicate()[1].decode()
        assert process.returncode in (0, -signal.SIGKILL), errors
        return process.returncode != 0

    @staticmethod
    def holds(lock, pid) -> bool:
        return lock.exists() and lock.read_text().strip() == str(pid)


@pytest.mark.slow
@pytest.mark.timeout(600)  # a minute or two where nothing else runs
@each_task
def test_ten_kills_at_any_moment(terminal, words, epochs):
    draw, kills = random.Random(epochs), 0
    words = [*words, "--train.epochs", str(epochs)]
    whole = Run(terminal.folder / "runs" / f"{words[1]}-undisturbed")
    terminal.text(*words, "--out", str(whole.path))
    while kills < 10:
        run = Run(terminal.folder / "runs" / f"{words[1]}-after-{kills}")
        folder = Folder(terminal.folder, run, [*words, "--train.checkpoint", "0"])
        while kills < 10 and folder.killed(draw.uniform(0, 0.8)):
            kills += 1
        process = folder.process()
        assert process.wait(200) == 0, process.stderr.read()
        process.communicate()
        assert outcome(run) == outcome(whole)
        assert not list(run.path.rglob("*.part"))


def test_a_run_in_use_names_the_process(terminal):
    run = Run(terminal.folder / "runs/a")
    with run.locked():
        done = terminal("fit", "classify", "reviews.csv", "--resume", "--out", "runs/a")
    says = f"runs/a: process {os.getpid()} is training in it; wait until it ends, or stop it"
    assert (done.status, done.err) == (1, f"ostinato: {says}\n")


def test_a_run_can_be_repeated_to_the_last_bit(terminal):
    for name in ("a", "b"):
        run, again = (Run(terminal.folder / "runs" / n) for n in (name, f"{name}-again"))
        terminal.text("fit", "--like", f"runs/{name}", "--out", f"runs/{name}-again")
        assert outcome(again) == outcome(run)
        one, other = (json.loads((r.path / "manifest.json").read_text()) for r in (run, again))
        for each in (one, other):
            del each["started"], each["finished"], each["files"], each["sha256"]
        assert one == other
        assert one["data"]["given"] in ("reviews.csv", "book.txt")


def test_a_run_is_repeated_with_the_format_of_its_data(terminal):
    (terminal.folder / "reviews.data").write_text((terminal.folder / "reviews.csv").read_text())
    words = ["--format", "csv", "--train.epochs", "1", "--out", "runs/format"]
    terminal.text("fit", "classify", "reviews.data", *words)
    terminal.text("fit", "--like", "runs/format", "--out", "runs/format-again")
    one, other = (Run(terminal.folder / "runs" / n) for n in ("format", "format-again"))
    assert outcome(one) == outcome(other)


def test_only_the_same_run_is_repeated(terminal):
    table, cell = terminal.folder / "mine.csv", terminal.folder / "mine.py"
    table.write_text((terminal.folder / "reviews.csv").read_text())
    cell.write_text((terminal.folder / "mgu.py").read_text())
    words = ["--cell", "mine.py:mgu", "--train.epochs", "1", "--out", "runs/mine"]
    terminal.text("fit", "classify", "mine.csv", *words)

    def refused() -> str:
        done = terminal("fit", "--like", "runs/mine", "--out", "runs/no")
        assert done.status == 1
        assert not (terminal.folder / "runs/no").exists()
        return done.err

    cell.write_text("raise SystemExit('this file is not to be run')")
    terminal.text("fit", "--like", "runs/mine", "--out", "runs/mine-again")  # as it is stored
    one, other = (Run(terminal.folder / "runs" / n) for n in ("mine", "mine-again"))
    assert outcome(one) == outcome(other)
    table.write_text(table.read_text() + "so bad a film,neg\n")
    assert re.fullmatch(r"ostinato: runs/mine: was trained on different data.*\n", refused())
    table.unlink()
    why = "the path is relative to the folder in which runs/mine was trained"
    assert refused().startswith(f"ostinato: mine.csv: no such file; {why}")
    manifest = Run(terminal.folder / "runs/mine").manifest
    unknown = manifest.model_copy(update={"data": manifest.data | {"given": None}})
    (terminal.folder / "runs/mine/manifest.json").write_bytes(unknown.to_json())
    assert "was not trained by `ostinato fit`" in refused()


def test_standard_input_is_given_anew_to_repeat_a_run(terminal):
    given = (terminal.folder / "reviews.csv").read_text()
    words = ["--train.epochs", "1", "--out", "runs/stream"]
    terminal.text("fit", "classify", "-", *words, given=given)
    done = terminal("fit", "--like", "runs/stream", "--out", "runs/stream-again")
    assert (done.status, done.out) == (1, "")
    assert "runs/stream: was trained from standard input, which cannot be read again" in done.err
    terminal.text("fit", "--like", "runs/stream", "--out", "runs/stream-again", given=given)
    one, other = (Run(terminal.folder / "runs" / n) for n in ("stream", "stream-again"))
    assert outcome(one) == outcome(other)


def test_a_run_that_left_out_bad_rows_is_repeated_without_them(terminal):
    rows = (terminal.folder / "reviews.csv").read_text()
    (terminal.folder / "bad.csv").write_text(rows + ",pos\n")
    words = ["--skip-bad-rows", "--train.epochs", "1", "--out", "runs/bad"]
    terminal.text("fit", "classify", "bad.csv", *words)
    terminal.text("fit", "--like", "runs/bad", "--out", "runs/bad-again")
    one, other = (Run(terminal.folder / "runs" / n) for n in ("bad", "bad-again"))
    assert outcome(one) == outcome(other)


def test_a_run_is_repeated_on_its_device(terminal):
    run = terminal.folder / "runs/there"
    terminal.text(*CLASSIFY, "--train.epochs", "1", "--out", str(run))
    there = Run(run).manifest.model_copy(update={"device": "cuda:99"})
    Files(run).write("manifest.json", there.to_json())
    again = ["fit", "--like", "runs/there", "--out", "runs/there-again"]
    done = terminal(*again)
    assert done.status == 1
    assert "ostinato: device 'cuda:99' cannot be used here" in done.err
    terminal.text(*again, "--device", "cpu")
    assert outcome(Run(terminal.folder / "runs/there-again")) == outcome(Run(run))
