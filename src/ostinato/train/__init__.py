"""Training: the one loop, its settings, and the run folder it leaves."""

from ostinato.train.config import Section, Training, read_toml
from ostinato.train.loop import Learner, Progress, fit
from ostinato.train.run import Run, versions

__all__ = [
    "Learner",
    "Progress",
    "Run",
    "Section",
    "Training",
    "fit",
    "read_toml",
    "versions",
]
