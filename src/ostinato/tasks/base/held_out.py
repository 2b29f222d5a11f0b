"""The held-out set of a task: what a trained model is judged by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, TypeAlias

from torch import Tensor

from ostinato.errors import ConfigError
from ostinato.tasks.base.estimator import Estimator
from ostinato.tasks.base.network import AnyNetwork
from ostinato.train import Run

Given: TypeAlias = tuple[Any, ...]
"""What an estimator's `fit` is given: texts and labels, sentences and tags, series, …."""
Judged: TypeAlias = dict[str, Any]
"""What is found of a model, as plain data."""
SEQUENCES = 32
"""The sequences over which gradients are averaged."""
REACH = 150
"""The steps back from the end of a sequence that gradients are reported for."""


class HeldOut(ABC):
    """What is held out, of one task."""

    kind: ClassVar[type[Estimator[Any]]]
    """The estimators that it is set to."""
    metric: str
    """What a model is judged by; it is also a key of `judge` and of a trained model's history."""
    lower: bool
    """Whether less of it is better."""
    biased: bool = False
    """Whether it also chose the best epoch, so that a model looks better on it than it is."""
    training: Given | None = None
    """What the run was trained on, for a baseline beside it; None where that is not known."""

    @classmethod
    @abstractmethod
    def read(cls, data: str, estimator: Any, run: Run) -> Self:
        """What a run is judged by, in data of a name: of its own data the part held out."""

    @classmethod
    def read_files(cls, data: Sequence[str], estimator: Any, run: Run) -> Self:
        """As `read`, for a task whose data may lie in several files.

        Raises:
            ConfigError: where they lie in one.
        """
        if len(data) > 1:
            raise ConfigError(
                f"--data: runs of this task are evaluated on one file, not {len(data)}"
            )
        return cls.read(data[0], estimator, run)

    @abstractmethod
    def __len__(self) -> int:
        """How many texts or symbols are held out."""

    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what is held out."""

    @classmethod
    @abstractmethod
    def trained_on(cls, training: Given) -> str:
        """The hash of what `fit` is given, as it writes it into the manifest."""

    @abstractmethod
    def judge(self, estimator: Any) -> Judged:
        """How a trained model does: the metric, `scores` of every part, and what else there is.

        Where a baseline answers with the network, `alone` is the metric of each of them.
        """

    @abstractmethod
    def baseline(self, settings: Any, training: Given) -> Judged:
        """The same of the task's baseline, trained on what an estimator is trained on."""

    @abstractmethod
    def loss(self, estimator: Any, network: AnyNetwork) -> Callable[[], Tensor]:
        """The loss whose gradient is looked at: a sum over sequences, at the end of each."""

    def shown(self, estimator: Any) -> Judged:
        """What a page shows of a trained model besides, by name; nothing unless a task says so."""
        return {}
