"""Training: the one loop, its settings, and the run folder it leaves."""

from typing import TYPE_CHECKING

from ostinato import registry
from ostinato.train.config import (
    Epochs,
    LearningRate,
    Section,
    Training,
    first_fault,
    known_paths,
    nearest,
    read_toml,
    recipes,
)
from ostinato.train.folder import Folder, write_out
from ostinato.train.hooks import Hook, ProgressHook
from ostinato.train.interrupts import undisturbed
from ostinato.train.judge import BY_LOSS, Ending, Judge
from ostinato.train.learner import Learner
from ostinato.train.meter import Progress, Record
from ostinato.train.run import BEST, Run, versions

if TYPE_CHECKING:
    from ostinato.train.loop import fit

__all__ = [
    "BEST",
    "BY_LOSS",
    "Ending",
    "Epochs",
    "Folder",
    "Hook",
    "Judge",
    "Learner",
    "LearningRate",
    "Progress",
    "ProgressHook",
    "Record",
    "Run",
    "Section",
    "Training",
    "first_fault",
    "fit",
    "known_paths",
    "nearest",
    "read_toml",
    "recipes",
    "undisturbed",
    "versions",
    "write_out",
]

__getattr__ = registry.lazily(__name__, {"loop": ["fit"]})  # it alone needs PyTorch
