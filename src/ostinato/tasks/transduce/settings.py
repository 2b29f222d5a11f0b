"""Settings of a transducer."""

from __future__ import annotations

from pydantic import Field

from ostinato.decode import MOST_BEAM
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.transduce.codec import CodecSettings
from ostinato.tasks.transduce.network import TransduceNetworkSettings
from ostinato.train import Epochs, LearningRate, Section, Training


class SourceSettings(CodecSettings):
    """What is read."""

    column: str = Field("source", description="column of a table with the sources")


class TargetSettings(CodecSettings):
    """What is written."""

    column: str = Field("target", description="column of a table with the targets")


class TransduceData(Section):
    """How pairs are read and put together."""

    separator: str | None = Field(
        None,
        min_length=1,
        description="separator of source and target in a line; unset for tables",
    )
    validation: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="fraction held out to choose the best epoch, if no validation set is given",
    )
    max_tokens: int = Field(
        200, ge=1, description="maximum length; longer pairs are not used for training"
    )
    batch: int | None = Field(None, ge=1, description="maximum number of pairs per batch")
    batch_tokens: int = Field(3000, ge=1, description="tokens per batch, of source and target")


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
