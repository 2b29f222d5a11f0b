"""A conditional random field over label sequences: the output layer of a tagger."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.nn.linear_chain import best_paths, log_partition, marginals

REDUCTIONS = ("none", "sum", "mean", "token_mean")
IMPOSSIBLE = -1e29
"""A log-likelihood below this stands for a probability of 0."""


class Constraints(NamedTuple):
    """Which labels may begin a sequence, follow each other, and end it.

    Attributes:
        start: whether a label may be the first (K,).
        transitions: whether the column's label may follow the row's (K, K).
        end: whether a label may be the last (K,).
    """

    start: Tensor
    transitions: Tensor
    end: Tensor


class CRF(nn.Module):
    """P(y | x) = exp(s(y) - ln Σ_y' exp s(y')) with s as in `ostinato.nn.linear_chain`.

    A drop-in replacement of `torchcrf.CRF` (pytorch-crf 0.7.2): same constructor, parameter names,
    methods and results; with additional constraints, partial labels, marginals and n-best.

    Source: Lafferty, McCallum & Pereira 2001; partial labels: Bellare & McCallum 2007.

    Args:
        num_tags: K.
        batch_first: whether batches are (B, T, ·) instead of (T, B, ·).
        constraints: what is forbidden has probability 0, whatever the weights; None allows all.

    Parameters are `start_transitions` (K,), `end_transitions` (K,) and `transitions` (K, K) from
    the row's label to the column's, and start uniform in ±0.1.

    Raises:
        ValueError: when there are no labels, or the constraints are of another size.
    """

    _may_start: Tensor
    _may_transitions: Tensor
    _may_end: Tensor

    def __init__(
        self,
        num_tags: int,
        batch_first: bool = False,
        *,
        constraints: Constraints | None = None,
    ) -> None:
        if num_tags < 1:
            raise ValueError(f"num_tags must be at least 1, not {num_tags}")
        super().__init__()
        self.num_tags, self.batch_first = num_tags, batch_first
        self.start_transitions = nn.Parameter(torch.empty(num_tags))
        self.end_transitions = nn.Parameter(torch.empty(num_tags))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags))
        sizes = [(num_tags,), (num_tags, num_tags), (num_tags,)]
        given = constraints or Constraints(*(torch.ones(s, dtype=torch.bool) for s in sizes))
        for name, allowed, size in zip(Constraints._fields, given, sizes, strict=True):
            if tuple(allowed.shape) != size:
                raise ValueError(f"constraints: {name} is {tuple(allowed.shape)}, not {size}")
            self.register_buffer(f"_may_{name}", allowed.bool(), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all weights anew, uniform in ±0.1."""
        for weight in self.parameters():
            nn.init.uniform_(weight, -0.1, 0.1)

    def extra_repr(self) -> str:
        """What `repr` says of it."""
        return f"num_tags={self.num_tags}"

    def forward(
        self,
        emissions: Tensor,
        tags: Tensor,
        mask: Tensor | None = None,
        reduction: str = "sum",
    ) -> Tensor:
        """The log-likelihood of labels, in nats.

        Args:
            emissions: (T, B, K), with `batch_first` (B, T, K).
            tags: labels (T, B) int64, of which a negative one says that the label is not known;
                or sets of labels (T, B, K) bool, each step's of which one is right. Then it is
                the log-likelihood of all label sequences that agree.
            mask: which steps are real (T, B), each sequence's first ones; None: all.
            reduction: `none` gives each sequence's (B,), `sum`, `mean` over sequences, or
                `token_mean` over real steps.

        Raises:
            ValueError: for shapes that do not fit, and labels that the constraints forbid.
        """
        if reduction not in REDUCTIONS:
            raise ValueError(f"invalid reduction: {reduction}; one of {', '.join(REDUCTIONS)}")
        emissions, lengths = self._sequences(emissions, mask)
        tags = tags.transpose(0, 1) if self.batch_first else tags
        wanted = tuple(emissions.shape) if tags.dtype == torch.bool else emissions.shape[:2]
        if tuple(tags.shape) != tuple(wanted):
            raise ValueError(f"tags are {tuple(tags.shape)}, not {tuple(wanted)}")
        steps = torch.arange(len(emissions), device=lengths.device)
        real = steps[:, None] < lengths  # (T, B)
        scores = self._scores()
        if tags.dtype == torch.bool or bool((tags[real] < 0).any()):
            agreeing = emissions.masked_fill(~_sets(tags, self.num_tags), -torch.inf)
            numerator = log_partition(agreeing, lengths, *scores)
        else:
            numerator = self._score(emissions, tags, lengths, real)
        if bool((numerator < IMPOSSIBLE).any()):
            raise ValueError("tags contain a transition that the constraints forbid")
        likelihood = numerator - log_partition(emissions, lengths, *scores)
        match reduction:
            case "none":
                return likelihood
            case "sum":
                return likelihood.sum()
            case "mean":
                return likelihood.mean()
        return likelihood.sum() / lengths.sum()

    def decode(self, emissions: Tensor, mask: Tensor | None = None) -> list[list[int]]:
        """The most likely labels of each sequence (Viterbi 1967), as long as it is."""
        return [paths[0][1] for paths in self.n_best(emissions, mask, 1)]

    @torch.no_grad()
    def n_best(
        self, emissions: Tensor, mask: Tensor | None = None, n: int = 5
    ) -> list[list[tuple[float, list[int]]]]:
        """The n most likely label sequences of each sequence, with their scores s(y).

        A score minus the log-partition is a sequence's log-likelihood. There are fewer than n
        where the constraints leave no more.

        Raises:
            ValueError: when n is less than 1, or the constraints leave no sequence at all.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        emissions, lengths = self._sequences(emissions, mask)
        found = best_paths(emissions, lengths, *self._scores(), n=n)
        if not all(found):
            raise ValueError("the constraints allow no sequence of this length")
        return found

    def marginals(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """P(y_t = k | x) for each step and label, shaped as the emissions; 0 behind the end."""
        emissions, lengths = self._sequences(emissions, mask)
        found = marginals(emissions, lengths, *self._scores())
        return found.transpose(0, 1) if self.batch_first else found

    def log_partition(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """ln Σ_y exp s(y) over all label sequences that are allowed (B,), in nats."""
        return log_partition(*self._sequences(emissions, mask), *self._scores())

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start, transitions and end, with -inf where it is forbidden."""
        start, transitions, end = (
            weight.masked_fill(~allowed, -torch.inf)
            for weight, allowed in (
                (self.start_transitions, self._may_start),
                (self.transitions, self._may_transitions),
                (self.end_transitions, self._may_end),
            )
        )
        return start, transitions, end

    def _score(self, emissions: Tensor, tags: Tensor, lengths: Tensor, real: Tensor) -> Tensor:
        """s(y) of each sequence (B,)."""
        start, transitions, end = self._scores()
        tags = tags.where(real, 0)  # what stands behind the end may be anything
        emitted = emissions.gather(2, tags[:, :, None]).squeeze(2).where(real, 0)
        moved = transitions[tags[:-1], tags[1:]].where(real[1:], 0)
        last = tags[lengths - 1, torch.arange(len(lengths), device=lengths.device)]
        return start[tags[0]] + emitted.sum(0) + moved.sum(0) + end[last]

    def _sequences(self, emissions: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Emissions (T, B, K) and lengths (B,), checked."""
        if emissions.dim() != 3 or emissions.shape[2] != self.num_tags:
            raise ValueError(
                f"emissions must have 3 dimensions, the last of size {self.num_tags}; "
                f"they are {tuple(emissions.shape)}"
            )
        if mask is not None and tuple(mask.shape) != tuple(emissions.shape[:2]):
            raise ValueError(f"mask is {tuple(mask.shape)}, not {tuple(emissions.shape[:2])}")
        if self.batch_first:
            emissions = emissions.transpose(0, 1)
            mask = None if mask is None else mask.transpose(0, 1)
        steps, batch = emissions.shape[:2]
        if not steps or not batch:
            raise ValueError(
                f"there are {batch} sequences of {steps} steps; there is nothing to label"
            )
        if mask is None:
            return emissions, torch.full((batch,), steps, device=emissions.device)
        mask = mask.bool()
        if not bool(mask[0].all()):
            raise ValueError("mask of the first timestep must all be on")
        if bool((mask[1:] & ~mask[:-1]).any()):
            raise ValueError("mask has a gap: the real steps of a sequence must come first")
        return emissions, mask.sum(0)


def _sets(tags: Tensor, labels: int) -> Tensor:
    """Labels (T, B), negative where not known, as sets (T, B, K); sets as they are."""
    if tags.dtype == torch.bool:
        return tags
    known = torch.arange(labels, device=tags.device) == tags[:, :, None]
    return known | (tags < 0)[:, :, None]
