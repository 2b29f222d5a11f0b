"""How memory is tried out: the problems, and the settings."""

from __future__ import annotations

from pydantic import Field

from ostinato.tasks.base.stack import StackSettings
from ostinato.train import Epochs, LearningRate, Section, Training

LENGTHS = {"adding": (10, 30, 100), "copying": (1, 10, 20)}
"""Lengths that cells differ at."""
MOST_STEPS = 10**6
"""No cell remembers as far, and a batch of such sequences still goes into memory."""


class RecallModel(StackSettings):
    """The network; its `embedding` is not used, for a step is read as it is."""

    hidden: int = Field(128, ge=1, le=2**16, description="hidden units")
    forget_bias: float | None = Field(
        1.0, description="initial bias of the gate f, if there is one"
    )


class RecallTraining(Training):
    """How the loop trains: long enough for what is learned late, and then at once."""

    epochs: Epochs = 60
    lr: LearningRate = 5e-3
    patience: int = Field(
        10**6, ge=1, description="epochs without improvement before training stops"
    )
    threads: int | None = Field(1, ge=1, le=1024, description="CPU threads")


class RecallSettings(Section):
    """How memory is tried out."""

    seed: int = Field(0, ge=0, lt=2**31, description="the seed of all random numbers")
    batch: int = Field(32, ge=1, description="sequences per batch, drawn anew for each")
    batches: int = Field(100, ge=1, description="batches per epoch")
    solved: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="training ends below this fraction of the loss of a model without memory",
    )
    model: RecallModel = RecallModel()
    train: RecallTraining = RecallTraining()
