"""Keras layers over any cell, for models of Keras; the loop over the steps is Keras' own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import ops

from ostinato import cells
from ostinato.equation.graph import Graph, Parameter
from ostinato.equation.rewrite import without_bias
from ostinato.equation.stored import graph_from_json
from ostinato.equation.trace import Cell
from ostinato.errors import ConfigError, UnknownName
from ostinato.levels.keras.backend import Tensor
from ostinato.levels.keras.text import module
from ostinato.levels.keras.walk import walk
from ostinato.weights.keras import (
    LAYERS,
    from_keras,
    from_keras_layer,
    keras_layer,
    keras_stacks,
    to_keras,
    to_keras_layer,
)
from ostinato.weights.torch import from_torch, to_torch, torch_stacks, torch_vectors


@keras.saving.register_keras_serializable("ostinato")
class RecurrentCell(keras.layers.Layer):  # type: ignore[misc]
    """One step of a cell, with Keras' interface of a cell: for `keras.layers.RNN` and by hand.

    Called with inputs (B, D) and a list of states (B, ·), it returns the output, which is the
    first of the new states, and the list of them.

    Args:
        cell: a cell, the name of a shipped one, `path/to/file.py:name`, or a graph as `to_json`
            writes it, which is what a saved model holds: it loads without the cell's file.
        units: H, the number of hidden units.
        projection: R, the size of a projected output, for cells that have one.
        use_bias: whether affine maps have biases.
        bias_init: for signals by name the bias they start with, e.g. `{"f": 1.0}`, as Keras' LSTM
            has it by default.

    Weights start uniform in ±1/√H, unless the cell says otherwise.

    Raises:
        UnknownName: for an unknown cell, or a signal in `bias_init` that has no bias.
        ConfigError: for sizes that make no sense.
    """

    def __init__(
        self,
        cell: Cell | str | Mapping[str, Any],
        units: int,
        projection: int = 0,
        use_bias: bool = True,
        bias_init: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        found = _found(cell)
        graph = found.graph if use_bias else without_bias(found.graph)
        self.equations = replace(found, graph=graph)
        self.units, self.projection, self.bias_init = units, projection, dict(bias_init or {})
        self._check()
        sizes = [{"H": units, "R": projection}[size] for size in graph.sizes.values()]
        self.state_size, self.output_size = sizes, sizes[0]

    def _check(self) -> None:
        graph = self.equations.graph
        letters = set(graph.sizes.values())
        if self.units < 1:
            raise ConfigError(f"units must be at least 1, not {self.units}")
        if letters - {"H", "R"}:
            others = ", ".join(sorted(letters - {"H", "R"}))
            raise ConfigError(f"cell {graph.name!r} has states of size {others}")
        if self.projection < 0 or ("R" in letters) != (self.projection > 0):
            has = "needs a" if "R" in letters else "does not use a"
            raise ConfigError(f"cell {graph.name!r} {has} projection, not {self.projection}")
        biased = {node.label for _, node in graph.affines() if node.bias}
        for signal in self.bias_init:
            if graph.own_name(signal) not in biased:
                raise UnknownName(f"biased signal of {graph.name}", signal, biased)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the weights for inputs (B, D)."""
        graph = self.equations.graph
        sizes = {"D": input_shape[-1], "H": self.units, "R": self.projection}
        for stack in keras_stacks(graph):
            into, size = (sizes[letter] for letter in stack.shape)
            columns = len(stack.matrices) * into  # type: ignore[operator]
            self._add(stack.weight, (size, columns), self._uniform(None))
            if stack.bias:
                self._add(stack.bias, (columns,), self._biases(graph, stack.biases))
        for name in torch_vectors(graph):
            parameter = graph.parameters[name]
            shape = tuple(sizes[letter] for letter in parameter.shape)
            self._add(name, shape, self._uniform(parameter))

    def _add(self, name: str, shape: tuple[int | None, ...], initializer: Any) -> None:
        setattr(self, name, self.add_weight(name=name, shape=shape, initializer=initializer))

    def _uniform(self, parameter: Parameter | None) -> Any:
        spread = self.units**-0.5
        low, high = (parameter and parameter.init) or (-spread, spread)
        return keras.initializers.RandomUniform(low, high)

    def _biases(self, graph: Graph, biases: tuple[str, ...]) -> Any:
        """Draws stacked biases, those of the signals in `bias_init` as it says."""
        labels = {node.bias: node.label for _, node in graph.affines()}
        first = {graph.own_name(signal): value for signal, value in self.bias_init.items()}
        wanted = [first.get(labels[bias]) for bias in biases]
        draws = [
            self._uniform(None) if value is None else keras.initializers.Constant(value)
            for value in wanted
        ]

        def initial(shape: tuple[int], dtype: Any = None) -> Any:
            size = shape[0] // len(draws)
            return ops.concatenate([draw((size,), dtype=dtype) for draw in draws])

        return initial

    def tensors(self) -> SimpleNamespace:
        """The weights p that the text of the Keras level reads."""
        return SimpleNamespace(**{w.name: ops.convert_to_tensor(w) for w in self.weights})

    def call(self, inputs: Tensor, states: Tensor) -> tuple[Tensor, list[Tensor]]:
        """One step: inputs (B, D), states (B, ·) → output (B, ·), new states."""
        text, p = module(self.equations), self.tensors()
        new = text.step(*text.lift(inputs, p), *states, p)
        return new[0], list(new)

    def get_config(self) -> dict[str, Any]:
        """What makes the same layer again: the cell is stored as its graph."""
        config: dict[str, Any] = super().get_config()
        return config | self.settings()

    def settings(self) -> dict[str, Any]:
        """The arguments of its own as plain data, fit for JSON."""
        return {
            "cell": json.loads(json.dumps(self.equations.graph.to_json())),
            "units": self.units,
            "projection": self.projection,
            "bias_init": dict(self.bias_init),
        }


@keras.saving.register_keras_serializable("ostinato")
class Recurrent(keras.layers.RNN):  # type: ignore[misc]
    """A recurrent layer over any cell: sequences (B, T, D) → outputs (B, ·) or (B, T, ·).

    It does all that `keras.layers.LSTM` does with sequences: masks, `initial_state`,
    `return_sequences`, `return_state`, `go_backwards`, `stateful`, `unroll`,
    `zero_output_for_mask`, `Bidirectional`, `TimeDistributed`, saving. What the cell makes of the
    input alone is computed for all tokens before the loop. At a masked step states stay as they
    were, and nothing is computed from what stands there.

    Args:
        cell: see `RecurrentCell`, and so for units, projection, use_bias and bias_init.
        kwargs: those of `keras.layers.RNN`.

    Raises:
        UnknownName, ConfigError: as `RecurrentCell` does.
    """

    def __init__(
        self,
        cell: Cell | str | Mapping[str, Any],
        units: int,
        projection: int = 0,
        use_bias: bool = True,
        bias_init: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        of_cell = {k: kwargs[k] for k in ("dtype", "trainable") if k in kwargs}
        step = RecurrentCell(cell, units, projection, use_bias, bias_init, **of_cell)
        super().__init__(step, **kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def inner_loop(
        self, sequences: Tensor, initial_state: Tensor, mask: Tensor, training: bool = False
    ) -> Any:
        """What `keras.layers.RNN` calls to walk over the steps; see `walk`."""
        options = ("return_sequences", "go_backwards", "stateful", "unroll", "zero_output_for_mask")
        return walk(
            module(self.cell.equations),
            sequences,
            mask,
            initial_state,
            self.cell.tensors(),
            **{name: getattr(self, name) for name in options},
        )

    def get_config(self) -> dict[str, Any]:
        """What makes the same layer again: the cell is stored as its graph."""
        config: dict[str, Any] = super().get_config()
        return {**config, **self.cell.settings()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Recurrent:
        """The layer that `get_config` describes."""
        return cls(**config)

    def torch_weights(self, suffix: str = "_l0") -> dict[str, np.ndarray]:
        """The weights under PyTorch's names (`weight_ih_l0`), for `load_state_dict`."""
        graph = self.cell.equations.graph
        own = from_keras(graph, self._arrays())
        return {f"{name}{suffix}": w for name, w in to_torch(graph, own).items()}

    def load_torch(self, tensors: Mapping[str, Any], suffix: str = "_l0") -> None:
        """Takes the weights of one layer and direction of PyTorch, or of `ostinato.nn`.

        Args:
            tensors: a state dict; what ends in another suffix is passed over.
            suffix: which of its layers: `_l0`, `_l1_reverse`.

        Raises:
            ConfigError: when the names are not those of this cell.
        """
        graph = self.cell.equations.graph
        given = {
            name.removesuffix(suffix): np.asarray(tensor)
            for name, tensor in tensors.items()
            if name.endswith(suffix)
        }
        stacks = torch_stacks(graph)
        names = [name for s in stacks for name in (s.weight, s.bias) if name]
        names += torch_vectors(graph)
        if given.keys() != set(names):
            raise ConfigError(
                f"cell {graph.name!r} has {', '.join(sorted(names))}, not "
                f"{', '.join(sorted(given)) or 'none'} with the suffix "
                f"{suffix!r}"
            )
        self._take(to_keras(graph, from_torch(graph, given)))

    def keras_weights(self) -> list[np.ndarray]:
        """The weights as Keras' own layer for these equations has them, for its `set_weights`.

        Raises:
            ConfigError: when Keras has no such layer.
        """
        self._known()
        return to_keras_layer(self.cell.equations.graph, self._arrays())

    def load_keras(self, weights: Sequence[Tensor]) -> None:
        """Takes the weights that Keras' own layer gives with `get_weights`.

        Raises:
            ConfigError: when Keras has no layer for these equations.
        """
        self._known()
        self._take(from_keras_layer(self.cell.equations.graph, list(weights)))

    def _known(self) -> None:
        graph = self.cell.equations.graph
        if keras_layer(graph) is None:
            known = ", ".join(LAYERS)
            raise ConfigError(f"Keras has no layer for cell {graph.name!r}; it has one for {known}")

    def _arrays(self) -> dict[str, np.ndarray]:
        self._want_weights()
        return {w.name: keras.ops.convert_to_numpy(w) for w in self.cell.weights}

    def _take(self, tensors: Mapping[str, Any]) -> None:
        self._want_weights()
        for variable in self.cell.weights:
            tensor = tensors[variable.name]
            if tensor.shape != tuple(variable.shape):
                raise ConfigError(
                    f"{variable.name} is {tuple(variable.shape)}, given is {tensor.shape}"
                )
        for variable in self.cell.weights:
            variable.assign(tensors[variable.name])

    def _want_weights(self) -> None:
        if not self.cell.built:
            raise ConfigError("the layer has no weights yet: call it, or build((None, None, D))")


def _found(cell: Cell | str | Mapping[str, Any]) -> Cell:
    if isinstance(cell, Cell):
        return cell
    if isinstance(cell, str):
        return cells.find(cell)
    if isinstance(cell, Mapping):
        graph = graph_from_json(dict(cell))
        return Cell(graph.name, graph)
    raise ConfigError(f"cell must be a cell made with @cell, or a name, not {type(cell)}")
