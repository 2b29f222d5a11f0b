"""An embedding whose result can be traced to its rows, so that equal tokens are projected once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.torch_internals import version

if TYPE_CHECKING:
    from ostinato.levels.native.runtime.rows import Distinct

WORTH = 40
"""Numbers of input that a token must save, on average, to be worth the sorting of tokens."""


@dataclass(frozen=True)
class Lookup:
    """Where embedded tokens come from: `table[tokens]`.

    Attributes:
        table: the embedding's weights (V, E).
        tokens: the tokens (…), a copy: whoever gave them may write others into the same memory.
        place: where the rows were written: (address, shape).
    """

    table: Tensor
    tokens: Tensor
    place: tuple[int, torch.Size]

    def distinct(self) -> Distinct | None:
        """Which tokens are the same; None where it would save too little."""
        from ostinato.levels.native.runtime.rows import Distinct

        symbols, features = self.table.shape
        tokens = self.tokens.reshape(-1).numpy()
        count = len(tokens)
        least = WORTH * count / features  # rows that must be saved
        if count - 1 < least:
            return None
        first = np.full(symbols, -1)
        first[tokens[::-1]] = np.arange(count - 1, -1, -1)
        rows = np.flatnonzero(first >= 0)
        if count - len(rows) < least:
            return None
        number = np.zeros(symbols, np.int32)
        number[rows] = np.arange(len(rows), dtype=np.int32)
        return Distinct(number[tokens], first[rows], rows)


class Embedding(nn.Embedding):
    """`torch.nn.Embedding`, whose result a recurrent layer can trace back to the table.

    A recurrent layer that reads the result as it is computes the products of its input for each
    distinct token instead of each token, and hands their gradients to the table. Whatever else
    happens to the result (a dropout, an addition) makes a new tensor, which knows nothing of the
    table, and all goes the usual way; so do gradients when someone asks for those of the result.
    The rows that are read are always those of the result: where someone has written into it, by
    whatever way, rows of equal tokens are compared and no longer count as one.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The rows (…, E) of tokens (…)."""
        plain = self.max_norm is None and not self.scale_grad_by_freq and not self.sparse
        if not plain or self.padding_idx is not None:
            return super().forward(input)
        table = self.weight  # once: a parametrization makes it anew each time
        embedded = nn.functional.embedding(input, table)
        # A tensor of inference mode keeps no count of changes.
        if table.device.type == "cpu" and not embedded.is_inference():
            place = embedded.data_ptr(), embedded.shape
            embedded.lookup = Lookup(table, input.clone(), place)  # type: ignore[attr-defined]
        return embedded


class Tied(nn.Module):
    """A linear map with the weights of an embedding: y = x Eᵀ + b.

    Press & Wolf, "Using the Output Embedding to Improve Language Models", EACL 2017; Inan et al.,
    "Tying Word Vectors and Word Classifiers", ICLR 2017.

    Args:
        embedding: its table is E (V, E); the module keeps b (V,) alone.
    """

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self._embedding = (embedding,)  # not a part of this module
        self.bias = nn.Parameter(embedding.weight.new_zeros(embedding.num_embeddings))

    @property
    def weight(self) -> Tensor:
        """The table of the embedding (V, E), as it is now."""
        return self._embedding[0].weight

    def forward(self, input: Tensor) -> Tensor:
        """Vectors (…, E) → logits (…, V)."""
        return nn.functional.linear(input, self.weight, self.bias)


def lookup_of(embedded: object) -> Lookup | None:
    """The lookup behind a tensor that came from `Embedding`.

    None where PyTorch has counted a change of it since; some changes it does not count (through
    `.data`, through NumPy), so that `Distinct.holds` must say whether equal rows still are equal.
    """
    lookup: Lookup | None = getattr(embedded, "lookup", None)
    if lookup is None or not isinstance(embedded, Tensor) or version(embedded):
        return None
    return lookup if lookup.place == (embedded.data_ptr(), embedded.shape) else None
