"""The network of a generator: symbols → embedding → recurrent stack → logits of the next symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.equation import Cell
from ostinato.errors import ConfigError
from ostinato.nn import Dropout, Embedding, Tied, engines
from ostinato.nn.dropout import dropout
from ostinato.nn.encoder import States
from ostinato.nn.engine import StreamingEngine
from ostinato.tasks.base.batch import Batch
from ostinato.tasks.base.network import Network
from ostinato.tasks.base.parts import Part, embedding_part, layer_parts, linear_part
from ostinato.tasks.generate.settings import GenerateNetworkSettings


@dataclass(frozen=True)
class GenerateBatch(Batch):
    """Texts as the network takes them.

    Attributes:
        symbols: (T, B) int64.
        lengths: (B,) int64; None where all have T symbols.
    """

    symbols: Tensor
    lengths: Tensor | None = None


class GenerateOutputs(NamedTuple):
    """What the network makes of a batch.

    Attributes:
        logits: of the symbol after each step (T, B, V).
        states: of the recurrent stack after the last step, each (L, B, ·).
    """

    logits: Tensor
    states: States


class GenerateNetwork(Network[GenerateBatch, GenerateOutputs]):
    """A language model: the logits of the next symbol at every step.

    With `variational_dropout` the outputs of the last layer, too, have the same mask at each step.

    Args:
        cell: the recurrence.
        settings: sizes and noise.
        symbols: V.

    Raises:
        ConfigError: when the output layer is to be tied to an embedding of another size.
    """

    def __init__(self, cell: Cell, settings: GenerateNetworkSettings, symbols: int) -> None:
        super().__init__()
        self.embedding = Embedding(symbols, settings.embedding)
        self.recurrent = settings.recurrent(cell)
        self.dropout = Dropout(settings.dropout)
        self.embedding_dropout = settings.embedding_dropout
        self.output = self._output(settings.tied, symbols)

    def _output(self, tied: bool, symbols: int) -> nn.Linear | Tied:
        width, features = self.recurrent.output_size, self.embedding.embedding_dim
        if not tied:
            return nn.Linear(width, symbols)
        if width != features:
            raise ConfigError(
                f"model.tied requires an embedding as wide as the output of the recurrent layers: "
                f"set model.embedding to {width}, not {features}"
            )
        nn.init.normal_(self.embedding.weight, std=features**-0.5)
        return Tied(self.embedding)

    def embed(self, batch: GenerateBatch) -> Tensor:
        """Symbols as vectors (T, B, E)."""
        embedded: Tensor = self.embedding(batch.symbols)
        if self.training and self.embedding_dropout:
            kept = dropout(embedded.new_ones(len(self.embedding.weight), 1), self.embedding_dropout)
            embedded = embedded * kept[batch.symbols]
        return embedded

    def run(
        self, embedded: Tensor, batch: GenerateBatch, states: States | None = None
    ) -> GenerateOutputs:
        """Vectors (T, B, E), and the states before them unless these are zero → outputs."""
        outputs, after = self.read(embedded, batch, states)
        return GenerateOutputs(self.head(outputs), after)

    def read(
        self, embedded: Tensor, batch: GenerateBatch, states: States | None = None
    ) -> tuple[Tensor, States]:
        """Vectors (T, B, E) → what the output layer reads (T, B, H), and the states after them."""
        first = states[0] if states and len(states) == 1 else states
        outputs, last = self.recurrent(embedded, first, lengths=batch.lengths)
        after = (last,) if isinstance(last, Tensor) else tuple(last)
        if self.training:
            outputs = self.dropout(outputs)
            mask = outputs.new_ones(outputs.shape[-2:])
            outputs = outputs * dropout(mask, self.recurrent.variational_dropout)
        return outputs, after

    def head(self, outputs: Tensor) -> Tensor:
        """What the output layer reads (…, H) → logits (…, V)."""
        return nn.functional.linear(outputs, self.output.weight, self.output.bias)

    def forward(self, batch: GenerateBatch, states: States | None = None) -> GenerateOutputs:
        """`embed` and `run`; a text may be read in pieces, each given the states before it."""
        return self.run(self.embed(batch), batch, states)

    def stream(self) -> SymbolStream:
        """One text, symbol by symbol."""
        return SymbolStream(self)

    def parts(self) -> list[Part]:
        """See `Network`."""
        gives = f"B × T × {len(self.output.weight)} logits"
        output = linear_part(self.output, "output", "output", gives)
        return [embedding_part(self.embedding), *layer_parts(self.recurrent), output]


class SymbolStream:
    """One text that a network, as it is now, reads symbol by symbol.

    Every step is one of the network's `forward`, given the states before it; where the engine has
    a stream, this runs the recurrent layers.

    Args:
        network: the network, which is put into evaluation.
    """

    def __init__(self, network: GenerateNetwork) -> None:
        self._network = network.eval()
        # What `embed` looks up and `head` applies, bound once: a step takes microseconds.
        self._rows = network.embedding.weight.detach().cpu().numpy()
        self._head = network.output.weight.detach(), network.output.bias.detach()
        engine = engines.find(network.recurrent.level(training=False))
        streams = isinstance(engine, StreamingEngine)
        self._steps = network.recurrent.stream() if streams else None
        self._states: States | None = None

    def read(self, symbols: Sequence[int]) -> Tensor:
        """Reads at least one symbol more → logits of the next one (V,)."""
        if self._steps is None:
            return self._forward(symbols)
        for symbol in symbols:
            output = self._steps.step(self._rows[symbol])
        return nn.functional.linear(torch.from_numpy(output), *self._head)

    @torch.no_grad()
    def _forward(self, symbols: Sequence[int]) -> Tensor:
        network = self._network
        device = network.output.weight.device
        batch = GenerateBatch(torch.tensor(symbols, device=device)[:, None])
        logits, self._states = network(batch, self._states)
        last: Tensor = logits[-1, 0].clone()
        return last

    @property
    def states(self) -> States:
        """The states after what was read, each (L, 1, ·); what is read next follows them."""
        if self._steps is None:
            return self._states or ()
        layers = self._steps.states
        return tuple(
            torch.from_numpy(np.stack(state))[:, None] for state in zip(*layers, strict=True)
        )

    @states.setter
    def states(self, new: States) -> None:
        if self._steps is None:
            self._states = new
        else:
            layers = zip(*(state[:, 0].numpy() for state in new), strict=True)
            self._steps.states = [list(layer) for layer in layers]
