"""What the loop needs of a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

from ostinato.train.judge import Judge

B = TypeVar("B")
"""A batch, whatever a task's batches are."""


class Learner(Protocol[B]):
    """A task as the loop sees it.

    Attributes:
        model: what is trained. Where it has an attribute `rates`, that is a dict of the names of
            its parts, such as `bigrams`, to factors of the learning rate for their weights.
        judged_by: what chooses the best epoch.
        state: what is carried from one batch to the next, such as a hidden state; the loop
            empties it where an epoch begins, and checkpoints hold it.
    """

    model: nn.Module
    judged_by: Judge
    state: tuple[Tensor, ...]

    def batches(self, epoch: int) -> Sequence[B]:
        """The batches of an epoch, in an order that only (seed, epoch) decides."""
        ...

    def loss(self, batch: B) -> tuple[Tensor, float, int]:
        """The mean loss of a batch in nats, of how many terms it is the mean, and real tokens.

        Where the mean is weighted, the sum of the weights is the number of terms.
        """
        ...

    def validate(self) -> dict[str, float]:
        """Metrics on what was held out for validation; draws nothing random."""
        ...
