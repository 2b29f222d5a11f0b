"""A packed batch as a level's `scan` takes it, and all that comes out, forward and backward."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace

import torch
from torch import Tensor

from ostinato import levels
from ostinato.equation import Cell, Graph
from ostinato.levels._case import EVERYTHING, Asked
from ostinato.levels.native import plan
from ostinato.levels.native.runtime import kernel, stock
from ostinato.levels.torch import unwritten_is_nan
from ostinato.weights.torch import torch_stacks, torch_vectors


@dataclass(frozen=True)
class Batch:
    """N tokens of B sequences, step by step.

    Attributes:
        batch_sizes: how many sequences have each step.
        x: (N, D).
        states: the first ones (B, ·), the longest sequence first.
        weights: PyTorch's tensors by name.
        noise: by label, (N, ·) for what each step draws, (B, ·) for what a sequence keeps.
        d_outputs: dL/d(outputs) (N, ·).
        d_states: dL/d(last states) (B, ·).
    """

    batch_sizes: list[int]
    x: Tensor
    states: list[Tensor]
    weights: dict[str, Tensor]
    noise: dict[str, Tensor]
    d_outputs: Tensor
    d_states: list[Tensor]

    @classmethod
    def draw(
        cls, graph: Graph, lengths: Iterable[int], sizes: Mapping[str, int], seed: int = 0
    ) -> "Batch":
        """Normal numbers in float64: nothing symmetric, no first state zero; weights over √H."""
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, dtype=torch.float64, generator=generator)

        lengths = sorted(lengths, reverse=True)
        batch_sizes = [sum(n > t for n in lengths) for t in range(lengths[0])]
        tokens, width = sum(lengths), [sizes[s] for s in graph.sizes.values()]
        weights = {}
        for stack in torch_stacks(graph):
            rows = len(stack.matrices) * sizes[stack.shape[0]]
            weights[stack.weight] = normal(rows, sizes[stack.shape[1]])
            if stack.bias:
                weights[stack.bias] = normal(rows)
        for name in torch_vectors(graph):
            weights[name] = normal(*(sizes[s] for s in graph.parameters[name].shape))
        noise = {}
        for leaf in (graph.nodes[i] for i in graph.noise):
            shape = (tokens if leaf.op == "input" else len(lengths), sizes[leaf.size])
            keep = (normal(*shape) > 0).double()
            noise[leaf.label] = keep if leaf.op == "input" else 2 * keep
        return cls(
            batch_sizes,
            normal(tokens, sizes["D"]),
            [normal(len(lengths), n) for n in width],
            {name: w / sizes["H"] ** 0.5 for name, w in weights.items()},
            noise,
            normal(tokens, width[0]),
            [normal(len(lengths), n) for n in width],
        )

    def to(self, dtype: torch.dtype) -> "Batch":
        def converted(value):
            if isinstance(value, dict):
                return {name: converted(v) for name, v in value.items()}
            return value.to(dtype) if isinstance(value, Tensor) else [converted(v) for v in value]

        tensors = {name: converted(v) for name, v in vars(self).items() if name != "batch_sizes"}
        return replace(self, **tensors)


READS = ("outputs and states", "outputs", "some outputs", "states", "the last state")
"""What the loss is made of."""


def results(
    level: str, cell: Cell, batch: Batch, asked: Asked = EVERYTHING, reads: str = READS[0]
) -> dict[str, list[Tensor]]:
    """Outputs, last states and the gradients of Σ outputs · d_outputs + Σ states · d_states.

    Only those gradients that are asked for, and of the part of the loss that `reads` names; in
    memory that is NaN until someone writes it.
    """
    leaves = {"x": batch.x.detach().requires_grad_(asked.x)}
    first = [torch.zeros_like(s) if asked.first == "none" else s.detach() for s in batch.states]
    for k, state in enumerate(first):
        leaves[f"state {k}"] = state.requires_grad_(asked.first == "learned")
    weights = {
        n: w.detach().requires_grad_(n not in asked.frozen) for n, w in batch.weights.items()
    }
    options = {"begun": False} if (level, asked.first) == ("native", "none") else {}
    with unwritten_is_nan():
        outputs, last = levels.find(level).scan(cell)(
            leaves["x"], batch.batch_sizes, tuple(first), SimpleNamespace(**weights),
            **batch.noise, **options,
        )  # fmt: skip
        ends = [outputs, *last]
        flow = [batch.d_outputs, *batch.d_states]
        if reads == "some outputs":
            ends, flow = [outputs[::2]], [batch.d_outputs[::2]]
        elif reads != "outputs and states":
            kept = {
                "outputs": slice(1),
                "states": slice(1, None),
                "the last state": slice(-1, None),
            }
            ends, flow = ends[kept[reads]], flow[kept[reads]]
        wanted = {name: t for name, t in (leaves | weights).items() if t.requires_grad}
        pairs = [(end, d) for end, d in zip(ends, flow, strict=True) if end.requires_grad]
        gradients = [torch.zeros_like(t) for t in wanted.values()]
        if pairs and wanted:
            gradients = torch.autograd.grad(
                [end for end, _ in pairs], [*wanted.values()], [d for _, d in pairs],
                allow_unused=True, materialize_grads=True,
            )  # fmt: skip
    found = {"outputs": [outputs], "states": list(last)}
    return found | {f"d{name}": [d] for name, d in zip(wanted, gradients, strict=True)}


def distance(found: dict[str, list[Tensor]], expected: dict[str, list[Tensor]]) -> float:
    """The largest difference, for each tensor relative to its largest number, or to 1.

    Infinite where a number is not finite.
    """
    assert found.keys() == expected.keys()
    worst = 0.0
    for name in expected:
        for one, other in zip(found[name], expected[name], strict=True):
            assert one.shape == other.shape
            one, other = one.detach().double(), other.detach().double()
            error = float((one - other).abs().max() / max(1.0, float(other.abs().max())))
            worst = max(worst, error if error == error else float("inf"))
    return worst


def forget() -> None:
    """Makes anew what was compiled, and what it ran in: hundreds of cells take much memory."""
    made = levels.find("torch")._module
    for function in (kernel.kernel, plan.memory_of, plan.layout_of, made):
        function.cache_clear()
    stock.idle = type(stock.idle)()
