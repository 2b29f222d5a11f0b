"""Damage: what is flipped or cut off ends in an error that names its file, or changes nothing."""

import random
import shutil

import pytest
from small_runs import SMALL

from ostinato.errors import OstinatoError

QUICK, ALL = 150, 2000  # of all tasks together


def files_of(run):
    return sorted(path for path in run.rglob("*") if path.is_file())


def damaged(raw: bytes, draw: random.Random) -> bytes:
    """One bit is another, or, now and then, the end is missing."""
    if draw.random() < 0.15:
        return raw[: draw.randrange(len(raw))]
    place = draw.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ 1 << draw.randrange(8)]) + raw[place + 1 :]


def outcome(small, run) -> tuple[str, object]:
    """What a run answers, or in which words it is refused."""
    try:
        return "answers", small.answers(small.estimator.load(run))
    except OstinatoError as error:
        return "error", str(error)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(
    "times", [pytest.param(QUICK), pytest.param(ALL, marks=pytest.mark.slow)], ids=["few", "all"]
)
def test_damage_is_told_or_changes_nothing(name, times, trained, tmp_path):
    small, draw = SMALL[name], random.Random(f"{name} {times}")
    run = shutil.copytree(trained[name], tmp_path / "run")
    untouched = outcome(small, run)
    assert untouched[0] == "answers"
    files = [path for path in files_of(run) if path.stat().st_size]
    said = {"answers": 0, "error": 0}
    for k in range(times // len(SMALL)):
        path = files[k % len(files)]
        raw = path.read_bytes()
        path.write_bytes(damaged(raw, draw))
        kind, found = outcome(small, run)
        path.write_bytes(raw)
        said[kind] += 1
        if kind == "answers":
            assert found == untouched[1], path.name
        else:
            assert path.name in found, found
            assert "\n" not in found
    print(f"{name}: {said['error']} named, {said['answers']} changed nothing")
    assert min(said.values()) > 0  # checkpoints and baselines are not a part of what answers
