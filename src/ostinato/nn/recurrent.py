"""Recurrent layers over any cell, with PyTorch's keyword arguments and return values."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ostinato import cells
from ostinato.equation.rewrite import without_bias
from ostinato.equation.trace import Cell
from ostinato.errors import ConfigError
from ostinato.nn import engines, options
from ostinato.nn.batch import Lengths, batch_of
from ostinato.nn.dropout import dropout
from ostinato.nn.engine import Call, Direction, Engine, Layer, Stream
from ostinato.nn.hooks import StepHooks
from ostinato.nn.noise import Noise, drop_features
from ostinato.nn.packing import Layout
from ostinato.nn.parameters import Parameters
from ostinato.nn.precision import Types, types_of_results
from ostinato.nn.states import States, given, of_nothing, zeros

CHANCES = ("dropout", "variational_dropout", "recurrent_dropout", "weight_dropout")


class Recurrent(StepHooks):
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
        bidirectional: whether each layer is bidirectional.
        proj_size: R, the size of a projected output, for cells that have one.
        variational_dropout: the probability of dropping an input feature of a layer, for a whole
            sequence (Gal & Ghahramani 2016).
        recurrent_dropout: the probability of dropping a unit of a state where it enters a matrix
            product, for a whole sequence (the same paper).
        weight_dropout: the probability of dropping a weight that multiplies a state, for a whole
            call (Merity et al. 2018, the AWD-LSTM's).
        zoneout: the probability that a unit keeps its old value, drawn anew at each step; one
            number, or one for each state by name (Krueger et al. 2017). In evaluation the
            expectation is used.
        bias_init: for signals by name the bias they start with, e.g. `{"f": 1.0}` for an LSTM
            that remembers at first (Jozefowicz et al. 2015).
        engine: what runs the layers: one of `ostinato.nn.engines`, or `auto`, the first that can
            do this call. An engine asked for by name gives way to step hooks alone.
        device: where the weights are made.
        dtype: their number type.

    Weights carry PyTorch's names (`weight_ih_l0`, `bias_hh_l1_reverse`, …) and start uniform in
    ±1/√H, unless the cell says otherwise.

    While there are step hooks (`register_step_hook`), the engine runs that shows every step.

    Raises:
        UnknownName: for an unknown cell, engine or signal in `bias_init`.
        ConfigError: for invalid sizes and probabilities, and a cell that the engine cannot run.
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
        weight_dropout: float = 0.0,
        zoneout: float | Mapping[str, float] = 0.0,
        bias_init: Mapping[str, float] | None = None,
        engine: str = engines.AUTO,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(cell, Cell | str):
            raise ConfigError(f"cell must be a cell made with @cell, or a name, not {type(cell)}")
        self.cell = cell if isinstance(cell, Cell) else cells.find(cell)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout, self.proj_size, self.engine = dropout, proj_size, engine
        self.variational_dropout, self.recurrent_dropout = variational_dropout, recurrent_dropout
        self.weight_dropout = weight_dropout
        names = self.cell.graph.state_names
        each = zoneout if isinstance(zoneout, Mapping) else dict.fromkeys(names, zoneout)
        self.zoneout = dict(each)
        self.bias_init = dict(bias_init or {})
        self._check()
        graph = self.cell.graph if bias else without_bias(self.cell.graph)
        self._plain = replace(self.cell, graph=graph)
        self._noise = Noise(recurrent_dropout, weight_dropout, self.zoneout)
        self._noisy = self._noise.on(self._plain)
        self._cell_parameters = Parameters(graph, self.bias_init)
        self.directions = ("", "_reverse") if bidirectional else ("",)
        sizes = {"H": hidden_size, "R": proj_size}
        self._units = {state: sizes[letter] for state, letter in graph.sizes.items()}
        self.output_size = self._units[names[0]]
        self._layers = [self._layer(k, sizes) for k in range(num_layers)]
        for layer in self._layers:
            for ending in layer.directions:
                for name, shape in layer.shapes.items():
                    weight = torch.empty(shape, device=device, dtype=dtype)
                    self.register_parameter(f"{name}{ending}", nn.Parameter(weight))
        self.level(training=True)
        self.reset_parameters()

    def _check(self) -> None:
        engines.check(self.engine)
        sizes = ("input_size", "hidden_size", "num_layers")
        options.check_sizes(self.cell, {n: getattr(self, n) for n in sizes}, self.proj_size)
        options.check_noise(self.cell, {n: getattr(self, n) for n in CHANCES}, self.zoneout)
        options.check_signals(self.cell, self.bias_init)
        if self.dropout and self.num_layers == 1:
            warnings.warn(
                f"dropout acts between layers, so dropout={self.dropout} has no effect with "
                "num_layers=1",
                stacklevel=3,
            )

    def _layer(self, number: int, sizes: Mapping[str, int]) -> Layer:
        read = self.output_size * len(self.directions) if number else self.input_size
        sizes = {**sizes, "D": read}
        endings = tuple(f"_l{number}{direction}" for direction in self.directions)
        return Layer(endings, sizes, self._cell_parameters.shapes(sizes))

    def reset_parameters(self) -> None:
        """Draws all weights anew: uniform in ±1/√H, or as the cell and `bias_init` say."""
        self._cell_parameters.start(self, self.hidden_size**-0.5)
        for layer in self._layers:
            for ending in layer.directions:
                self._cell_parameters.start_biases(self, ending)

    def level(self, training: bool) -> str:
        """The name of the engine that runs in training, or in evaluation.

        Second derivatives are always those of the level torch.

        Raises:
            ConfigError: when `engine` names one that does not have this cell.
        """
        return engines.choose(self.engine, self._cell(training), self._weight).name

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | Sequence[Tensor] | None = None,
        lengths: Lengths | None = None,
    ) -> tuple[Tensor | PackedSequence, Tensor | tuple[Tensor, ...]]:
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
        x = input.data if isinstance(input, PackedSequence) else input
        cell, weight = self._cell(self.training), self._weight
        types = Types.of(weight, x)
        types.refuse("input", x)
        engine = engines.for_call(self.engine, cell, weight, x, bool(self._step_hooks))
        batch = batch_of(input, lengths, self.batch_first)
        if batch.x.shape[-1] != self.input_size:
            raise ValueError(f"the input has {batch.x.shape[-1]} features, not {self.input_size}")
        if engine.direct:  # under autocast the input may be narrower than the weights
            batch.x = batch.x.to(types.weights)
        rows, layout = batch.rows(engine.direct)
        units, count = [*self._units.values()], len(self._layers) * len(self.directions)
        first: States = ()
        if hx is not None:
            first = given(hx, self._units, count, batch, types)
        elif not engine.direct:
            first = zeros(units, count, batch)
        if rows.numel():
            y, last = self._run(rows, layout, first, engine, cell, input)
        else:
            width = self.output_size * len(self.directions)
            y, last = of_nothing(rows, first, self.parameters(), width, units, count)
        states = batch.states(last)
        if types.narrow:
            kinds = types_of_results(self._plain, types, x.dtype, hx, batch.dense)
            y = y.to(kinds[0])
            states = tuple(s.to(kind) for s, kind in zip(states, kinds, strict=True))
        return batch.outputs(y, layout), states if len(states) > 1 else states[0]

    def _run(
        self, x: Tensor, layout: Layout, first: States, engine: Engine, cell: Cell, source: object
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """All layers over rows of tokens: outputs (…, H), and each state's last values."""
        hook = self._after_step if self._step_hooks else None
        last: list[list[Tensor]] = [[] for _ in self._units]
        for number, layer in enumerate(self._layers):
            if self.variational_dropout and self.training:
                x = drop_features(x, self.variational_dropout, layout)
            call = Call(cell, layer, layout, [], None, hook)
            if number == 0 and not self.variational_dropout:
                call.source = source
            for ending in layer.directions:
                place = number * len(self.directions) + len(call.directions)
                weights, noise = self._weights(layer, ending), {}
                weights = self._noise.weights(weights, self.training)
                if cell is not self._plain:
                    noise = self._noise.draw(cell, layer.sizes, x, layout.packing, self.training)
                states = [s[place].to(x.dtype) if engine.direct else s[place] for s in first]
                call.directions.append(Direction(weights, states, noise))
            x, ends = engine.run(x, call)
            for direction in ends:
                for kept, end in zip(last, direction, strict=True):
                    kept.append(end)
            if self.dropout and number < len(self._layers) - 1:
                x = dropout(x, self.dropout, self.training)
        return x, last

    def stream(self, weights: str = "same") -> Stream:
        """The layers as they are now, for one input at a time: `stream.step(x)`.

        Noise is taken at its expectation, as in evaluation. Weights of float32 can be kept as
        `bf16` or `int8`, which reads a half or a quarter of the memory for each step.

        Raises:
            ConfigError: for a bidirectional stack, and where no engine can stream it.
            UnknownName: for another kind of weights.
        """
        if self.bidirectional:
            raise ConfigError("a stream has no end, so bidirectional must be False")
        cell = self._cell(training=False)
        engine = engines.streaming(cell, self._weight)
        tensors = [self._weights(layer, *layer.directions) for layer in self._layers]
        noise = [
            self._noise.expectation(cell, layer.sizes, next(iter(own.values())))
            for layer, own in zip(self._layers, tensors, strict=True)
        ]
        return engine.stream(cell, self._layers, tensors, noise, weights)

    def _cell(self, training: bool) -> Cell:
        """The cell as it runs, with its noise; in evaluation zoneout is its expectation."""
        return self._noisy if training or self._noise.zoned else self._plain

    @property
    def _weight(self) -> Tensor | None:
        """A weight, if there are any: all are on one device and of one number type."""
        names = self._layers[0].shapes
        return getattr(self, f"{next(iter(names))}_l0") if names else None

    def _weights(self, layer: Layer, ending: str) -> dict[str, Tensor]:
        """The weights of one direction of a layer."""
        return {name: getattr(self, f"{name}{ending}") for name in layer.shapes}

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The weights of each layer and direction, as torch.nn lists them."""
        pairs = [(layer, ending) for layer in self._layers for ending in layer.directions]
        return [[*self._weights(layer, ending).values()] for layer, ending in pairs]

    def flatten_parameters(self) -> None:
        """Does nothing; it is here because code written for torch.nn calls it."""

    def extra_repr(self) -> str:
        """The arguments that differ from their defaults."""
        text = f"{self.cell.name}, {self.input_size}, {self.hidden_size}"
        names = ("num_layers", "bias", "batch_first", "bidirectional", "proj_size", "engine")
        defaults = signature(Recurrent).parameters
        values = {name: getattr(self, name) for name in defaults if name in (*names, *CHANCES)}
        said = [f"{k}={v}" for k, v in values.items() if v != defaults[k].default]
        return ", ".join([text, *said])
