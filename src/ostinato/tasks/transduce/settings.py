"""Settings of a transducer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostinato.decode import MOST_BEAM
from ostinato.tasks.base.settings import TableSettings, TaskSettings
from ostinato.tasks.base.stack import VectorSettings
from ostinato.train import Epochs, LearningRate, Section, Training


class CodecSettings(Section):
    """What texts are read as."""

    tokenizer: str = Field(
        "char",
        description="tokenizer: char, word, spaced, bpe or white_space; default: by the texts",
    )
    vocabulary: int = Field(30_000, ge=2, le=10**7, description="maximum size of the vocabulary")
    min_count: int = Field(1, ge=1, description="minimum count of a token in the vocabulary")


class SourceColumn(Section):
    """Where the sources stand."""

    column: str = Field("source", description="column of a table with the sources")


class TargetColumn(Section):
    """Where the targets stand."""

    column: str = Field("target", description="column of a table with the targets")


class SourceSettings(SourceColumn, CodecSettings):
    """What is read."""


class TargetSettings(TargetColumn, CodecSettings):
    """What is written."""


class PairTable(TableSettings):
    """How pairs are written."""

    separator: str | None = Field(
        None,
        min_length=1,
        description="separator of source and target in a line; unset for tables",
    )


class TransduceData(PairTable):
    """How pairs are read and put together."""

    validation: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="fraction held out to choose the best epoch, if no validation set is given",
    )
    max_tokens: int = Field(
        200, ge=1, description="maximum length; longer pairs are not used for training"
    )
    batch: int | None = Field(
        None, ge=1, description="maximum number of pairs per batch; default: by their number"
    )
    batch_tokens: int = Field(3000, ge=1, description="tokens per batch, of source and target")


class TransduceNetworkSettings(VectorSettings):
    """The network."""

    target_vectors: str | None = Field(
        None,
        min_length=1,
        description="file of word vectors that the embeddings of the target start with; `vectors` "
        "are those of the source",
    )

    embedding: int = Field(
        64,
        ge=1,
        le=2**16,
        description="size of a token's embedding, and of the readout; default: by the tokenizer",
    )
    hidden: int = Field(
        128,
        ge=2,
        le=2**16,
        multiple_of=2,
        description="hidden units; each direction of the encoder has half of them; default: by the "
        "tokenizer",
    )
    dropout: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="dropout between layers, and of readouts; default: by the tokenizer",
    )
    embedding_dropout: float = Field(0.0, ge=0, lt=1, description="dropout of embeddings")
    bidirectional: bool = Field(True, description="whether the encoder is bidirectional")
    attention: str = Field("additive", description="attention: dot, general, additive or none")
    input_feeding: bool = Field(
        False, description="input feeding: a step also reads the previous readout; slow"
    )
    bridge: Literal["linear", "copy", "none"] = Field(
        "linear",
        description="how the last states of the encoder become the first states of the decoder",
    )
    tied: bool = Field(
        False, description="share the weights of the target embedding and the output layer"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="label smoothing")
    teacher_forcing: float = Field(
        1.0,
        ge=0,
        le=1,
        description="teacher forcing: final probability of the correct previous token as input",
    )
    forcing_schedule: Literal["constant", "linear"] = Field(
        "linear",
        description="whether this probability decreases from 1, epoch by epoch, or is constant",
    )


class Decoding(Section):
    """How outputs are searched for."""

    beam: int = Field(
        5, ge=1, le=MOST_BEAM, description="beam size: number of hypotheses; 1 is greedy"
    )
    alpha: float = Field(0.0, ge=0, description="length penalty; above 0 favours longer outputs")


class TransduceTraining(Training):
    """The loop."""

    epochs: Epochs = 8
    lr: LearningRate = 4e-3


class TransduceSettings(TaskSettings):
    """Settings of a transducer."""

    task = "transduce"
    source: SourceSettings = SourceSettings()
    target: TargetSettings = TargetSettings()
    data: TransduceData = TransduceData()
    model: TransduceNetworkSettings = TransduceNetworkSettings()
    decoding: Decoding = Decoding()
    train: TransduceTraining = TransduceTraining()
