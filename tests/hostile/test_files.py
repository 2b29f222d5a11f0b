"""What has the name of a run's file and is none: links, pipes, devices, folders; and sizes."""

import contextlib
import json
import os
import re
import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from small_runs import SMALL

from ostinato import Classifier
from ostinato.errors import OstinatoError, RunError
from ostinato.train import Run
from ostinato.train.tensors import packed, unpacked

OUTSIDE = "what is outside\n"


@pytest.fixture
def outside(tmp_path) -> Path:
    """A file and a folder that are nobody's business."""
    path = tmp_path / "outside"
    (path / "checkpoints").mkdir(parents=True)
    (path / "file").write_text(OUTSIDE)
    return path


@pytest.fixture
def run(trained, tmp_path) -> Path:
    return shutil.copytree(trained["classify"], tmp_path / "run")


def link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "file")


def dangling(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "made")


def to_a_folder(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def to_a_device(path: Path, outside: Path) -> None:
    path.symlink_to("/dev/zero")


def pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, outside: Path) -> None:
    path.mkdir()


def unix_socket(path: Path, outside: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)  # a name is short


def device(path: Path, outside: Path) -> None:
    try:
        os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("a device needs rights")


def huge(path: Path, outside: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**40)  # it takes no place on the disk


IMPOSTORS = [link, dangling, to_a_folder, to_a_device, pipe, folder, unix_socket, device, huge]


def each_impostor(quick):
    """All of them; those that are not quick in the slow tests."""
    marks = [() if made in quick else pytest.mark.slow for made in IMPOSTORS]
    every = [pytest.param(m, marks=k, id=m.__name__) for m, k in zip(IMPOSTORS, marks, strict=True)]
    return pytest.mark.parametrize("impostor", every)


def unchanged(outside: Path) -> None:
    assert (outside / "file").read_text() == OUTSIDE
    assert sorted(p.name for p in outside.rglob("*")) == ["checkpoints", "file"]


@each_impostor(quick=IMPOSTORS)
def test_of_a_run_only_files_are_read(impostor, run, outside):
    for path in [p for p in sorted(run.iterdir()) if p.is_file() and p.name != "baseline.json"]:
        aside = path.rename(run.parent / "aside")
        impostor(path, outside)
        began = time.monotonic()
        with pytest.raises(RunError, match=re.escape(path.name)) as error:
            Classifier.load(run)
        assert time.monotonic() - began < 5
        assert "\n" not in str(error.value)
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        aside.rename(path)
    Classifier.load(run)
    unchanged(outside)


@each_impostor(quick=[link])
def test_resuming_writes_nowhere_else(impostor, run, outside):
    """Whatever is written to in training, one after the other: it goes on, or names the file."""
    small = SMALL["classify"]
    names = ["metrics.jsonl", "model.safetensors", "decision.json", "baseline.json"]
    for name in [*names, "checkpoints/lock", "checkpoints/000002-000000000.safetensors"]:
        spoilt = shutil.copytree(run, run.parent / "spoilt")
        (spoilt / name).unlink()
        impostor(spoilt / name, outside)
        with contextlib.suppress(OstinatoError):
            own = Classifier(**small.settings)
            own.fit(*small.data(), run=Run(spoilt), resume=True)
            assert small.answers(Classifier.load(spoilt)) == small.answers(own)
        unchanged(outside)
        shutil.rmtree(spoilt)


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard"])
def test_a_folder_of_a_run_is_no_link(name, run, outside):
    if name == "checkpoints":
        shutil.rmtree(run / name)
    (run / name).symlink_to(outside / "checkpoints")
    small = SMALL["classify"]
    own = Classifier(**small.settings | {"train": small.settings["train"] | {"tensorboard": True}})
    with pytest.raises(RunError, match=rf"{name}.*it is a link"):
        own.fit(*small.data(), run=Run(run), resume=True)
    unchanged(outside)


def test_a_hard_link_is_not_written_to(run, outside):
    (run / "checkpoints" / "lock").unlink()
    names = ["checkpoints/lock", "metrics.jsonl", "decision.json"]
    small = SMALL["classify"]
    for name in names:
        (run / name).unlink(missing_ok=True)
        os.link(outside / "file", run / name)
        with contextlib.suppress(RunError):
            Classifier(**small.settings).fit(*small.data(), run=Run(run), resume=True)
        unchanged(outside)
        (run / name).unlink(missing_ok=True)


def test_the_folder_itself_may_be_a_link(run, tmp_path):
    (tmp_path / "link").symlink_to(run)
    assert Classifier.load(tmp_path / "link").classes_.tolist() == ["bad", "good"]


def test_what_others_put_into_a_run_is_nothing_to_it(run):
    (run / "notes.txt").write_text("mine")
    (run / "report.html").symlink_to("/dev/zero")
    os.mkfifo(run / "pipe")
    small = SMALL["classify"]
    before = small.answers(Classifier.load(run))
    Classifier(**small.settings).fit(*small.data(), run=Run(run), resume=True)
    assert small.answers(Classifier.load(run)) == before
    assert (run / "notes.txt").read_text() == "mine"


SIZES = [
    ("layers", 10**6), ("layers", 64), ("hidden", 10**9), ("hidden", 65_536), ("embedding", 65_536),
    ("members", 10**6), ("members", 64), ("bigrams", 10**7), ("linear", 10**9), ("linear", 62),
]  # fmt: skip


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_sizes_are_known_to_fit_before_memory_is_taken(name, size, run):
    text = re.sub(rf"(?m)^{name} = \d+$", f"{name} = {size}", Run(run).read("config.toml").decode())
    Run(run).write("config.toml", text)
    began = time.monotonic()
    with pytest.raises(OstinatoError, match=rf"{name}|model\.safetensors|too large|linear|bigrams"):
        Classifier.load(run)
    assert time.monotonic() - began < 10


def test_json_that_is_deep_or_no_text_is_damaged(run):
    for content in ("[" * 100_000, "9" * 10_000, '"\\ud800"', b"\xff\xfe", "NaN", '{"a":' * 9999):
        for name in ("labels.json", "vocabulary.json", "cell.json", "decision.json"):
            before = Run(run).read(name)
            Run(run).write(name, content)
            with pytest.raises(OstinatoError, match=re.escape(name)) as error:
                Classifier.load(run)
            assert len(str(error.value)) < 500 + len(str(run))
            Run(run).write(name, before)


def test_weights_of_another_type_are_refused(run):
    weights = {k: w.double() for k, w in Run(run).read_tensors("model.safetensors").items()}
    Run(run).write("model.safetensors", packed(weights))
    with pytest.raises(RunError, match=r"has dtype torch\.float64, not torch\.float32"):
        Classifier.load(run)


def test_the_notes_of_a_checkpoint_are_a_part_of_its_digest():
    tensors, notes = {"w": torch.arange(3.0)}, {"history": "[1, 2]", "averaged": "7"}
    raw = packed(tensors, notes)
    wrong = raw.replace(b"[1, 2]", b"[1, 3]")
    assert wrong != raw
    with pytest.raises(ValueError, match="SHA-256"):
        unpacked(wrong)
    for place in range(len(raw)):  # every bit of every byte would only take longer
        flipped = raw[:place] + bytes([raw[place] ^ 1 << place % 8]) + raw[place + 1 :]
        with contextlib.suppress(ValueError):
            found, said = unpacked(flipped)
            assert said == notes
            assert np.array_equal(found["w"].numpy(), tensors["w"].numpy())
    with pytest.raises(ValueError, match="SHA-256"):
        unpacked(save(tensors))  # without a digest nothing says that it is whole


def test_what_the_manifest_does_not_list_is_no_file_of_a_finished_run(run):
    listed = Run(run).manifest.files
    left = {name: digest for name, digest in listed.items() if name != "labels.json"}
    forged = Run(run).manifest.model_copy(update={"files": left})
    (run / "manifest.json").write_bytes(forged.to_json())
    with pytest.raises(RunError, match=r"labels\.json: not listed in manifest\.json"):
        Classifier.load(run)


def test_a_run_that_says_what_is_no_data_is_refused(run):
    from ostinato.cli.fit import like

    manifest = Run(run).manifest
    for given in ({"files": []}, {"files": ["a", "b", "c", "d"]}, {"files": ["a"], "settings": "x"},
                  {"files": ["a"], "options": "x"}, {"files": ["a"], "no": "x"}):  # fmt: skip
        forged = manifest.model_copy(update={"data": manifest.data | {"given": given}})
        (run / "manifest.json").write_bytes(forged.to_json())
        with pytest.raises(RunError, match="is invalid"):
            like(str(run), out=str(run.parent / "new"))
    assert not (run.parent / "new").exists()


def test_a_manifest_is_what_it_says_and_no_other(run):
    raw = (run / "manifest.json").read_bytes()
    values = json.loads(raw)
    wrong = [
        {**values, "seed": 1},
        {k: v for k, v in values.items() if k != "sha256"},
        {k: v for k, v in values.items() if k != "format"},
        {"files": {}},
        {"format": 2},
        {"threads": "many"},
        {"data": 5},
    ]
    for forged in wrong:
        (run / "manifest.json").write_text(json.dumps(forged))
        with pytest.raises(RunError, match=r"manifest\.json: cannot be read"):
            Classifier.load(run)
