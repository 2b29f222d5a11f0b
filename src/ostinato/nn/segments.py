"""Series read in segments: a recurrent layer takes one step for each stretch of w time steps.

Lin et al. 2023, "SegRNN: segment recurrent neural network for long-term time series forecasting".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Segments(nn.Module):
    """relu(W x + b) of each stretch x of w steps with all its features.

    Args:
        features: D, the numbers of a step.
        width: w, the steps of a segment.
        size: E, the numbers that a segment becomes.
    """

    def __init__(self, features: int, width: int, size: int) -> None:
        super().__init__()
        self.width = width
        self.project = nn.Linear(features * width, size)

    def forward(self, steps: Tensor) -> Tensor:
        """Steps (B, T, D) → segments (⌈T/w⌉, B, E).

        Where w does not divide T, the first step is repeated before the beginning: the end, which
        is the best predictor of what follows, is never cut.
        """
        short = -steps.shape[1] % self.width
        if short:
            steps = torch.cat([steps[:, :1].expand(-1, short, -1), steps], dim=1)
        stretches = steps.reshape(len(steps), -1, self.width * steps.shape[2])  # (B, T/w, w·D)
        return torch.relu(self.project(stretches)).transpose(0, 1)


class Queries(nn.Module):
    """What a recurrent layer is asked for each segment to come: where it is, and what is known.

    The query of segment k of channel c is p_k + q_c + W f_k + V s: learned vectors of the place
    and of the channel, the covariates f_k known of that time, and the static ones s.

    Args:
        places: m, the segments to come; 1 where they are asked for one after the other.
        channels: C, the series that are read apart from one another.
        known: the numbers known of each segment to come, w·F.
        static: S, the numbers known of the whole series.
        size: E.
    """

    def __init__(self, places: int, channels: int, known: int, static: int, size: int) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(places, 1, size))
        self.channel = nn.Parameter(torch.randn(channels, size)) if channels > 1 else None
        self.known = nn.Linear(known, size, bias=False) if known else None
        self.static = nn.Linear(static, size, bias=False) if static else None

    def forward(self, known: Tensor, static: Tensor) -> Tensor:
        """Known (m, B, w·F) and static (B, S) → queries (m, B, E); B goes over channels fastest."""
        query = self.place.expand(-1, known.shape[1], -1)
        if self.channel is not None:
            query = query + self.channel.repeat(known.shape[1] // len(self.channel), 1)
        if self.known is not None:
            query = query + self.known(known)
        if self.static is not None:
            query = query + self.static(static)
        return query
