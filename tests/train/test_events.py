import struct
import sys

import pytest
from line import Line
from tensorboardX.proto.event_pb2 import Event

from ostinato.errors import ConfigError
from ostinato.train import Run, Training, fit


def events(run):
    """What TensorBoard's format says: length, checksum, message, checksum, one after the other."""
    found = []
    for path in sorted((run.path / "tensorboard").iterdir()):
        raw = path.read_bytes()
        while raw:
            (length,) = struct.unpack("<Q", raw[:8])
            found.append(Event.FromString(raw[12 : 12 + length]))
            raw = raw[16 + length :]
    return found


def test_events_hold_the_records(tmp_path):
    run = Run.create(tmp_path / "run")
    history = fit(Line(2), Training(epochs=2, tensorboard=True), run)
    scalars = {
        (event.step, value.tag): value.simple_value
        for event in events(run)
        for value in event.summary.value
    }
    expected = {
        (record["epoch"], name): number
        for record in history
        for name, number in record.items()
        if name != "epoch"
    }
    assert scalars == pytest.approx(expected)
    assert len(scalars) == 2 * 5


def test_events_after_a_checkpoint_do_not_count_when_a_run_goes_on(tmp_path):
    run = Run.create(tmp_path / "run")
    settings = Training(epochs=3, tensorboard=True)
    fit(Line(3), settings, run)
    run.checkpoints()[-1].unlink()  # as if stopped in the last epoch
    fit(Line(3), settings, run, resume=True)
    starts = [e.step for e in events(run) if e.session_log.status == e.session_log.START]
    assert starts == [1, 3]  # from here on, later events of before are void


def test_without_tensorboard_it_says_what_to_install(tmp_path, monkeypatch):
    for name in ("tensorboard", "torch.utils.tensorboard", "tensorboardX"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"^train\.tensorboard: neither .* pip install tensorb"):
        fit(Line(), Training(tensorboard=True), Run.create(tmp_path / "run"))
