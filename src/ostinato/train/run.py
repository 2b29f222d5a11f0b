"""A run: the folder that holds everything a trained model is and how it came to be.

    config.toml          the settings, defaults included
    manifest.json        versions, seed, threads, levels that ran, the data and their hash, and
                         the SHA-256 of every file beside it
    metrics.jsonl        a line for each epoch
    model.safetensors    the weights of the best epoch
    vocabulary.json, cell.json, …    what else the task needs to load the model
    checkpoints/         the last two, to continue from; and the lock of the process that trains
    tensorboard/         events, where they are asked for

Every file is written whole or not at all, and is on the disk before anything relies on it.
Nothing is pickled, nothing becomes code, and nothing leads out of the folder (see `Folder`). What
the manifest lists is held against its SHA-256 as it is read; checkpoints hold their own; other
files that lie in the folder are nothing to a run.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import platform
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ostinato
from ostinato.errors import RunError
from ostinato.train import manifest as manifests
from ostinato.train.folder import MOST, PART, Folder, encoded
from ostinato.train.judge import Ending
from ostinato.train.manifest import Manifest
from ostinato.train.meter import Record

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, BEST, METRICS = "config.toml", "model.safetensors", "metrics.jsonl"
_MOST = sys.float_info.max
_CHECKPOINT = re.compile(r"\d+-\d+\.safetensors")


class Run(Folder):
    """A run's folder.

    Args:
        path: the folder, which must hold a run; `Run.create` makes one.

    Attributes:
        data: what the command line was given as data, for the manifest: a name, or `files` and what
            other options say of them by name; None where it was not used.
        like: the run that this one is to repeat, if any.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self.data: str | dict[str, object] | None = None
        self.like: Run | None = None
        self._manifest: Manifest | None = None
        self._written: dict[str, str] = {}  # the SHA-256 of what was written, by its name

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
        """A run that has weights: it is finished, or at least one epoch of its training is.

        Raises:
            RunError: when the folder holds none, or its manifest is damaged.
        """
        run = cls(path)
        missing = [name for name in (CONFIG, manifests.NAME, BEST) if not run.exists(name)]
        if run.begun and run.unfinished and not run.exists(METRICS):
            missing = ["finished epoch; fit --resume continues it"]
        if missing:
            raise RunError(f"{path}: there is no finished run (it has no {missing[0]})")
        _ = run.manifest
        return run

    @property
    def begun(self) -> bool:
        """Whether training began in the folder, so that it can be resumed."""
        return self.exists(CONFIG) and self.exists(manifests.NAME)

    @property
    def manifest(self) -> Manifest:
        """The manifest.

        Raises:
            RunError: when it is missing or damaged.
        """
        if self._manifest is None:
            self._manifest = self.parsed(manifests.NAME, Manifest.of_json, 2**24)
        return self._manifest

    @property
    def unfinished(self) -> bool:
        """Whether training has not finished; False for an old run, for which it is not known."""
        return not self.manifest.is_old and self.manifest.finished is None

    def begin(self, manifest: Manifest) -> None:
        """Writes the manifest of a run that is not finished, and lists what is written so far."""
        self._seal(manifest.model_copy(update={"finished": None, "files": dict(self._written)}))

    def reopen(self) -> None:
        """Says of a run that is trained again, if it has begun, that it is not finished."""
        self._manifest = None  # another process may have written it since
        if self.begun:
            self._written = self.manifest.files | self._written
            if self.manifest.finished:
                self._seal(self.manifest.model_copy(update={"finished": None}))

    def finish(self, ending: Ending | None = None) -> None:
        """Writes the manifest of a finished run, with the SHA-256 of all files, last of all."""
        self._seal(self.manifest.ended(self._written, ending))

    def holds(self, name: str) -> bool:
        """Whether the run has a file: whether its manifest lists it, or of an old one it is there.

        Raises:
            RunError: when the manifest is missing or damaged.
        """
        return self.exists(name) if self.manifest.is_old else name in self.manifest.files

    def say_state(self) -> None:
        """Says in the log what whoever uses the run should know: it is not finished, or is old."""
        log = logging.getLogger("ostinato")
        if self.manifest.is_old:
            repeats = "; fit --like repeats it" if self.manifest.data.get("given") else ""
            log.warning(
                "%s: a run from an earlier version, without SHA-256 in its "
                "manifest.json: damage to its files cannot be detected%s",
                self.path,
                repeats,
            )
        elif self.unfinished:
            log.warning(
                "%s: its training is not finished, and its weights are the "
                "best so far; fit --resume continues it",
                self.path,
            )

    def read(self, name: str, most: int = MOST) -> bytes:
        """The content of a file; of a finished run, only what its manifest lists, and whole.

        Raises:
            RunError: when it is missing, no regular file, too large, damaged, or not the run's.
        """
        content = super().read(name, most)
        listed = self._listed(name)
        if listed is None and self._is_sealed(name):
            raise RunError(f"{self.path / name}: not listed in manifest.json, so not of this run")
        if listed is not None and listed != manifests.sha256(content):
            raise RunError(f"{self.path / name}: damaged: its SHA-256 does not match manifest.json")
        return content

    def write(self, name: str, content: str | bytes) -> None:
        """Writes a file whole or not at all, for the manifest to list when the run is finished.

        The manifest never lists what is not there: it forgets a file before other content takes
        its place, and where the run is finished already, lists it again after that.

        Raises:
            RunError: when it cannot be written; what was there before is still there.
        """
        content = encoded(content)
        digest = manifests.sha256(content)
        if self._listed(name) not in (None, digest):
            files = {k: v for k, v in self.manifest.files.items() if k != name}
            self._seal(self.manifest.model_copy(update={"files": files}))
        super().write(name, content)
        if "/" not in name:
            self._written[name] = digest
            if self._manifest and self._manifest.finished:
                self._seal(self._manifest.ended(self._manifest.files | {name: digest}))

    def config(self) -> dict[str, Any]:
        """The values of config.toml.

        Raises:
            RunError: when it is missing or damaged.
        """
        return self.parsed(CONFIG, tomllib.loads, 2**20)

    def write_tensors(self, name: str, tensors: Mapping[str, Tensor], **notes: str) -> None:
        """Writes tensors, and short notes beside them, as safetensors with their SHA-256."""
        from ostinato.train.tensors import packed  # a run is looked at without PyTorch

        self.write(name, packed(tensors, notes))

    def read_tensors(self, name: str, most: int = MOST) -> dict[str, Tensor]:
        """Reads what `write_tensors` wrote; see `read_all`."""
        return self.read_all(name, most)[0]

    def read_all(self, name: str, most: int = MOST) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Reads what `write_tensors` wrote, tensors and notes.

        Args:
            name: the file.
            most: the bytes it may have.

        Raises:
            RunError: when it is missing or damaged.
        """
        from ostinato.train.tensors import unpacked

        content = self.read(name, most)
        try:
            return unpacked(content, whole=self._listed(name) is not None)
        except ValueError as error:
            raise self._fault(name, error) from None

    def write_metrics(self, records: Sequence[Mapping[str, float]]) -> None:
        """Writes metrics.jsonl: a line for each epoch."""
        self.write(METRICS, "".join(json.dumps(dict(record)) + "\n" for record in records))

    def metrics(self) -> list[Record]:
        """The lines of metrics.jsonl.

        Raises:
            RunError: when it is missing or damaged.
        """
        return self.parsed(METRICS, _records)

    def checkpoints(self) -> list[Path]:
        """The checkpoints, oldest first.

        Raises:
            RunError: when their folder is a link, or no folder.
        """
        names = self.names("checkpoints")
        return [self.path / "checkpoints" / name for name in names if _CHECKPOINT.fullmatch(name)]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training in the folder.

        What a process that was killed had not written to the end is removed.

        Raises:
            RunError: when another one does; the message gives its process id.
        """
        if not self.names("checkpoints") and not self.exists("checkpoints"):
            raise RunError(f"{self.path}: not a run that can be trained (it has no checkpoints)")
        with self.own("checkpoints/lock") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
                raise RunError(
                    f"{self.path}: process {holder} is training in it; wait "
                    "until it ends, or stop it"
                ) from None
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            for folder in ("", "checkpoints/"):
                for name in self.names(folder.rstrip("/")):
                    if name.startswith(".") and name.endswith(PART):
                        self.remove(folder + name)
            yield
            os.truncate(handle, 0)

    def delete(self) -> None:
        """Deletes the folder: of a run that failed before its first checkpoint nothing stays."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _listed(self, name: str) -> str | None:
        """The SHA-256 that the manifest lists a file with, if there is one and it does."""
        if name == manifests.NAME or (self._manifest is None and not self.exists(manifests.NAME)):
            return None
        return self.manifest.files.get(name)

    def _is_sealed(self, name: str) -> bool:
        """Whether a file can be the run's only if the manifest lists it.

        Those of a run in training are listed at its end, and checkpoints hold their own SHA-256.
        """
        if "/" in name or name == manifests.NAME or not self.exists(manifests.NAME):
            return False
        return self.manifest.finished is not None

    def _seal(self, manifest: Manifest) -> None:
        super().write(manifests.NAME, manifest.to_json())
        self._manifest = manifest


def _records(text: str) -> list[Record]:
    records = [json.loads(line) for line in text.splitlines()]
    check_records(records)
    return records


def check_records(records: object, needed: Set[str] = frozenset()) -> None:
    """That what was read are records of finite numbers by name, each with those that are needed.

    Raises:
        ValueError: when it is something else.
    """
    if not isinstance(records, list):
        raise ValueError("there are no records")
    for number, record in enumerate(records, start=1):
        numbers = isinstance(record, dict) and all(
            isinstance(value, int | float) and -_MOST <= value <= _MOST for value in record.values()
        )
        if not numbers:
            raise ValueError(f"line {number} is not a record of finite numbers")
        if missing := needed - record.keys():
            raise ValueError(f"line {number} has no {min(missing)}")


def versions() -> dict[str, str]:
    """What a run's manifest says of the software that made it."""
    import numpy as np
    import torch

    return {
        "ostinato": ostinato.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
