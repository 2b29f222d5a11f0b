"""What the networks of all tasks have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

from ostinato.nn import Recurrent
from ostinato.tasks.base.batch import Batch
from ostinato.tasks.base.parts import Part

B = TypeVar("B", bound=Batch)
Y = TypeVar("Y")


class Network(nn.Module, ABC, Generic[B, Y]):
    """A network: a batch in, outputs out, on any device.

    Attributes:
        recurrent: its recurrent stack; the first one, where it has several.
        rates: factors of the learning rate for the weights of parts, by the parts' names.
    """

    recurrent: Recurrent
    rates: dict[str, float]

    @abstractmethod
    def embed(self, batch: B) -> Tensor:
        """A batch as vectors, one for each step: what attribution looks at."""

    @abstractmethod
    def run(self, embedded: Tensor, batch: B) -> Y:
        """From embedded steps to outputs."""

    def forward(self, batch: B) -> Y:
        """Both in a row."""
        return self.run(self.embed(batch), batch)

    @abstractmethod
    def parts(self) -> list[Part]:
        """What it is made of, in the order in which data goes through."""

    def stacks(self) -> dict[str, Recurrent]:
        """Every recurrent stack by its path in the module, such as `encoder.recurrent`."""
        named = self.named_modules()
        return {name: module for name, module in named if isinstance(module, Recurrent)}


AnyNetwork = Network[Any, Any]
"""The network of some task."""
