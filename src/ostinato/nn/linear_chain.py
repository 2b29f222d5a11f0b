"""Sums and searches over all label sequences of a linear chain.

A sequence of labels y_1 … y_T of one of B sequences has the score

    s(y) = start[y_1] + Σ_t emissions[t, y_t] + Σ_t transitions[y_{t-1}, y_t] + end[y_T]

Emissions are (T, B, K), lengths (B,) from 1 to T, start and end (K,), transitions (K, K) from the
row's label to the column's. A score of -inf forbids. What stands behind a sequence's end is
never read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_NEVER = -1e30
"""What stands for -inf where that would make the gradient NaN; finite after thousands of steps."""


def log_partition_plain(
    emissions: Tensor, lengths: Tensor, start: Tensor, transitions: Tensor, end: Tensor
) -> Tensor:
    """ln Σ_y exp s(y) for each sequence (B,), as the recursion is written.

    a_1[k] = start[k] + emissions[1, k];
    a_t[k] = ln Σ_j exp(a_{t-1}[j] + transitions[j, k]) + emissions[t, k].

    About -1e30 where every sequence is forbidden.
    """
    emissions, start, transitions, end = (
        scores.clamp(min=_NEVER) for scores in (emissions, start, transitions, end)
    )
    score = start + emissions[0]
    for t in range(1, len(emissions)):
        after = torch.logsumexp(score[:, :, None] + transitions, 1) + emissions[t]
        score = torch.where((t < lengths)[:, None], after, score)
    return torch.logsumexp(score + end, 1)


def log_partition(
    emissions: Tensor, lengths: Tensor, start: Tensor, transitions: Tensor, end: Tensor
) -> Tensor:
    """As `log_partition_plain`, with matrix products in place of sums of exponentials.

    Forward variables are kept as probabilities that sum to 1 at each step (Rabiner 1989), in
    float64; the gradient is the expected counts of labels and pairs, by one pass backward. Where
    float64 is too narrow for the scores, the plain way is gone. Has no second derivatives.
    """
    total: Tensor = _Partition.apply(  # type: ignore[no-untyped-call]
        emissions, lengths, start, transitions, end
    )
    if bool(torch.isfinite(total).all()):
        return total
    return log_partition_plain(emissions, lengths, start, transitions, end)


def marginals(
    emissions: Tensor, lengths: Tensor, start: Tensor, transitions: Tensor, end: Tensor
) -> Tensor:
    """The probability of each label at each step, given the whole sequence (T, B, K).

    It is the gradient of the log-partition by the emissions; zero behind a sequence's end.
    """
    with torch.enable_grad():
        free = emissions.detach().requires_grad_()
        total = log_partition(free, lengths, start.detach(), transitions.detach(), end.detach())
        return torch.autograd.grad(total.sum(), free)[0]


class _Chain(NamedTuple):
    """What the forward pass leaves, the longest sequence first, in float64."""

    active: list[int]  # sequences that have step t
    emitted: Tensor  # exp(emissions - their largest) (T, B, K)
    moved: Tensor  # exp(transitions - their largest) (K, K)
    ended: Tensor  # exp(end - its largest) (K,)
    alpha: Tensor  # P(y_t | what was read up to t) (T, B, K)
    scale: Tensor  # what it was divided by (T, B), 1 behind the end
    last: Tensor  # exp(end) under the last alpha (B,)


class _Partition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *scores: Tensor) -> Tensor:
        emissions, lengths, start, transitions, end = scores
        order = lengths.argsort(descending=True, stable=True)
        sizes = lengths[order]
        steps = torch.arange(len(emissions), device=sizes.device)
        real = steps[:, None] < sizes  # (T, B)
        wide = emissions[:, order].double().masked_fill(~real[:, :, None], 0)
        highest = wide.amax(-1)
        emitted = (wide - highest[:, :, None]).exp_()
        moved, tallest = _scaled(transitions)
        ended, latest = _scaled(end)
        begun, first = _scaled(start)
        active: list[int] = real.sum(1).tolist()
        alpha, scale = torch.zeros_like(emitted), torch.ones_like(highest)
        now = begun * emitted[0]
        for t, n in enumerate(active):
            if t:
                now = (alpha[t - 1, :n] @ moved).mul_(emitted[t, :n])
            torch.sum(now, -1, out=scale[t, :n])
            torch.div(now, scale[t, :n, None], out=alpha[t, :n])
        rows = torch.arange(len(sizes), device=sizes.device)
        last = alpha[sizes - 1, rows] @ ended
        total = scale.log().sum(0) + (highest * real).sum(0) + last.log()
        total += first + latest + (sizes - 1) * tallest
        ctx.order, ctx.sizes, ctx.types = order, sizes, [s.dtype for s in scores]
        ctx.chain = _Chain(active, emitted, moved, ended, alpha, scale, last)
        return total[order.argsort()].to(emissions.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        active, emitted, moved, ended, alpha, scale, last = ctx.chain
        sizes = ctx.sizes
        weight = upstream[ctx.order].double()
        beta = torch.zeros_like(alpha)
        rows = torch.arange(len(sizes), device=sizes.device)
        beta[sizes - 1, rows] = ended / last[:, None]
        ahead = torch.zeros_like(alpha)  # what step t hands back: emitted · beta / scale
        for t in range(len(active) - 1, 0, -1):
            n = active[t]
            torch.mul(emitted[t, :n], beta[t, :n], out=ahead[t, :n])
            ahead[t, :n] /= scale[t, :n, None]
            torch.mm(ahead[t, :n], moved.T, out=beta[t - 1, :n])
        at = alpha * beta * weight[:, None]  # expected counts of labels
        before = alpha[:-1] * weight[:, None]
        pairs = moved * (before.flatten(0, 1).T @ ahead[1:].flatten(0, 1))
        of_emissions = at[:, ctx.order.argsort()]
        _, _, *types = ctx.types
        by_parameter = (at[0].sum(0), pairs, at[sizes - 1, rows].sum(0))
        return (
            of_emissions.to(ctx.types[0]),
            None,
            *(counts.to(kind) for counts, kind in zip(by_parameter, types, strict=True)),
        )


def _scaled(scores: Tensor) -> tuple[Tensor, Tensor]:
    """exp(scores - the largest), and the largest."""
    wide = scores.detach().double()
    largest = wide.max()
    return (wide - largest).exp(), largest


def best_paths(
    emissions: Tensor,
    lengths: Tensor,
    start: Tensor,
    transitions: Tensor,
    end: Tensor,
    n: int = 1,
) -> list[list[tuple[float, list[int]]]]:
    """The n label sequences of the highest scores, the best first: (score, labels).

    Viterbi's algorithm, with the n best ways into each label kept instead of one (Seshadri &
    Sundberg 1994). Fewer than n where no more are allowed.
    """
    T, B, K = emissions.shape
    order = lengths.argsort(descending=True, stable=True)
    sizes = lengths[order]
    emissions = emissions[:, order]
    steps = torch.arange(T, device=sizes.device)
    active: list[int] = (steps[:, None] < sizes).sum(1).tolist()
    score = emissions.new_full((B, n, K), -torch.inf)  # the n best ways into each label
    score[:, 0] = start + emissions[0]
    back = []
    for t in range(1, int(sizes[0])):
        rows = active[t]
        each = (score[:rows, :, :, None] + transitions).flatten(1, 2)  # (rows, n · K, K)
        found, came = each.max(1, keepdim=True) if n == 1 else each.topk(n, 1)
        score[:rows] = found + emissions[t, :rows, None]
        back.append(came.flatten(1))  # which way, numbered rank · K + label
    found, way = (score + end).flatten(1).topk(min(n, n * K), 1)
    ways = [way]
    for t in range(len(back), 0, -1):
        rows = active[t]
        way = way.clone()
        way[:rows] = back[t - 1].gather(1, way[:rows])
        ways.append(way)
    # Of a sequence shorter than T the last labels repeat, and are cut off.
    labels = (torch.stack(ways[::-1]) % K).permute(1, 2, 0).tolist()  # (B, n, T)
    scores = found.tolist()
    return [
        [
            (value, path[:length])
            for value, path in zip(scores[row], labels[row], strict=True)
            if value > -torch.inf
        ]
        for row, length in zip(order.argsort().tolist(), lengths.tolist(), strict=True)
    ]
