"""The parameters of recurrent layers: PyTorch's names and shapes, and their first values."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ostinato.equation.graph import Graph
from ostinato.weights.torch import torch_stacks, torch_vectors


class Parameters:
    """What a cell's parameters are in PyTorch's layout.

    Args:
        graph: the cell's, without noise.
        bias_init: for signals by name the bias that they start with.
    """

    def __init__(self, graph: Graph, bias_init: Mapping[str, float]) -> None:
        self.graph, self.bias_init = graph, bias_init
        self.stacks = torch_stacks(graph)
        self.vectors = {name: graph.parameters[name] for name in torch_vectors(graph)}
        self.sides = self._sides()

    def _sides(self) -> dict[str, list[tuple[int, str]]]:
        """The weights of a layer in PyTorch's order, each side as a multiple of a size letter."""
        first = [s for s in self.stacks if s.shape[0] == "H"]
        rest = [s for s in self.stacks if s.shape[0] != "H"]
        sides = {s.weight: [(len(s.matrices), s.shape[0]), (1, s.shape[1])] for s in first}
        sides |= {s.bias: [(len(s.biases), s.shape[0])] for s in self.stacks if s.bias}
        sides |= {s.weight: [(len(s.matrices), s.shape[0]), (1, s.shape[1])] for s in rest}
        return sides | {name: [(1, k) for k in p.shape] for name, p in self.vectors.items()}

    def shapes(self, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """The shape of each weight of a layer, by name, in PyTorch's order."""
        return {name: tuple(n * sizes[k] for n, k in s) for name, s in self.sides.items()}

    def start(self, module: nn.Module, spread: float) -> None:
        """Draws the weights of all layers: uniform in ±spread, or as the cell says."""
        for name, weight in module.named_parameters():
            vector = self.vectors.get(name.rpartition("_l")[0])
            low, high = (vector.init if vector else None) or (-spread, spread)
            nn.init.uniform_(weight, low, high)

    @torch.no_grad()
    def start_biases(self, module: nn.Module, ending: str) -> None:
        """Sets the biases of one direction of a layer, `_l0`, that `bias_init` names."""
        graph = self.graph
        first = {graph.own_name(signal): value for signal, value in self.bias_init.items()}
        wanted = {n.bias: first[n.label] for _, n in graph.affines() if n.label in first}
        for stack in self.stacks:
            for k, bias in enumerate(stack.biases):
                if bias in wanted:
                    rows = module.get_parameter(f"{stack.bias}{ending}").chunk(len(stack.biases))
                    rows[k].fill_(wanted[bias])
                    wanted[bias] = 0.0  # a bias that is kept twice counts once
