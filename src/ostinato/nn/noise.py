"""The noise of recurrent layers: dropped features, units of states and weights, and zoneout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from ostinato.equation.graph import Node
from ostinato.equation.rewrite import recurrent_dropout, zoneout
from ostinato.equation.trace import Cell
from ostinato.errors import ConfigError
from ostinato.nn.dropout import chosen, dropout
from ostinato.nn.packing import Layout, Packing


@dataclass(frozen=True)
class Noise:
    """The noise on a cell's states, and on the weights between them.

    Attributes:
        dropout: the probability of dropping a unit where it enters a product, for a sequence.
        weight_dropout: the probability of dropping a weight that multiplies a state, for a call.
        zoneout: for each state by name the probability that a unit keeps its old value.
    """

    dropout: float
    weight_dropout: float
    zoneout: Mapping[str, float]

    @property
    def zoned(self) -> bool:
        """Whether there is any zoneout, of which evaluation takes the expectation."""
        return any(self.zoneout.values())

    def on(self, cell: Cell) -> Cell:
        """The cell with leaves in its graph for this noise.

        Raises:
            ConfigError: when there is a dropout, and no state enters a product.
        """
        if not (self.dropout or self.weight_dropout or self.zoned):
            return cell
        graph = cell.graph
        if self.dropout or self.weight_dropout:
            dropped = recurrent_dropout(graph)
            if dropped.noise == graph.noise:
                name = "recurrent_dropout" if self.dropout else "weight_dropout"
                raise ConfigError(
                    f"{name} has no effect on cell {cell.name!r}: no state enters a matrix product"
                )
            graph = dropped if self.dropout else graph
        graph = zoneout(graph) if self.zoned else graph
        return cell if graph is cell.graph else replace(cell, graph=graph)

    def weights(self, weights: dict[str, Tensor], training: bool) -> dict[str, Tensor]:
        """Weights by PyTorch's names; in training some of those that multiply states are 0."""
        hh = {name: weights[name] for name in weights if name.startswith("weight_hh")}
        thinned = {name: dropout(w, self.weight_dropout, training) for name, w in hh.items()}
        return weights | thinned

    def draw(
        self, cell: Cell, sizes: Mapping[str, int], x: Tensor, packing: Packing, training: bool
    ) -> dict[str, Tensor]:
        """What the leaves are in a call: masks m_s (B, ·) of a sequence, keeps k_s (N, ·) of steps.

        Args:
            cell: the cell, with noise.
            sizes: what the size letters stand for.
            x: numbers of the type and on the device that the noise is to be.
            packing: the batch.
            training: whether it is drawn; else it is its expectation.
        """
        noise = {}
        for leaf in _leaves(cell):
            units = sizes[leaf.size]
            if leaf.op == "still":
                ones = x.new_ones(packing.batch_sizes[0], units)
                noise[leaf.label] = dropout(ones, self.dropout, training)
            else:
                shape, chance = (packing.tokens, units), self._chance(leaf)
                noise[leaf.label] = (
                    chosen(shape, chance, x) if training else x.new_full(shape, chance)
                )
        return noise

    def expectation(self, cell: Cell, sizes: Mapping[str, int], x: Tensor) -> list[Tensor]:
        """The expectation of each leaf (1, ·), for a stream."""
        means = [
            (leaf, 1.0 if leaf.op == "still" else self._chance(leaf)) for leaf in _leaves(cell)
        ]
        return [x.new_full((1, sizes[leaf.size]), mean) for leaf, mean in means]

    def _chance(self, leaf: Node) -> float:
        return self.zoneout.get(leaf.label[2:], 0.0)


def _leaves(cell: Cell) -> list[Node]:
    return [cell.graph.nodes[i] for i in cell.graph.noise]


def drop_features(x: Tensor, chance: float, layout: Layout) -> Tensor:
    """Rows x (…, D), of which each sequence has lost the same features at all its steps."""
    ones = x.new_ones(layout.packing.batch_sizes[0], x.shape[-1])
    return x * dropout(ones, chance)[layout.row].view_as(x)
