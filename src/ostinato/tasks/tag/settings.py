"""The settings of a tagger."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.tag.network import TagNetworkSettings
from ostinato.train import Section


def _part_or_file(value: float | str) -> float | str:
    """A part between 0 and 1, which the command line gives as text; or a file."""
    try:
        part = float(value)
    except ValueError:
        return value
    if not 0 < part < 1:
        raise ValueError("a part lies between 0 and 1; or give the name of a file")
    return part


class TagData(Section):
    """What is read, and as what."""

    word: str = Field("", description="column of the words: a number from 1, or of CoNLL-U a field")
    tag: str = Field("", description="column of the tags; the last one, or of CoNLL-U upos")
    scheme: Literal["auto", "iob1", "iob2", "bioes", "none"] = Field(
        "auto", description="how tags mark entities; none: they do not"
    )
    unlabelled: str = Field("", description="the tag of a word whose tag is not known")
    validation: Annotated[float | str, AfterValidator(_part_or_file)] = Field(
        0.1, description="what chooses the epoch: a part of the sentences, or another file"
    )
    lower: bool = Field(True, description="words in small letters, digits as 0; not their spelling")
    vocabulary: int = Field(50_000, ge=2, le=10**7, description="the most words known")
    min_count: int = Field(1, ge=1, description="how often a word must be seen to be known")
    max_characters: int = Field(30, ge=2, le=10**4, description="longer words lose their middle")
    batch_tokens: int = Field(600, ge=1, description="tokens in a batch, padding included")


class TagSettings(TaskSettings):
    """Settings of a tagger."""

    task = "tag"
    data: TagData = TagData()
    model: TagNetworkSettings = TagNetworkSettings()
