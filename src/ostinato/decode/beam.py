"""Beam search: the most probable continuations, found by keeping the best few at every step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor

from ostinato.decode.limits import MOST_BEAM
from ostinato.errors import ConfigError, check_finite, quoted

States = TypeVar("States")
Step: TypeAlias = Callable[[States, Tensor], tuple[Tensor, States]]
"""From states and the last symbols (N,) to log-probabilities of the next (N, V), and states."""


@dataclass(frozen=True)
class Hypothesis:
    """A continuation that was found.

    Attributes:
        symbols: its symbols, without the end symbol.
        log_probability: of all its symbols, the end symbol included, in nats.
        score: the log-probability divided by the length penalty.
    """

    symbols: tuple[int, ...]
    log_probability: float
    score: float


def pick_rows(states: Any, rows: Tensor) -> Any:
    """States of PyTorch's recurrent layers (L, B, H), alone or nested, at these of their B rows.

    None, where a model starts by itself, stays None.
    """
    if states is None:
        return None
    if isinstance(states, Tensor):
        return states.index_select(1, rows)
    if isinstance(states, dict):
        return {name: pick_rows(state, rows) for name, state in states.items()}
    return type(states)(pick_rows(state, rows) for state in states)


def length_penalty(length: Tensor, alpha: float) -> Tensor:
    """((5 + n) / 6)^α for a length n in symbols, the end symbol included: 1 where n = 1 or α = 0.

    Source: Wu et al. 2016, "Google's Neural Machine Translation System", equation 14.
    """
    return ((5 + length) / 6) ** alpha


def beam_search(
    step: Step[States],
    states: States,
    symbols: Tensor,
    length: int,
    *,
    beam: int = 4,
    best: int = 1,
    end: int | None = None,
    alpha: float = 0.0,
    pick: Callable[[States, Tensor], States] = pick_rows,
) -> list[list[Hypothesis]]:
    """The most probable continuations y of each sequence, by

        score(y) = Σ_t ln p(y_t | y_<t) / ((5 + |y|) / 6)^α .

    At every step each hypothesis is extended by every symbol, and the `beam` best of all
    these are kept; one that has ended stays as it is, as long as it is among the best. A beam
    of 1 is greedy; one of V^length and more is exact. Of equals the one with the better beginning
    comes first, then the one with the lower symbol.

    Args:
        step: one step of a model, for any number of rows.
        states: what the first step reads, one row for each sequence.
        symbols: the first input of each sequence (B,) int64.
        length: the most symbols of a continuation, the end symbol included.
        beam: how many hypotheses are kept for a sequence, at most `MOST_BEAM`.
        best: how many are returned for a sequence, at most `beam`.
        end: the symbol that ends a hypothesis; None where nothing but `length` does.
        alpha: above 0 longer hypotheses are favoured; 0 ranks by probability alone.
        pick: gives states at rows (N,): rows may come several times, and not at all.

    Returns:
        For each sequence its hypotheses, the best first; fewer than `best` where there are no more.

    Raises:
        ConfigError: for numbers out of range.
        NotFinite: when a log-probability is not a number.
    """
    _check(length, best, beam, alpha)
    sequences = torch.arange(len(symbols), device=symbols.device)
    first = sequences[:, None] * beam  # the row of each sequence's first hypothesis
    states = pick(states, sequences.repeat_interleave(beam))
    symbols = symbols.repeat_interleave(beam)
    kept = _Beam.start(symbols, beam)
    for _ in range(length):
        log_p, states = step(states, symbols)
        check_finite(log_p)
        parent, symbol = kept.grow(log_p, end, alpha)
        if end is not None and kept.all_ended():
            break
        states = pick(states, (first + parent).flatten())
        symbols = symbol.flatten()
    return kept.best(best, alpha)


def _check(length: int, best: int, beam: int, alpha: float) -> None:
    for name, value, most in (("length", length, math.inf), ("best", best, MOST_BEAM),
                              ("beam", beam, MOST_BEAM)):  # fmt: skip
        if value < 1:
            raise ConfigError(f"{name}: {value} must be at least 1")
        if value > most:
            raise ConfigError(f"{name}: {quoted(value)} must be at most {most:,}")
    if best > beam:
        raise ConfigError(f"best: {best} must be at least 1 and at most the beam, {beam}")
    if not 0 <= alpha < math.inf:
        raise ConfigError(f"alpha: {alpha} must be at least 0 and finite")


@dataclass
class _Beam:
    """The hypotheses that are kept, `beam` for each of B sequences.

    Attributes:
        total: their log-probabilities (B, beam) in nats; -∞ where there is none.
        lengths: their symbols (B, beam), the end symbol included.
        ended: whether they have ended (B, beam).
        written: their symbols (B, beam, steps).
    """

    total: Tensor
    lengths: Tensor
    ended: Tensor
    written: Tensor

    @classmethod
    def start(cls, symbols: Tensor, beam: int) -> _Beam:
        """Empty hypotheses, to follow symbols (B · beam).

        All of a sequence begin alike, so one of each is enough.
        """
        lengths = torch.zeros_like(symbols).view(-1, beam)
        total = torch.full_like(lengths, -math.inf, dtype=torch.float64)
        total[:, 0] = 0.0
        return cls(total, lengths, lengths.bool(), lengths.new_zeros(*lengths.shape, 0))

    def grow(self, log_p: Tensor, end: int | None, alpha: float) -> tuple[Tensor, Tensor]:
        """Keeps the best of all hypotheses extended by one symbol, and of those that have ended.

        Args:
            log_p: log-probabilities of the next symbol (B · beam, V).
            end: the symbol that ends a hypothesis, if there is one.
            alpha: of the length penalty.

        Returns:
            Which hypothesis each came from, and its new symbol: (B, beam) each.
        """
        (B, beam), V = self.total.shape, log_p.shape[-1]
        grown = self.total[..., None] + log_p.view(B, beam, V)
        if end is not None:  # an ended hypothesis repeats its end, at no cost
            grown = grown.masked_fill(self.ended[..., None], -math.inf)
            grown[..., end] = torch.where(self.ended, self.total, grown[..., end])
        counts = self.lengths + ~self.ended
        scores = grown / length_penalty(counts, alpha)[..., None]
        order = _largest(scores.flatten(1), beam)
        parent, symbol = order // V, order % V
        self.total = grown.flatten(1).gather(1, order)
        self.lengths, self.ended = counts.gather(1, parent), self.ended.gather(1, parent)
        written = self.written.gather(1, parent[..., None].expand_as(self.written))
        self.written = torch.cat([written, symbol[..., None]], 2)
        if end is not None:
            self.ended = self.ended | (symbol == end)
        return parent, symbol

    def all_ended(self) -> bool:
        """Whether no hypothesis can be extended."""
        return bool((self.ended | (self.total == -math.inf)).all())

    def best(self, count: int, alpha: float) -> list[list[Hypothesis]]:
        """The best of each sequence, at most `count`, the best first."""
        scores = self.total / length_penalty(self.lengths, alpha)
        symbols = self.lengths - self.ended.int()
        return [
            [
                Hypothesis(
                    tuple(self.written[b, k, : symbols[b, k]].tolist()),
                    float(self.total[b, k]),
                    float(scores[b, k]),
                )
                for k in range(count)
                if self.total[b, k] > -math.inf
            ]
            for b in range(len(self.total))
        ]


def _largest(scores: Tensor, count: int) -> Tensor:
    """Where the largest of each row (B, N) stand: (B, count), of equals the lower place first.

    Only what is not less than the last of them is sorted: a vocabulary is large, a beam is small.
    """
    last = scores.topk(min(count, scores.shape[1])).values[:, -1:]
    row, place = (scores >= last).nonzero(as_tuple=True)
    if len(place) == count * len(scores) and (torch.bincount(row) == count).all():
        places = place.view(len(scores), count)
        order = scores.gather(1, places).sort(dim=1, descending=True, stable=True).indices
        return places.gather(1, order)
    return scores.sort(dim=1, descending=True, stable=True).indices[:, :count]
