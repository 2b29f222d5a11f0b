"""The settings of a tagger."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostinato.tasks.base.settings import FileSettings, PartOrFile, TaskSettings
from ostinato.tasks.base.stack import WordStackSettings


class TagData(FileSettings):
    """Settings of the data."""

    word: str = Field("", description="column of the words: a number from 1, or a field of CoNLL-U")
    tag: str = Field(
        "", description="column of the tags; default: the last one, or upos of CoNLL-U"
    )
    scheme: Literal["auto", "io", "iob1", "iob2", "bioes", "iobes", "bilou", "bmes", "none"] = (
        Field("auto", description="scheme of the entity tags; none: the tags are not entities")
    )
    unlabelled: str = Field("", description="tag that marks words without a known tag")
    validation: PartOrFile = Field(
        0.1,
        description="validation set that chooses the best epoch: a fraction of the "
        "sentences, or a file",
    )
    lower: bool = Field(
        True, description="lower-case words and replace digits by 0; characters are unchanged"
    )
    vocabulary: int = Field(50_000, ge=2, le=10**7, description="maximum size of the vocabulary")
    min_count: int = Field(1, ge=1, description="minimum count of a word in the vocabulary")
    max_characters: int = Field(
        30,
        ge=2,
        le=10**4,
        description="maximum length of a word; the middle of longer ones is cut out",
    )
    batch: int | None = Field(
        None, ge=1, description="maximum number of sentences per batch; default: by their number"
    )
    batch_tokens: int = Field(600, ge=1, description="tokens per batch, including padding")


class TagNetworkSettings(WordStackSettings):
    """The network."""

    embedding: int = Field(100, ge=1, le=2**16, description="size of a word's embedding")
    hidden: int = Field(100, ge=1, le=2**16, description="hidden units per direction")
    dropout: float = Field(
        0.4,
        ge=0,
        lt=1,
        description="dropout of words, outputs, and between layers; default: by the amount of data",
    )
    bidirectional: bool = Field(True, description="whether the network is bidirectional")
    characters: int = Field(
        25,
        ge=0,
        le=2**16,
        description="size of a character's embedding; 0: characters are not read",
    )
    character_hidden: int = Field(
        25, ge=1, le=2**16, description="hidden units per direction of the character network"
    )
    word_dropout: float = Field(
        0.25,
        ge=0,
        description="a: replace a word that occurs n times by the unknown word with "
        "probability a / (a + n)",
    )
    indicators: int = Field(
        0,
        ge=0,
        description="weights for each tag of a linear tagger that is added: features of a word, "
        "its shape, its first and last letters, and the words around it are hashed to so many; "
        "0: none; default: by the number of words and tags",
    )
    pretrained: str | None = Field(
        None,
        min_length=1,
        description="run of a generator that reads characters, whose states at the ends of "
        "words are read beside the embeddings",
    )
    pretrained_backward: str | None = Field(
        None,
        min_length=1,
        description="the same of a run that was trained on reversed text: its states at the "
        "beginnings of words",
    )
    output: Literal["crf", "softmax"] = Field(
        "crf", description="output layer: a CRF (crf), or each label independently (softmax)"
    )


class TagSettings(TaskSettings):
    """Settings of a tagger."""

    task = "tag"
    data: TagData = TagData()
    model: TagNetworkSettings = TagNetworkSettings()
