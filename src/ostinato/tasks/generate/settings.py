"""The settings of a generator."""

from __future__ import annotations

from pydantic import Field, field_validator

from ostinato.tasks.base.settings import FileSettings, TaskSettings
from ostinato.tasks.base.stack import StackSettings
from ostinato.train import LearningRate, Training


class GenerateData(FileSettings):
    """Settings of the data."""

    validation: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="fraction of the text held out, at its end; default: a tenth, of a long text "
        "50,000 tokens",
    )
    vocabulary: int = Field(10_000, ge=2, le=10**7, description="maximum size of the vocabulary")
    min_count: int = Field(1, ge=1, description="minimum count of a token in the vocabulary")
    streams: int = Field(
        32,
        ge=1,
        description="number of parts of the text that are read in parallel; default: by its length",
    )
    steps: int = Field(64, ge=1, description="steps of truncated backpropagation")


class GenerateNetworkSettings(StackSettings):
    """The network."""

    hidden: int = Field(256, ge=1, le=2**16, description="hidden units")
    tied: bool = Field(
        False,
        description="use the embedding as the weights of the output layer as well; default: with "
        "many different tokens",
    )
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout of tokens' whole embeddings"
    )
    alone: bool = Field(
        False,
        description="the network answers alone; default: n-grams, and a cache of the last tokens, "
        "answer with it where that is better on the validation text",
    )
    sampled_softmax: int = Field(
        0,
        ge=0,
        description="tokens that are drawn in each step for the loss of training to be computed "
        "from, beside those that follow; 0: all tokens; default: by the size of the vocabulary",
    )


class GenerateTraining(Training):
    """The loop."""

    lr: LearningRate = 4e-3


class GenerateSettings(TaskSettings):
    """Settings of a generator."""

    task = "generate"
    tokenizer: str = Field(
        "char",
        description="tokenizer: char, word (with spaces and line breaks), tokenized (words and "
        "line breaks of a text that is tokenized) or bpe",
    )
    data: GenerateData = GenerateData()
    model: GenerateNetworkSettings = GenerateNetworkSettings()
    train: GenerateTraining = GenerateTraining()

    @field_validator("tokenizer")
    @classmethod
    def _as_written(cls, name: str) -> str:
        """A text is continued as it is written: in words with case, spaces and ends of lines."""
        return "spaced" if name == "word" else name
