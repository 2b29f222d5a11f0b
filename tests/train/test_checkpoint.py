import logging
import os
import re
import subprocess
from pathlib import Path

import pytest
import torch
from line import Drawing, Line, Stop, timeless

from every import assert_near
from ostinato.errors import RunError
from ostinato.train import ProgressHook, Run, Training, fit
from tolerances import SAME

SETTINGS = Training(epochs=3, lr=0.1, checkpoint=0)


def train(run, resume=False, until=None, learner=None):
    """Trains, until an epoch's end if asked, and gives the weights and the records."""

    def show(progress):
        if progress.metrics and progress.epoch == until:
            raise Stop

    learner = learner or Drawing(3)
    torch.manual_seed(3)
    history = fit(learner, SETTINGS, run, [ProgressHook(show)], resume)
    return learner.model.weight, [timeless(record) for record in history]


@pytest.fixture
def stopped(tmp_path):
    """A run that was stopped after its second epoch."""
    run = Run.create(tmp_path / "run")
    with pytest.raises(Stop):
        train(run, until=2)
    return run


DAMAGES = {
    "empty": lambda raw: b"",
    "short": lambda raw: raw[:-1],
    "noise": lambda raw: raw[::-1],
    "a bit": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_in_one_line(stopped, damage, caplog):
    newest = stopped.checkpoints()[-1]
    newest.write_bytes(damage(newest.read_bytes()))
    with caplog.at_level(logging.WARNING, "ostinato"):
        weights, history = train(stopped, resume=True)
    (said,) = caplog.messages
    assert re.match(rf"{re.escape(str(newest))}: (cannot be read|damaged) \(", said)
    assert said.endswith("; continuing from the previous one")
    assert "\n" not in said
    expected = train(None)
    assert_near(weights, expected[0], SAME)
    assert history == expected[1]
    assert len(stopped.checkpoints()) == 2


def test_a_damaged_checkpoint_does_not_stand_in_the_way_again(stopped):
    class Killed(Drawing):
        def validate(self):
            raise Stop

    older, newest = stopped.checkpoints()
    newest.write_bytes(b"")
    with pytest.raises(Stop):
        train(stopped, resume=True, learner=Killed(3))
    assert stopped.checkpoints() == [older]


def test_without_a_whole_checkpoint_there_is_nothing_to_go_on_from(stopped):
    older, newest = stopped.checkpoints()
    for path in (older, newest):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match=f"^{re.escape(str(newest))}: cannot be read"):
        train(stopped, resume=True)
    assert stopped.checkpoints() == [older, newest]  # for whoever can mend them
    older.unlink()
    newest.unlink()
    with pytest.raises(RunError, match="checkpoints: there is no checkpoint to continue from"):
        train(stopped, resume=True)


def test_a_checkpoint_of_another_model_is_refused(stopped):
    other = Drawing(3)
    other.model = torch.nn.Linear(4, 1, bias=False)
    with pytest.raises(
        RunError, match=r"000002-000000000\.safetensors: does not match the run"
    ) as error:
        train(stopped, resume=True, learner=other)
    assert "\n" not in str(error.value)


def test_a_run_without_a_checkpoint_begins_anew(tmp_path):
    run = Run.create(tmp_path / "run")
    run.write_tensors("model.safetensors", {"weight": torch.zeros(1, 3)})  # killed after these
    expected, found = train(None), train(run, resume=True)
    assert_near(found[0], expected[0], SAME)
    assert found[1] == expected[1]


def test_a_finished_run_is_as_it_was(tmp_path):
    run = Run.create(tmp_path / "run")
    expected, before = train(run), run.metrics()
    found = train(run, resume=True)
    assert_near(found[0], expected[0], SAME)
    assert (found[1], run.metrics()) == (expected[1], before)


def test_what_a_killed_process_left_half_written_is_removed(stopped):
    parts = [stopped.path / ".config.toml.x.part", stopped.path / "checkpoints" / ".9.y.part"]
    for part in parts:
        part.write_bytes(b"half")
    train(stopped, resume=True)
    assert not any(part.exists() for part in parts)


def test_one_process_at_a_time_trains_in_a_folder(stopped):
    with stopped.locked():
        says = f"^{re.escape(str(stopped.path))}: process {os.getpid()} is training in it; wait"
        with pytest.raises(RunError, match=says):
            train(stopped, resume=True)
    train(stopped, resume=True)


def test_no_folder_to_train_in_is_named(tmp_path):
    with pytest.raises(
        RunError, match=f"^{re.escape(str(tmp_path / 'no'))}: not a run that can be trained"
    ):
        train(Run(tmp_path / "no"))


@pytest.fixture
def disk(tmp_path):
    """A disk of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip(f"a disk of its own needs rights: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(path: Path) -> None:
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 512):
                pass
        except OSError:
            return


def test_a_full_disk_stops_training_and_takes_nothing_away(disk):
    def show(progress):
        if progress.epoch == 2 and not progress.metrics:
            fill(disk / "filler")

    run, learner = Run.create(disk / "run"), Drawing(3)
    torch.manual_seed(3)
    with pytest.raises(RunError) as error:
        fit(learner, SETTINGS, run, [ProgressHook(show)])
    name = r"000001-000000001\.safetensors"
    assert re.fullmatch(
        rf"{disk}/run/checkpoints/{name}: No space left on device; fix it, .* --resume",
        str(error.value),
    )
    assert [path.name for path in run.path.rglob(".*")] == []
    (disk / "filler").unlink()
    expected, found = train(None), train(run, resume=True)
    assert_near(found[0], expected[0], SAME)
    assert found[1] == expected[1]


def test_a_disk_that_is_full_before_the_first_checkpoint_gives_nothing_to_resume(disk):
    run = Run.create(disk / "run")
    with pytest.raises(RunError) as error:
        fit(Drawing(3), SETTINGS, run, [ProgressHook(lambda _: fill(disk / "filler"))])
    assert str(error.value).endswith("No space left on device")  # and no word of --resume


def test_checkpoints_hold_what_there_is_and_no_more(stopped):
    tensors = stopped.read_tensors(f"checkpoints/{stopped.checkpoints()[-1].name}")
    memory = {f"optimizer.0.{name}" for name in ("exp_avg", "exp_avg_sq", "step")}
    assert tensors.keys() == {"random", "model.weight", "carried.0"} | memory
    plain = Run.create(stopped.path.with_name("plain"))
    train(plain, learner=Line(3))
    tensors = plain.read_tensors(f"checkpoints/{plain.checkpoints()[-1].name}")
    assert tensors.keys() == {"random", "model.weight"} | memory


FORGED = {
    "memory of another shape": lambda t, n: t.update({"optimizer.0.exp_avg": torch.zeros(1, 1)}),
    "memory of nothing": lambda t, n: t.update({"optimizer.x.step": torch.zeros(())}),
    "memory in part": lambda t, n: t.pop("optimizer.0.exp_avg_sq"),
    "weights of another type": lambda t, n: t.update({"model.weight": t["model.weight"].half()}),
    "an average": lambda t, n: t.update({"average.weight": t["model.weight"].clone()}),
    "random": lambda t, n: t.update(random=torch.zeros(3, dtype=torch.uint8)),
    "no random": lambda t, n: t.pop("random"),
    "history of nothing": lambda t, n: n.update(history="[{}]"),
    "history of texts": lambda t, n: n.update(history=n["history"].replace("1", '"1"', 1)),
    "history without an end": lambda t, n: n.update(history=n["history"].replace(":", ": 1e999 +")),
    "history not finite": lambda t, n: n.update(history='[{"epoch": 1, "seconds": NaN}]'),
    "history is a number": lambda t, n: n.update(history="7"),
    "meter of a text": lambda t, n: n.update(meter='{"steps": "x"}'),
    "meter of steps without terms": lambda t, n: n.update(meter='{"steps": 1}'),
    "meter of half a step": lambda t, n: n.update(meter='{"steps": 0.5}'),
    "meter of pages": lambda t, n: n.update(meter='{"loss": 1%s}' % ("0" * 400)),
    "averaged": lambda t, n: n.update(averaged="-1"),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_what_a_checkpoint_holds_is_checked_before_it_is_taken(stopped, forge):
    """Its SHA-256 is right; the optimiser would follow memory of another shape out of it."""
    name = f"checkpoints/{stopped.checkpoints()[-1].name}"
    tensors, notes = stopped.read_all(name)
    forge(tensors, notes)
    stopped.write_tensors(name, tensors, **notes)
    with pytest.raises(RunError, match=r"safetensors: does not match the run \(") as error:
        train(stopped, resume=True)
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


def test_the_best_weights_are_checked_before_they_are_taken(stopped):
    stopped.write_tensors("model.safetensors", {"weight": torch.zeros(1, 9)})
    with pytest.raises(
        RunError, match=r"model\.safetensors: does not match the run \(weight has shape"
    ):
        train(stopped, resume=True)
