"""A run: the folder that holds everything a trained model is and how it came to be.

    config.toml          the settings, defaults included
    manifest.json        versions, seed, threads, levels that ran, the data and their hash
    metrics.jsonl        a line for each epoch
    model.safetensors    the weights of the best epoch
    vocabulary.json, cell.json, …    what else the task needs to load the model
    checkpoints/         the last two, to go on from; and the lock of the process that trains
    tensorboard/         events, where they are asked for

Every file is written whole or not at all, and is on the disk before anything relies on it.
Nothing is pickled.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

import ostinato
from ostinato.errors import RunError

_PART = ".part"
_DIGEST = "sha256"


class Run:
    """A run's folder.

    Args:
        path: the folder, which must hold a run; `Run.create` makes one.

    Attributes:
        data: what the command line was given as data, for the manifest: a name, or `files` and what
            other options say of them by name; None where it was not used.
        like: the run that this one is to repeat, if any.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.data: str | dict[str, Any] | None = None
        self.like: Run | None = None

    @classmethod
    def create(cls, path: str | Path) -> Run:
        """An empty run in a new or empty folder.

        Raises:
            RunError: when the folder holds something, or cannot be made.
        """
        if not str(path):
            raise RunError("the folder of a run must have a name")
        run = cls(path)
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            if any(run.path.iterdir()):
                raise RunError(f"{path}: the folder is not empty; choose another with --out")
            (run.path / "checkpoints").mkdir()
        except OSError as error:
            raise RunError(f"{path}: {error.strerror}") from None
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """A finished run.

        Raises:
            RunError: when the folder holds none, or its manifest is damaged.
        """
        run = cls(path)
        for name in ("config.toml", "manifest.json", "model.safetensors"):
            if not (run.path / name).is_file():
                raise RunError(f"{path}: no finished run there (it has no {name})")
        run.read_json("manifest.json")
        return run

    def write(self, name: str, content: str | bytes) -> None:
        """Writes a file whole or not at all.

        A link is followed; what is no file, such as a pipe or a device, is written to as it is.

        Raises:
            RunError: when it cannot be written; what was there before is still there.
        """
        content = content.encode() if isinstance(content, str) else content
        target = self.path / name
        try:
            if target.exists() and not target.is_file() and not target.is_dir():
                target.write_bytes(content)
                return
            if target.is_symlink():
                target = target.resolve()
            handle, temporary = tempfile.mkstemp(_PART, f".{target.name}.", target.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(temporary, 0o644)
                os.replace(temporary, target)
                _sync_folder(target.parent)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise RunError(f"{target}: {error.strerror}") from None

    def write_json(self, name: str, content: Any) -> None:
        """Writes plain data as JSON."""
        self.write(name, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> Any:
        """Reads what `write_json` wrote.

        Raises:
            RunError: when it is missing or damaged.
        """
        try:
            return json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{self.path / name}: cannot be read ({error})") from None

    def write_tensors(self, name: str, tensors: Mapping[str, Tensor], **notes: str) -> None:
        """Writes tensors, and short notes beside them, as safetensors that tell their SHA-256."""
        whole = {k: t.detach().contiguous() for k, t in tensors.items()}
        self.write(name, save(whole, notes | {_DIGEST: _digest(whole)}))

    def read_tensors(self, name: str) -> dict[str, Tensor]:
        """Reads what `write_tensors` wrote.

        Raises:
            RunError: when it is missing or damaged.
        """
        try:
            tensors = load_file(self.path / name)
        except (OSError, SafetensorError) as error:
            raise RunError(f"{self.path / name}: cannot be read ({error})") from None
        told = self.read_notes(name).get(_DIGEST)
        if told is not None and told != _digest(tensors):
            raise RunError(f"{self.path / name}: damaged (its SHA-256 is another)")
        return tensors

    def read_notes(self, name: str) -> dict[str, str]:
        """Reads the notes that `write_tensors` wrote beside the tensors.

        Raises:
            RunError: when the file is missing or damaged.
        """
        try:
            with safe_open(self.path / name, "pt") as file:
                return dict(file.metadata() or {})
        except (OSError, SafetensorError) as error:
            raise RunError(f"{self.path / name}: cannot be read ({error})") from None

    def write_metrics(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Writes metrics.jsonl: a line for each epoch."""
        self.write("metrics.jsonl", "".join(json.dumps(dict(record)) + "\n" for record in records))

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl.

        Raises:
            RunError: when it is missing or damaged.
        """
        try:
            text = (self.path / "metrics.jsonl").read_text("utf-8")
            return [json.loads(line) for line in text.splitlines()]
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{self.path / 'metrics.jsonl'}: cannot be read ({error})") from None

    def trained_on(self) -> dict[str, Any]:
        """What its manifest says of its data: `sha256`, and where they were.

        Raises:
            RunError: when it is missing or damaged.
        """
        about = self.read_json("manifest.json")
        said = about.get("data") if isinstance(about, dict) else None
        if not isinstance(said, dict) or not isinstance(said.get("sha256"), str):
            raise RunError(f"{self.path / 'manifest.json'}: damaged: it does not tell the data")
        return said

    def checkpoints(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return sorted((self.path / "checkpoints").glob("*.safetensors"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training in the folder.

        What a process that was killed had not written to the end is removed.

        Raises:
            RunError: when another one does; the message gives its process id.
        """
        try:
            # Opened for appending: the process id in it is that of the lock's holder.
            file = open(self.path / "checkpoints" / "lock", "a+", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise RunError(f"{self.path}: no run to train in ({error.strerror})") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise RunError(
                    f"{self.path}: process {file.read().strip()} is training in it; "
                    "wait for its end, or end it"
                ) from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            for part in self.path.rglob(f".*{_PART}"):
                part.unlink()
            yield
            file.truncate(0)

    def remove(self) -> None:
        """Deletes the folder: of a run that failed before its first checkpoint nothing stays."""
        shutil.rmtree(self.path, ignore_errors=True)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) over tensors of any dtype, by name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """A file's new name is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def versions() -> dict[str, str]:
    """What a run's manifest says of the software that made it."""
    return {
        "ostinato": ostinato.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
