"""Attention of the steps of one sequence to those of another.

For a query q_t and the outputs h_1 … h_S of an encoder

    a_ts = softmax over s of score(q_t, h_s),    c_t = Σ_s a_ts h_s ,

where the softmax is over real steps: padding gets exactly zero weight. The classes differ in their
score alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ostinato.errors import ConfigError, UnknownName
from ostinato.nn.pooling import real_steps


@dataclass(frozen=True)
class Memory:
    """The outputs of an encoder, prepared once for all queries.

    Attributes:
        values: the outputs (B, S, K), zero after each sequence's end.
        keys: what queries are compared with (B, S, ·).
        padding: which steps are not real (B, 1, S).
    """

    values: Tensor
    keys: Tensor
    padding: Tensor

    def pick(self, rows: Tensor) -> Memory:
        """The rows (N,) of it, in this order."""
        return Memory(*(t.index_select(0, rows) for t in (self.values, self.keys, self.padding)))


class Attention(nn.Module, ABC):
    """From queries to contexts.

    Args:
        queries: Q, the size of a query.
        keys: K, the size of an output of the encoder.
    """

    def __init__(self, queries: int, keys: int) -> None:
        super().__init__()

    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """The outputs (S, B, K) of sequences of these lengths (B,), ready for queries."""
        real = real_steps(outputs, lengths)  # (S, B, 1)
        values = outputs.where(real, 0).transpose(0, 1)  # 0 weight times NaN is NaN
        return Memory(values, self.keys(values), ~real.permute(1, 2, 0))

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Queries (T, B, Q) → contexts (T, B, K), and the weights a (B, T, S)."""
        scores = self.scores(queries.transpose(0, 1), memory.keys)
        weights = scores.masked_fill(memory.padding, -torch.inf).softmax(-1)
        return (weights @ memory.values).transpose(0, 1), weights

    def keys(self, values: Tensor) -> Tensor:
        """What does not depend on a query: (B, S, K) → (B, S, ·)."""
        return values

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Queries (B, T, Q), keys (B, S, ·) → scores (B, T, S)."""


class Dot(Attention):
    """score(q, h) = q · h (Luong, Pham & Manning 2015); needs Q = K.

    Raises:
        ConfigError: where queries and outputs are of different sizes.
    """

    def __init__(self, queries: int, keys: int) -> None:
        super().__init__(queries, keys)
        if queries != keys:
            raise ConfigError(
                "attention 'dot' requires the same size of decoder and "
                f"encoder, not {queries} and {keys}; use 'general'"
            )

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See the class."""
        return queries @ keys.transpose(1, 2)


class General(Attention):
    """score(q, h) = q · W h (Luong, Pham & Manning 2015)."""

    def __init__(self, queries: int, keys: int) -> None:
        super().__init__(queries, keys)
        self.key = nn.Linear(keys, queries, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        """W h."""
        projected: Tensor = self.key(values)
        return projected

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See the class."""
        return queries @ keys.transpose(1, 2)


class Additive(Attention):
    """score(q, h) = v · tanh(W q + U h + b) (Bahdanau, Cho & Bengio 2015)."""

    def __init__(self, queries: int, keys: int) -> None:
        super().__init__(queries, keys)
        self.query = nn.Linear(queries, queries)
        self.key = nn.Linear(keys, queries, bias=False)
        self.score = nn.Linear(queries, 1, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        """U h."""
        projected: Tensor = self.key(values)
        return projected

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See the class."""
        both = self.query(queries)[:, :, None] + keys[:, None]  # (B, T, S, Q)
        scores: Tensor = self.score(torch.tanh(both)).squeeze(-1)
        return scores


ATTENTIONS: dict[str, type[Attention]] = {"dot": Dot, "general": General, "additive": Additive}


def attention(name: str, queries: int, keys: int) -> Attention:
    """The attention of this name, for queries and outputs of these sizes.

    Raises:
        UnknownName: for an unknown attention.
        ConfigError: for sizes that it cannot bring together.
    """
    if name not in ATTENTIONS:
        raise UnknownName("attention", name, [*ATTENTIONS, "none"])
    return ATTENTIONS[name](queries, keys)
