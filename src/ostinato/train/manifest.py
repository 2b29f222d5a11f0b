"""The manifest of a run: how it came to be, whether it is finished, and the SHA-256 of its files.

It is written twice: when all that does not change in training lies in the folder, and last of all,
when training has come to its end. It holds a SHA-256 of its own content, so that what it says of
the other files can be relied on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Required, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from typing_extensions import TypedDict

from ostinato.errors import quoted
from ostinato.train.config import first_fault
from ostinato.train.folder import as_json
from ostinato.train.judge import Ending

NAME = "manifest.json"
FORMAT = 1
_DIGEST = "sha256"
_SINCE = frozenset({"format", "finished", "files", _DIGEST})  # what format 1 brought


Given: TypeAlias = str | dict[str, str | list[str]]
"""Data as the command line was given them: a name, or `files` and other options by name."""


class Levels(TypedDict):
    """The levels that ran."""

    training: str
    evaluation: str


class LeftOut(TypedDict):
    """Rows of the data that could not be used: how many, and what the first lacked."""

    rows: int
    first: list[str]


class Data(TypedDict, total=False):
    """What a run was trained on.

    Any other name, such as `validation_sha256`, is that of a further part's SHA-256.

    Attributes:
        given: what the command line was given; None where it was not used.
        sha256: the SHA-256 of the training data.
        skipped: what was left out of it.
    """

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    given: Given | None
    sha256: Required[str]
    skipped: LeftOut


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
        data: what it was trained on.
        chosen: the settings that somebody chose, by path; the others went by the data. None for
            runs from before there was a difference.
        ending: how training ended; None where it has not, or it is not known.
        files: the SHA-256 of each file of the run by its name.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    format: int = Field(FORMAT, ge=0, le=FORMAT)
    versions: dict[str, str] = {}
    started: str = ""
    finished: str | None = None
    seed: int = 0
    threads: int = Field(1, ge=1)
    device: str = ""
    level: Levels
    data: Data
    chosen: dict[str, object] | None = None
    ending: Ending | None = None
    files: dict[str, str] = {}

    @field_validator("data")
    @classmethod
    def _has_digests(cls, value: Data) -> Data:
        for name, part in value.items():
            if name not in Data.__annotations__ and not isinstance(part, str):
                raise ValueError(f"{name} is not a SHA-256")
        return value

    @property
    def is_old(self) -> bool:
        """Whether the run is from before there were digests."""
        return self.format == 0

    def ended(self, files: dict[str, str], ending: Ending | None = None) -> Self:
        """The manifest of the same run, now that all its files are there."""
        new = {"finished": self.finished or timestamp(), "files": dict(sorted(files.items()))}
        return self.model_copy(update=new | ({"ending": ending} if ending else {}))

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
            raise ValueError("it does not contain a table")
        if _SINCE & values.keys():
            found = values.pop(_DIGEST, None)
            if found != _digest(values):
                raise ValueError("damaged: its SHA-256 does not match")
            if values.get("format") != FORMAT:
                found = quoted(values.get("format"))
                raise ValueError(f"its format is {found}, but this version supports {FORMAT}")
        try:
            return cls.model_validate(_upgraded(values))
        except ValidationError as error:
            path, _, why = first_fault(error)
            raise ValueError(f"{path}: {why}") from None


def _upgraded(values: dict[str, object]) -> dict[str, object]:
    """The values of a manifest of any version with the names of today."""
    before = {"format": 0, "level": {"training": "", "evaluation": ""}}
    return before | values


def sha256(content: bytes) -> str:
    """The SHA-256 of some content (hex)."""
    return hashlib.sha256(content).hexdigest()


def timestamp() -> str:
    """The present second, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _digest(values: Mapping[str, object]) -> str:
    return sha256(json.dumps(values, sort_keys=True).encode())
