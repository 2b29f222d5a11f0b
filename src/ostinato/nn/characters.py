"""Words as they are spelt: a recurrent encoder over characters."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ostinato.equation import Cell
from ostinato.nn.embedding import Embedding
from ostinato.nn.recurrent import Recurrent


class CharacterEncoder(nn.Module):
    """[state after the last character; state after the first, read backwards] of each word.

    A word that comes several times in a batch is read once: `distinct` says which words there
    are, and `which` where each stands.

    Source: Ling et al. 2015; Lample et al. 2016, "Neural architectures for named entity
    recognition".

    Args:
        cell: the recurrence.
        symbols: how many characters there are.
        features: features of a character.
        hidden: hidden units of a direction.
        options: what `Recurrent` takes besides.

    Attributes:
        output_size: F, features of a word.
    """

    def __init__(
        self, cell: Cell, symbols: int, features: int, hidden: int, **options: Any
    ) -> None:
        super().__init__()
        self.embedding = Embedding(symbols, features)
        self.recurrent = Recurrent(cell, features, hidden, bidirectional=True, **options)
        self.output_size = 2 * self.recurrent.output_size

    def forward(self, distinct: Tensor, lengths: Tensor, which: Tensor) -> Tensor:
        """Features of each word.

        Args:
            distinct: characters of the different words (W, C) int64.
            lengths: how many each has (W,), at least 1.
            which: the words of the batch (…), each as its row in `distinct`.

        Returns:
            (…, F).
        """
        _, states = self.recurrent(self.embedding(distinct.T), lengths=lengths)
        last = states if isinstance(states, Tensor) else states[0]  # (2, W, H)
        return nn.functional.embedding(which, last.transpose(0, 1).flatten(1))
