"""Recurrent layers over any cell, with PyTorch's keyword arguments and return values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ostinato import cells, levels
from ostinato.equation.graph import Graph
from ostinato.equation.rewrite import recurrent_dropout, without_bias, zoneout
from ostinato.equation.trace import Cell
from ostinato.errors import ConfigError, UnknownName
from ostinato.levels import native
from ostinato.nn.dropout import chosen, dropout
from ostinato.nn.embedding import Lookup, lookup_of
from ostinato.nn.packing import Layout, Packing
from ostinato.nn.precision import narrowed, refuse_type, types_of_results
from ostinato.weights import layouts

if TYPE_CHECKING:
    from ostinato.levels.native.stream import Stream

ENGINES = ("auto", "native", "aten", "torch")
Watcher: TypeAlias = Callable[[str, int, dict[str, Tensor]], None]
"""Is told of every step: which layer (`_l0_reverse`), its number, and its signals by name."""


class Recurrent(nn.Module):
    """A stack of recurrent layers, one or both directions, over any cell.

    Layer l reads the outputs of layer l-1; in a bidirectional layer a second set of weights reads
    each sequence from its own last step to its first, and both outputs stand side by side.

    Args:
        cell: a cell, the name of a shipped one, or `path/to/file.py:name`.
        input_size: D, the number of input features.
        hidden_size: H, the number of hidden units.
        num_layers: L.
        bias: whether affine maps have biases.
        batch_first: whether batches are (B, T, ·) instead of (T, B, ·).
        dropout: the probability of dropping an output of a layer on its way to the next; each
            step draws anew.
        bidirectional: whether each layer reads both ways.
        proj_size: R, the size of a projected output, for cells that have one.
        variational_dropout: the probability of dropping an input feature of a layer, for a whole
            sequence (Gal & Ghahramani 2016).
        recurrent_dropout: the probability of dropping a unit of a state where it enters a matrix
            product, for a whole sequence (the same paper).
        zoneout: the probability that a unit keeps its old value, drawn anew at each step; one
            number, or one for each state by name (Krueger et al. 2017). In evaluation the
            expectation is used.
        bias_init: for signals by name the bias they start with, e.g. `{"f": 1.0}` for an LSTM
            that remembers at first (Jozefowicz et al. 2015).
        engine: the level that runs: `native` (fused code made from the cell, on the CPU), `aten`
            (PyTorch's fused layer), `torch` (the step under autograd), or `auto`: the first that
            can do this call. A level asked for by name never gives way to another.
        device: where the weights are made.
        dtype: their number type.

    Weights carry PyTorch's names (`weight_ih_l0`, `bias_hh_l1_reverse`, …) and start uniform in
    ±1/√H, unless the cell says otherwise.

    While `watch` is set, the level torch runs, and `watch(layer, t, signals)` sees every step.

    Raises:
        UnknownName: for an unknown cell, engine or signal in `bias_init`.
        ConfigError: for sizes and probabilities that make no sense, and a cell that the engine
            does not have.
    """

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        variational_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float | Mapping[str, float] = 0.0,
        bias_init: Mapping[str, float] | None = None,
        engine: str = "auto",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if not isinstance(cell, Cell | str):
            raise ConfigError(f"a cell is made with @cell, or named; this is a {type(cell)}")
        self.cell = cell if isinstance(cell, Cell) else cells.find(cell)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout, self.proj_size, self.engine = dropout, proj_size, engine
        self.variational_dropout, self.recurrent_dropout = variational_dropout, recurrent_dropout
        names = self.cell.graph.state_names
        self.zoneout = (
            dict(zoneout) if isinstance(zoneout, Mapping) else dict.fromkeys(names, zoneout)
        )
        self.bias_init = dict(bias_init or {})
        self._check()
        if dropout and num_layers == 1:
            warnings.warn(
                "dropout acts on what a layer hands to the next, so that "
                f"dropout={dropout} does nothing with num_layers=1",
                stacklevel=2,
            )

        graph = self.cell.graph if bias else without_bias(self.cell.graph)
        self._stacks = layouts.torch_stacks(graph)
        self._vectors = {name: graph.parameters[name] for name in layouts.torch_vectors(graph)}
        self._plain = replace(self.cell, graph=graph)
        self._noisy = replace(self.cell, graph=self._with_noise(graph))
        self._sizes = {"H": hidden_size, "R": proj_size}
        self._shapes = self._weight_shapes()
        self._first = next((f"{name}_l0" for name in self._shapes), None)
        self._sides: list[dict[str, tuple[int, ...]]] = []  # of each layer's weights
        self.directions = ("", "_reverse") if bidirectional else ("",)
        self.output_size = self._sizes[graph.sizes[names[0]]]
        for layer in range(num_layers):
            sizes = self._sizes | {"D": self._layer_input(layer)}
            sides = {name: tuple(n * sizes[k] for n, k in s) for name, s in self._shapes.items()}
            self._sides.append(sides)
            for suffix in self._suffixes(layer):
                for name, shape in sides.items():
                    weight = torch.empty(shape, device=device, dtype=dtype)
                    self.register_parameter(f"{name}{suffix}", nn.Parameter(weight))
        self.watch: Watcher | None = None
        self._usable = native.usable()  # asked here, where no compiler of PyTorch looks on
        self.level(training=True)
        self.reset_parameters()

    def _check(self) -> None:
        graph = self.cell.graph
        if self.engine not in ENGINES:
            raise UnknownName("engine", self.engine, ENGINES)
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.proj_size < 0:
            raise ConfigError(f"proj_size must not be negative, but it is {self.proj_size}")
        for name in ("dropout", "variational_dropout", "recurrent_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is a probability, not {getattr(self, name)}")
        for state, chance in self.zoneout.items():
            if state not in graph.state_names:
                raise UnknownName(f"state of {self.cell.name}", state, graph.state_names)
            if not 0 <= chance <= 1:
                raise ConfigError(f"zoneout is a probability, not {chance}")
        if ("R" in graph.sizes.values()) != (self.proj_size > 0):
            has = "needs" if self.proj_size == 0 else "has no use for"
            raise ConfigError(
                f"cell {self.cell.name!r} {has} proj_size, the setting model.projection"
            )
        if self.proj_size >= self.hidden_size:
            raise ConfigError(f"proj_size {self.proj_size} must be smaller than hidden_size")
        others = set(graph.sizes.values()) - {"H", "R"}
        if others:
            raise ConfigError(f"cell {self.cell.name!r} has states of size {', '.join(others)}")
        biased = {node.label: node.bias for _, node in graph.affines() if node.bias}
        for signal in self.bias_init:
            if graph.own_name(signal) not in biased:
                raise UnknownName(f"biased signal of {self.cell.name}", signal, biased)

    def _with_noise(self, graph: Graph) -> Graph:
        if self.recurrent_dropout:
            plain, graph = graph, recurrent_dropout(graph)
            if graph.noise == plain.noise:
                raise ConfigError(
                    f"recurrent_dropout has no effect on cell {self.cell.name!r}: "
                    "no state enters a matrix product"
                )
        return zoneout(graph) if any(self.zoneout.values()) else graph

    def _layer_input(self, layer: int) -> int:
        return self.input_size if layer == 0 else self.output_size * len(self.directions)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}{direction}" for direction in self.directions]

    def _weight_shapes(self) -> dict[str, list[tuple[int, str]]]:
        """The weights of a layer in PyTorch's order, each side as a multiple of a size letter."""
        first = [s for s in self._stacks if s.shape[0] == "H"]
        rest = [s for s in self._stacks if s.shape[0] != "H"]
        shapes = {s.weight: [(len(s.matrices), s.shape[0]), (1, s.shape[1])] for s in first}
        shapes |= {s.bias: [(len(s.biases), s.shape[0])] for s in self._stacks if s.bias}
        shapes |= {s.weight: [(len(s.matrices), s.shape[0]), (1, s.shape[1])] for s in rest}
        return shapes | {name: [(1, k) for k in p.shape] for name, p in self._vectors.items()}

    def reset_parameters(self) -> None:
        """Draws all weights anew: uniform in ±1/√H, or as the cell and `bias_init` say."""
        spread = self.hidden_size**-0.5
        for name, weight in self.named_parameters():
            vector = self._vectors.get(name.rpartition("_l")[0])
            low, high = (vector.init if vector else None) or (-spread, spread)
            nn.init.uniform_(weight, low, high)
        for layer in range(self.num_layers):
            for suffix in self._suffixes(layer):
                self._start_biases(suffix)

    @torch.no_grad()
    def _start_biases(self, suffix: str) -> None:
        graph = self._plain.graph
        first = {graph.own_name(signal): value for signal, value in self.bias_init.items()}
        wanted = {n.bias: first[n.label] for _, n in graph.affines() if n.label in first}
        for stack in self._stacks:
            for k, bias in enumerate(stack.biases):
                if bias in wanted:
                    rows = self.get_parameter(f"{stack.bias}{suffix}").chunk(len(stack.biases))[k]
                    rows.fill_(wanted[bias])
                    wanted[bias] = 0.0  # a bias that is kept twice counts once

    def level(self, training: bool) -> str:
        """The level that runs in training, or in evaluation.

        Second derivatives are always the level torch's.

        Raises:
            ConfigError: when `engine` names a level that does not have this cell.
        """
        cell = self._noisy if training or any(self.zoneout.values()) else self._plain
        if self.engine == "auto":
            for name in ("native", "aten"):
                if self._able(name, cell):
                    return name
            return "torch"
        if self._able(self.engine, cell):
            return self.engine
        if self.engine == "native":
            raise ConfigError(f"engine 'native' cannot run here: {self._why(cell)}; use 'auto'")
        noise = " with noise on its states" if cell.graph.noise else ""
        raise ConfigError(f"engine 'aten' does not have cell {self.cell.name!r}{noise}; use 'auto'")

    def _why(self, cell: Cell) -> str:
        """Why native code cannot run."""
        why = native.obstacle() or native.too_large(cell)
        return why or "it needs weights of 32 or 64 bits on the CPU"

    def _able(self, level: str, cell: Cell) -> bool:
        if level == "native":
            if self._first is None:
                return False  # without weights nothing says what numbers to compute with
            weight = self._weight
            fits = weight.dtype == torch.float32 or weight.dtype == torch.float64
            return self._usable and weight.is_cpu and fits and not native.too_large(cell)
        return level == "torch" or bool(levels.find("aten").supports(cell))

    def _level_now(self, x: Tensor) -> str:
        """The level of this call: PyTorch's transformations cannot look into native code."""
        if self.watch:
            return "torch"
        compiling = torch.compiler.is_compiling()  # then nothing of native code may be looked at
        if not (compiling and self.engine in ("auto", "native")):
            level = self.level(self.training)
            if level != "native":
                return level
            from ostinato.levels.native.layer import addressed, transformed

            if not transformed() and addressed(x):
                return level
            if self.engine == "native" and not addressed(x):
                raise ConfigError("engine 'native' reads plain tensors of the CPU; use 'auto'")
        if self.engine == "native":
            raise ConfigError(
                "engine 'native' has no forward-mode, functional or traced derivatives; use 'auto'"
            )
        return "torch"

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | Sequence[Tensor] | None = None,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor | PackedSequence, Any]:
        """Runs all layers.

        Args:
            input: (T, B, D), with `batch_first` (B, T, D); (T, D) for one sequence; or packed.
            hx: the first states, each (L·directions, B, ·), zeros unless given; for one
                sequence (L·directions, ·). A tensor for a cell with one state, else a tuple.
            lengths: the sequences' lengths (B,) in any order; without them all have T steps.
                What stands behind a sequence's end is never read.

        Returns:
            The outputs of the last layer, shaped and packed like the input, zero behind each
            sequence's end; and the states after each sequence's last step, as `hx`.

        Raises:
            ValueError: for shapes and lengths that do not fit, numbers of another type than the
                weights', batches without steps, and in native code more than 2³¹ - 1 rows. A batch
                without sequences gives an empty result.

        Under autocast the types of outputs and states are those of torch.nn: narrow where a
        product is all that they come from, else as the first states are.
        """
        packed = isinstance(input, PackedSequence)
        x = cast("PackedSequence", input).data if packed else cast("Tensor", input)
        kind = self._weight.dtype if self._first else None
        narrow = narrowed(kind, x.device.type)
        refuse_type("input", x, kind, narrow)
        level = self._level_now(x)
        if level == "native":
            from ostinato.levels.native.context import refuse_many

            refuse_many(x.shape[:-1].numel())
        if packed:
            packing, single = self._packing(cast("PackedSequence", input), lengths), False
        else:
            x, packing, single = self._steps_first(x, lengths)
        if x.shape[-1] != self.input_size:
            raise ValueError(f"the input has {x.shape[-1]} features, not {self.input_size}")
        lookup = lookup_of(input) if level == "native" else None
        dense = not packed and lengths is None
        kinds = []
        if kind and narrow:
            kinds = types_of_results(self._plain, kind, x.dtype, hx, dense, narrow)
        if level == "native":  # under autocast the input is narrower than the weights
            x = x.to(kind)
        tokens, layout = self._tokens(x, packing, level, ragged=lengths is not None)
        fresh = hx is None and level == "native"  # which begins with zeros of its own
        first = () if fresh else self._first_states(hx, packing, x, single, narrow)
        if not tokens.numel():
            outputs, last = self._nothing(tokens, first)
        else:
            if level == "native":
                first = tuple(tuple(s.to(x.dtype) for s in state) for state in first)
            outputs, last = self._layers(tokens, packing, first, level, layout, lookup)
        states = tuple(_stacked([packing.unsort(s) for s in state]) for state in last)
        if narrow:
            outputs = outputs.to(kinds[0])
            states = tuple(s.to(kind) for s, kind in zip(states, kinds, strict=True))
        if single:
            states = tuple(s.squeeze(1) for s in states)
        hn = states if len(states) > 1 else states[0]
        if packed:
            sequence = cast("PackedSequence", input)
            return sequence._replace(data=outputs), hn
        if layout and self.batch_first:
            padded = outputs.view(x.shape[1], x.shape[0], outputs.shape[-1]).transpose(0, 1)
        elif layout or lengths is None:
            wide = outputs.shape[-1]
            padded = outputs if outputs.dim() == 3 else outputs.view(*x.shape[:2], wide)
        else:
            padded = packing.unpack(outputs, len(x))
        if single:
            return padded.squeeze(1), hn
        return padded.transpose(0, 1) if self.batch_first else padded, hn

    def _packing(self, sequence: PackedSequence, lengths: Any) -> Packing:
        if lengths is not None:
            raise ValueError("a PackedSequence has its own lengths")
        order, rows = sequence.sorted_indices, len(sequence.data)
        sizes = sequence.batch_sizes.tolist()
        if not sizes:
            raise ValueError("the PackedSequence has no steps: nothing to read")
        if sizes != sorted(sizes, reverse=True) or sizes[-1] < 0 or sum(sizes) != rows:
            raise ValueError(
                f"batch_sizes of a PackedSequence must fall, and sum to its {rows} rows"
            )
        sizes = [n for n in sizes if n] or sizes[:1]
        return Packing(sizes, None if order is None else order.cpu())

    def _nothing(
        self, x: Tensor, first: tuple[tuple[Tensor, ...], ...]
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """What comes of no sequences: results without numbers, and gradients of 0."""
        read = [x, *(s for state in first for s in state)]
        sums = [t.sum() for t in read] + [w.sum() * 0 for w in self.parameters()]
        zero = torch.stack([s.to(x.dtype) for s in sums]).sum()
        count = len(self.directions)
        outputs = zero.expand(*x.shape[:-1], self.output_size * count)
        sizes = [self._sizes[size] for size in self.cell.graph.sizes.values()]
        return outputs, [[zero.expand(0, n)] * (self.num_layers * count) for n in sizes]

    def _steps_first(
        self, x: Tensor, lengths: Tensor | Sequence[int] | None
    ) -> tuple[Tensor, Packing, bool]:
        """The batch as (T, B, D), its packing, and whether it was one sequence alone."""
        if x.dim() not in (2, 3):
            raise ValueError(f"the input must have 2 or 3 dimensions, not {x.dim()}")
        single = x.dim() == 2
        if single:
            x = x.unsqueeze(1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        steps, batch = x.shape[:2]
        if not steps:
            raise ValueError(f"the input has {batch} sequences of 0 steps: nothing to read")
        if lengths is None:
            return x, Packing([batch] * steps), single
        lengths = torch.as_tensor(lengths).cpu()
        whole = not lengths.is_floating_point() and lengths.dtype != torch.bool
        if lengths.shape != (batch,) or not (whole or not batch):
            raise ValueError(f"lengths must be {batch} whole numbers, one for each sequence")
        if not batch:
            return x, Packing([0] * steps), single
        if lengths.min() < 1 or lengths.max() > steps:
            raise ValueError(f"lengths must lie between 1 and the batch's {steps} steps")
        return x, Packing.of_lengths(lengths), single

    def _tokens(
        self, x: Tensor, packing: Packing, level: str, ragged: bool
    ) -> tuple[Tensor, Layout | None]:
        """Rows of tokens: packed, or for native code, which finds its way, as they lie."""
        if x.dim() == 2:
            return x, Layout(packing, packed=True) if level == "native" else None
        if level == "native":
            memory = x.transpose(0, 1) if self.batch_first else x
            return memory, Layout(packing, x.shape[0], self.batch_first)
        return packing.pack(x) if ragged else x.flatten(0, 1), None

    def _first_states(
        self, hx: Any, packing: Packing, x: Tensor, single: bool, narrow: torch.dtype | None
    ) -> tuple[tuple[Tensor, ...], ...]:
        """For each state its value (B, ·) for every layer and direction, longest sequence first."""
        graph, batch = self.cell.graph, packing.batch_sizes[0]
        count = self.num_layers * len(self.directions)
        shapes = [(count, batch, self._sizes[size]) for size in graph.sizes.values()]
        if hx is None:
            return tuple(x.new_zeros(shape).unbind(0) for shape in shapes)
        states = [hx] if isinstance(hx, Tensor) else list(hx)
        if len(states) != len(shapes):
            raise ValueError(f"hx must hold {len(shapes)} states ({', '.join(graph.sizes)})")
        for name, state, shape in zip(graph.sizes, states, shapes, strict=True):
            wanted = (shape[0], shape[2]) if single else shape
            if tuple(state.shape) != wanted:
                raise ValueError(f"hx: state {name} is {tuple(state.shape)}, not {wanted}")
            kind = self._weight.dtype if self._first else None
            refuse_type(f"first state {name}", state, kind, narrow)
        states = [s.unsqueeze(1) if single else s for s in states]
        return tuple(tuple(packing.sort(s) for s in state) for state in states)

    def _layers(
        self, x: Tensor, packing: Packing, first: tuple[tuple[Tensor, ...], ...], level: str,
        layout: Layout | None, lookup: Lookup | None,
    ) -> tuple[Tensor, list[list[Tensor]]]:  # fmt: skip
        """All layers over rows of tokens: outputs (·, H), and each state's last values."""
        noisy = self.training or any(self.zoneout.values())
        cell = self._noisy if noisy else self._plain
        last: list[list[Tensor]] = [[] for _ in self.cell.graph.sizes]
        for layer in range(self.num_layers):
            x = self._drop_features(x, packing, layout)
            calls = []
            for k, suffix in enumerate(self._suffixes(layer)):
                p = (
                    self._weights(layer, suffix)
                    if layout
                    else {name: getattr(self, f"{name}{suffix}") for name in self._shapes}
                )
                states = [state[layer * len(self.directions) + k] for state in first]
                noise = self._draw_noise(cell, x, packing) if noisy else {}
                calls.append((p, states, noise))
            if layout:
                same = lookup if layer == 0 and not self.variational_dropout else None
                x, ends = self._run_native(cell, x, layout, calls, same)
            else:
                x, ends = self._run_scans(levels.find(level).scan(cell), x, packing, layer, calls)
            for direction in ends:
                for kept, end in zip(last, direction, strict=True):
                    kept.append(end)
            if self.dropout and layer < self.num_layers - 1:
                x = dropout(x, self.dropout, self.training)
        return x, last

    def _run_native(
        self, cell: Cell, x: Tensor, layout: Layout, calls: list[Any], lookup: Lookup | None
    ) -> Any:
        """All directions of a layer at once; equal tokens of an embedding count once."""
        from ostinato.levels.native import layer

        weights, states, noise = zip(*calls, strict=True)
        distinct = None
        if lookup and lookup.table.dtype == x.dtype and layer.takes_rows(cell.graph, x):
            distinct, x = lookup.distinct(), x.flatten(0, -2)
        return layer.run(
            cell.graph,
            x,
            [layout.order(reverse=k > 0) for k in range(len(calls))],
            states,
            weights,
            [list(n.values()) for n in noise],
            self._sizes | {"D": x.shape[-1]},
            distinct,
            lookup.table if lookup and distinct else None,
        )

    def _run_scans(
        self, scan: Callable[..., Any], x: Tensor, packing: Packing, layer: int, calls: list[Any]
    ) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
        """One direction after the other, over packed tokens."""
        outputs, ends = [], []
        for k, (p, states, options) in enumerate(calls):
            if self.watch:
                options["watch"] = partial(self.watch, self._suffixes(layer)[k])
            tokens = x[packing.reverse] if k else x
            y, last = scan(
                tokens, packing.batch_sizes, tuple(states), SimpleNamespace(**p), **options
            )
            outputs.append(y[packing.reverse] if k else y)
            ends.append(last)
        return torch.cat(outputs, -1) if len(outputs) > 1 else outputs[0], ends

    def _drop_features(self, x: Tensor, packing: Packing, layout: Layout | None) -> Tensor:
        if not (self.variational_dropout and self.training):
            return x
        row = layout.row if layout else packing.row
        ones = x.new_ones(packing.batch_sizes[0], x.shape[-1])
        return x * dropout(ones, self.variational_dropout)[row].view_as(x)

    def _draw_noise(self, cell: Cell, x: Tensor, packing: Packing) -> dict[str, Any]:
        """The noise that the cell's graph reads: masks m_s of a sequence, keeps k_s of a step."""
        noise: dict[str, Any] = {}
        for leaf in (cell.graph.nodes[i] for i in cell.graph.noise):
            units = self._sizes[leaf.size]
            if leaf.op == "still":
                ones = x.new_ones(packing.batch_sizes[0], units)
                noise[leaf.label] = dropout(ones, self.recurrent_dropout)
            else:
                shape, chance = (packing.tokens, units), self.zoneout.get(leaf.label[2:], 0.0)
                noise[leaf.label] = (
                    chosen(shape, chance, x) if self.training else x.new_full(shape, chance)
                )
        return noise

    def stream(self, weights: str = "same") -> Stream:
        """The layers as they are now, for one input at a time: `stream.step(x)`.

        Noise is taken at its expectation, as in evaluation. Weights of float32 can be kept as
        `bf16` or `int8`, which reads a half or a quarter of the memory for each step.

        Raises:
            ConfigError: for a bidirectional stack, and where native code cannot run.
            UnknownName: for another kind of weights.
        """
        from ostinato.levels.native.stream import Stream

        if self.bidirectional:
            raise ConfigError("a stream has no end to read back from: bidirectional must be False")
        zoned = any(self.zoneout.values())
        cell = self._noisy if zoned else self._plain
        if not self._able("native", cell):
            raise ConfigError(f"a stream cannot run here: {self._why(cell)}")
        layers, noise, sizes = [], [], []
        for layer in range(self.num_layers):
            (suffix,) = self._suffixes(layer)
            tensors = self._weights(layer, suffix)
            layers.append(tensors)
            noise.append([self._expectation(cell, i, tensors) for i in cell.graph.noise])
            sizes.append(self._sizes | {"D": self._layer_input(layer)})
        return Stream(cell.graph, layers, noise, sizes, weights)

    def _expectation(self, cell: Cell, i: int, tensors: Mapping[str, Tensor]) -> Tensor:
        leaf = cell.graph.nodes[i]
        mean = 1.0 if leaf.op == "still" else self.zoneout.get(leaf.label[2:], 0.0)
        return next(iter(tensors.values())).new_full((1, self._sizes[leaf.size]), mean)

    @property
    def _weight(self) -> Tensor:
        """A weight: all are on one device and of one number type."""
        weight: Tensor = getattr(self, str(self._first))
        return weight

    def _weights(self, layer: int, suffix: str) -> dict[str, Tensor]:
        """A layer's weights for native code, which would follow any address.

        Raises:
            ValueError: when one was replaced by a tensor that does not fit.
        """
        from ostinato.levels.native.layer import readable

        kind, weights = self._weight.dtype, {}
        for name, sides in self._sides[layer].items():
            weights[name] = w = getattr(self, f"{name}{suffix}")
            if w.shape != sides or w.dtype != kind or not readable(w):
                raise ValueError(
                    f"{name}{suffix} is {w.dtype} {tuple(w.shape)} on {w.device}; native code "
                    f"needs {kind} {sides} in the CPU's memory"
                )
        return weights

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The weights of each layer and direction, as torch.nn lists them."""
        suffixes = [s for layer in range(self.num_layers) for s in self._suffixes(layer)]
        return [[getattr(self, f"{name}{s}") for name in self._shapes] for s in suffixes]

    def flatten_parameters(self) -> None:
        """Does nothing; it is here because code written for torch.nn calls it."""

    def extra_repr(self) -> str:
        """The arguments that differ from their defaults."""
        text = f"{self.cell.name}, {self.input_size}, {self.hidden_size}"
        defaults = {
            "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
            "bidirectional": False, "proj_size": 0, "variational_dropout": 0.0,
            "recurrent_dropout": 0.0, "engine": "auto",
        }  # fmt: skip
        said = {
            k: getattr(self, k) for k, default in defaults.items() if getattr(self, k) != default
        }
        return ", ".join([text, *(f"{k}={v}" for k, v in said.items())])


def _stacked(states: list[Tensor]) -> Tensor:
    return torch.stack(states) if len(states) > 1 else states[0].unsqueeze(0)
