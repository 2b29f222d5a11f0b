"""The network of a forecast: segments → recurrent stack → a query for each segment to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from ostinato.equation import Cell
from ostinato.nn import Queries, Segments
from ostinato.tasks.base.batch import Batch
from ostinato.tasks.base.network import Network
from ostinato.tasks.base.parts import Part, layer_parts, parameters_of
from ostinato.tasks.forecast.settings import ForecastNetworkSettings

_LEAST, _MOST = 1e-3, 20.0  # of a value over the mean, the least that is read; the most, its ln
State: TypeAlias = Tensor | Sequence[Tensor]
"""The states of a recurrent stack, as `Recurrent` gives them."""


class ForecastShape(NamedTuple):
    """The numbers of a step, by kind, and the steps of a horizon.

    Attributes:
        targets: C. past: P. future: F, the calendar included. static: S. horizon: H.
    """

    targets: int
    past: int
    future: int
    static: int
    horizon: int


@dataclass(frozen=True)
class ForecastBatch(Batch):
    """Windows as the network takes them, on the scale of training.

    Attributes:
        past: targets, past and future covariates of the look-back (B, L, C+P+F).
        future: future covariates and the calendar of the horizon (B, H, F).
        static: covariates of the whole series (B, S).
        mean, deviation: of each target in training (B, C) float64, in units of the data.
        simple: quantiles of the simple forecast that answers with the network (B, H, C, Q), if one
            does.
    """

    on_cpu: ClassVar[frozenset[str]] = frozenset({"mean", "deviation", "simple"})

    past: Tensor
    future: Tensor
    static: Tensor
    mean: Tensor
    deviation: Tensor
    simple: Tensor | None = None


class ForecastNetwork(Network[ForecastBatch, Tensor]):
    """Lin et al. 2023, "SegRNN", over any cell, with covariates and quantiles.

    A look-back is read in segments of w steps. Then either each of the m segments to come is asked
    for at once, with a query of its own, from the state after the look-back ("direct", theirs), or
    one after the other, each being read like those of the look-back before the next ("recursive").
    """

    def __init__(self, cell: Cell, settings: ForecastNetworkSettings, shape: ForecastShape) -> None:
        super().__init__()
        self.settings, self.shape = settings, shape
        w = settings.segment
        self.apart = settings.channels == "apart"
        self.own = 1 if self.apart else shape.targets  # targets in one sequence
        self.levels = max(1, len(settings.quantiles))
        places = -(-shape.horizon // w) if settings.decoding == "direct" else 1
        channels = shape.targets if self.apart else 1
        features = self.own + shape.past + shape.future
        self.segments = Segments(features, w, settings.embedding)
        self.queries = Queries(places, channels, w * shape.future, shape.static, settings.embedding)
        self.recurrent = settings.recurrent(cell)
        self.dropout = nn.Dropout(settings.dropout)
        self.output = nn.Linear(self.recurrent.output_size, w * self.own * self.levels)

    def embed(self, batch: ForecastBatch) -> Tensor:
        """The segments of the look-back (L/w, B', E); B' is B·C where targets are read apart."""
        C = self.shape.targets
        others = batch.past[..., C:]
        targets = self._read(batch.past[..., :C], batch) - self._last(batch)[:, None]
        if self.apart:
            targets = targets.transpose(1, 2).flatten(0, 1)[..., None]  # (B·C, L, 1)
        embedded: Tensor = self.segments(torch.cat([targets, self._each(others)], dim=-1))
        return embedded

    def run(self, embedded: Tensor, batch: ForecastBatch) -> Tensor:
        """Segments of the look-back → quantiles (B, H, C, Q)."""
        _, state = self.recurrent(embedded)
        return self.after(state, batch)

    def after(self, state: State, batch: ForecastBatch) -> Tensor:
        """What follows the state after the look-back: quantiles (B, H, C, Q), not sorted."""
        future, read = batch.future, self._each(batch.static)
        w, H = self.settings.segment, future.shape[1]
        m = -(-H // w)
        future = self._each(future)
        future = torch.cat([future, future[:, -1:].expand(-1, m * w - H, -1)], dim=1)
        known = future.reshape(len(future), m, w, self.shape.future)  # (B', m, w, F)
        if self.settings.decoding == "direct":
            query = self.queries(known.flatten(2).transpose(0, 1), read)  # (m, B', E)
            found = self._ask(query, state).view(m, len(known), -1).transpose(0, 1)  # (B', m, ·)
        else:
            pieces = []
            for k in range(m):
                query = self.queries(known[:, k].flatten(1)[None], read)
                pieces.append(self._ask(query, state))
                if k + 1 < m:
                    value = pieces[-1].view(-1, w, self.own, self.levels)
                    steps = torch.cat([self._point(value), known[:, k]], dim=-1)
                    _, state = self.recurrent(self.segments(steps), state)
            found = torch.stack(pieces, dim=1)
        found = found.reshape(len(known), m * w, self.own, self.levels)[:, :H]
        if self.apart:  # (B·C, H, 1, Q)
            found = found.view(-1, self.shape.targets, H, self.levels).transpose(1, 2)
        return self._written(found + self._last(batch)[:, None, :, None], batch)

    def parts(self) -> list[Part]:
        """See `Network`."""
        segments, queries, output = self.segments, self.queries, self.output
        project, width = segments.project, segments.width
        return [
            Part(
                kind="segments",
                name="segments",
                inside=f"{width} steps: linear, {project.in_features} → "
                f"{project.out_features}; relu",
                gives=f"B × T/{width} × {project.out_features}",
                parameters=parameters_of(segments),
            ),
            *layer_parts(self.recurrent),
            # each segment to come is asked for by a step of the same recurrent layers
            Part(
                kind="output",
                name="queries, output",
                inside=f"{len(queries.place)} queries; linear, {output.in_features} → "
                f"{output.out_features}",
                gives=f"B × {self.shape.horizon} × {self.shape.targets} × {self.levels}",
                parameters=parameters_of(queries) + parameters_of(output),
            ),
        ]

    def _last(self, batch: ForecastBatch) -> Tensor:
        """The last targets (B, C), which others are read as distances from; or zeros."""
        last = self._read(batch.past[:, -1:, : self.shape.targets], batch)[:, 0]
        return last if self.settings.subtract_last else torch.zeros_like(last)

    def _read(self, targets: Tensor, batch: ForecastBatch) -> Tensor:
        """Targets (B, L, C) as they are read: logarithms are ln(y / mean) · mean / deviation."""
        if not self.settings.log:
            return targets
        ratio = self._ratio(batch)
        return torch.log1p((targets * ratio).clamp_min(_LEAST - 1)) / ratio

    def _written(self, forecast: Tensor, batch: ForecastBatch) -> Tensor:
        """The inverse: forecasts (B, H, C, Q) on the scale of training."""
        if not self.settings.log:
            return forecast
        ratio = self._ratio(batch)[..., None]
        return torch.expm1((forecast * ratio).clamp_max(_MOST)) / ratio

    def _ratio(self, batch: ForecastBatch) -> Tensor:
        """Deviation over mean of each target in training (B, 1, C)."""
        ratio = (batch.deviation / batch.mean)[:, None]
        return ratio.to(batch.past)

    def _ask(self, query: Tensor, state: State) -> Tensor:
        """Queries (m, B', E), each one step from the same state → (m·B', w·c·Q)."""
        m = len(query)
        states = (state,) if isinstance(state, Tensor) else state
        many = tuple(s.repeat(1, m, 1) for s in states)
        outputs, _ = self.recurrent(query.flatten(0, 1)[None], many if len(many) > 1 else many[0])
        found: Tensor = self.output(self.dropout(outputs[0]))
        return found

    def _point(self, quantiles: Tensor) -> Tensor:
        """The median of (…, Q), or the one value of points."""
        levels = self.settings.quantiles
        return quantiles[..., levels.index(0.5) if levels else 0]

    def _each(self, of_series: Tensor) -> Tensor:
        """What is known of a series, once for each of its targets where they are read apart."""
        return of_series.repeat_interleave(self.shape.targets, 0) if self.apart else of_series
