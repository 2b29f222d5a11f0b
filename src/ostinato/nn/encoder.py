"""An encoder: from a sequence of symbols to an output for each, and the last states."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.nn.dropout import Dropout
from ostinato.nn.embedding import Embedding
from ostinato.nn.recurrent import Recurrent

States = tuple[Tensor, ...]
"""The states of a recurrent stack, each (L, B, ·), in the cell's order."""


class Encoder(nn.Module):
    """Embedded symbols into a recurrent stack that may be bidirectional.

    Args:
        embedding: of the symbols.
        recurrent: the stack.
        dropout: on embeddings.
    """

    def __init__(self, embedding: Embedding, recurrent: Recurrent, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding, self.recurrent = embedding, recurrent
        self.dropout = Dropout(dropout)
        self.output_size = recurrent.output_size * len(recurrent.directions)

    def forward(self, symbols: Tensor, lengths: Tensor) -> tuple[Tensor, States]:
        """Symbols (S, B), lengths (B,) → outputs (S, B, K), zero behind each end, and the states.

        A state (L, B, ·) is that after each sequence's last real symbol; of two directions, each
        at its own end, they stand side by side.
        """
        return self.run(self.embed(symbols), lengths)

    def embed(self, symbols: Tensor) -> Tensor:
        """Symbols (S, B) as vectors (S, B, E)."""
        embedded: Tensor = self.dropout(self.embedding(symbols))
        return embedded

    def run(self, embedded: Tensor, lengths: Tensor) -> tuple[Tensor, States]:
        """As `forward`, of vectors (S, B, E)."""
        outputs, last = self.recurrent(embedded, lengths=lengths)
        states = (last,) if isinstance(last, Tensor) else tuple(last)
        directions = len(self.recurrent.directions)
        return outputs, tuple(_side_by_side(state, directions) for state in states)


class Bridge(nn.Module):
    """From the last states of an encoder to the first ones of a decoder: s' = W s + b.

    Each layer and each state has a W of its own.

    Args:
        layers: L.
        sizes: for each state how many units the encoder's has, and the decoder's.
    """

    def __init__(self, layers: int, sizes: list[tuple[int, int]]) -> None:
        super().__init__()
        self.maps = nn.ModuleList(
            nn.Linear(before, after) for before, after in sizes for _ in range(layers)
        )
        self.layers = layers

    def forward(self, states: States) -> States:
        """States (L, B, ·), each of its own size."""
        mapped = [
            linear(layer)
            for linear, layer in zip(self.maps, (s for state in states for s in state), strict=True)
        ]
        groups = range(0, len(mapped), self.layers)
        return tuple(torch.stack(mapped[k : k + self.layers]) for k in groups)


def _side_by_side(state: Tensor, directions: int) -> Tensor:
    """(L·directions, B, H) → (L, B, directions·H)."""
    rows, batch, units = state.shape
    layers = state.view(rows // directions, directions, batch, units)
    return layers.transpose(1, 2).flatten(2)
