"""An embedding that says which of its rows it gave, so that equal tokens are projected once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from ostinato.levels.native.context import Distinct

WORTH = 40
"""Numbers of input that a token must save, on average, to be worth the sorting of tokens."""


@dataclass(frozen=True)
class Lookup:
    """Where embedded tokens come from: `weight[tokens]`."""

    weight: Tensor
    tokens: Tensor

    def distinct(self) -> tuple[Tensor, Distinct] | None:
        """The distinct rows (U, E) and which token has which; None where it saves too little."""
        from ostinato.levels.native.context import Distinct

        symbols, features = self.weight.shape
        tokens = self.tokens.reshape(-1).numpy()

        def worth(rows: int) -> bool:
            return (len(tokens) - rows) * features >= WORTH * len(tokens)

        if not worth(1):
            return None
        if worth(2 * symbols):  # an alphabet: all of it, without a look at which are there
            return self.weight, Distinct(tokens.astype(np.int32), symbols)
        seen = np.zeros(symbols, bool)
        seen[tokens] = True
        rows = np.flatnonzero(seen)
        if not worth(len(rows)):
            return None
        number = np.zeros(symbols, np.int32)
        number[rows] = np.arange(len(rows), dtype=np.int32)
        return self.weight[torch.from_numpy(rows)], Distinct(number[tokens], len(rows))


class Embedding(nn.Embedding):
    """`torch.nn.Embedding`, whose result a recurrent layer can trace back to the table.

    A recurrent layer that reads the result as it is computes the products of its input for each
    distinct token instead of each token. Whatever else happens to the result (a dropout, an
    addition) makes a new tensor, which knows nothing of the table, and all goes the usual way.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The rows (…, E) of tokens (…)."""
        embedded = super().forward(input)
        plain = self.max_norm is None and not self.scale_grad_by_freq and not self.sparse
        if plain and self.padding_idx is None and self.weight.device.type == "cpu":
            embedded.lookup = Lookup(self.weight, input)  # type: ignore[attr-defined]
        return embedded


def lookup_of(embedded: Any) -> Lookup | None:
    """The lookup behind a tensor that came from `Embedding` and has not been changed since."""
    lookup: Lookup | None = getattr(embedded, "lookup", None)
    if lookup is None or embedded.is_inference():  # such a tensor keeps no count of its changes
        return None
    return lookup if embedded._version == 0 else None
