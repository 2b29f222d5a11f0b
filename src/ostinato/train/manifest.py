"""The manifest of a run: how it came to be, whether it is finished, and the SHA-256 of its files.

It is written twice: when all that does not change in training lies in the folder, and last of all,
when training has come to its end. It holds a SHA-256 of its own content, so that what it says of
the other files can be relied on.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ostinato.train.config import first_fault
from ostinato.train.folder import as_json

NAME = "manifest.json"
FORMAT = 1
_DIGEST = "sha256"
_SINCE = frozenset({"format", "finished", "files", _DIGEST})  # what format 1 brought


class Manifest(BaseModel):
    """What a run says of itself.

    Attributes:
        format: 0 for runs from before there were formats, which know no digests.
        versions: of the software that made it, by name.
        started: when training began, in UTC.
        finished: when it came to its end; None where it has not.
        seed: what fixed everything random.
        threads: of the processor.
        device: where it was trained; "" for runs from before there was a choice.
        level: those that ran in training and in evaluation.
        data: what was trained on: `given`, what the command line was given; and the SHA-256 of
            each part by its name, `sha256`, `validation_sha256`, ….
        files: the SHA-256 of each file of the run by its name.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    format: int = Field(0, ge=0)
    versions: dict[str, str] = {}
    started: str = ""
    finished: str | None = None
    seed: int = 0
    threads: int = Field(1, ge=1)
    device: str = ""
    level: dict[str, str] = {}
    data: dict[str, Any]
    files: dict[str, str] = {}

    @field_validator("data")
    @classmethod
    def _tells_what(cls, value: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(value.get("sha256"), str):
            raise ValueError("it does not tell the SHA-256 of the data")
        return value

    @property
    def is_old(self) -> bool:
        """Whether the run is from before there were digests."""
        return self.format == 0

    def ended(self, files: dict[str, str]) -> Self:
        """The manifest of the same run, now that all its files are there."""
        now = self.finished or timestamp()
        return self.model_copy(update={"finished": now, "files": dict(sorted(files.items()))})

    def to_json(self) -> bytes:
        """The content of the file."""
        values = self.model_dump()
        return as_json(values | {_DIGEST: _digest(values)})

    @classmethod
    def of_json(cls, text: str) -> Self:
        """What `to_json` wrote, or a version before it.

        Raises:
            ValueError: when it is damaged, or of a version to come.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("it holds no table")
        if _SINCE & values.keys():
            told = values.pop(_DIGEST, None)
            if told != _digest(values):
                raise ValueError("damaged: its SHA-256 is another")
            if values.get("format") != FORMAT:
                raise ValueError(f"of format {values.get('format')!r}, and this version knows 1")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            path, _, why = first_fault(error)
            raise ValueError(f"{path}: {why}") from None


def sha256(content: bytes) -> str:
    """The SHA-256 of some content (hex)."""
    return hashlib.sha256(content).hexdigest()


def timestamp() -> str:
    """The present second, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _digest(values: dict[str, Any]) -> str:
    return sha256(json.dumps(values, sort_keys=True).encode())
