"""Keras 3: the step in `keras.ops`, for TensorFlow, PyTorch or JAX, walked by Keras' own loop.

The weights are laid out as Keras lays out its own (`ostinato.weights`). `Recurrent` is the layer
to build models with; Keras is imported when something here is first run, not when it is shown.
Where TensorFlow is not installed, `import keras` alone fails unless KERAS_BACKEND is set: import
`Recurrent` before it, which takes PyTorch then.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ostinato.equation.schedule import schedule
from ostinato.equation.trace import Cell
from ostinato.levels._stacked import StackedWriter, product
from ostinato.levels._text import (
    ATOM,
    INFIX,
    RESERVED,
    Names,
    further_names,
    indent,
    load,
    tuple_of,
)
from ostinato.weights import layouts

if TYPE_CHECKING:
    from ostinato.equation.graph import Graph
    from ostinato.levels._case import Asked, Case, Values
    from ostinato.levels.keras.layer import Recurrent, RecurrentCell

__all__ = [
    "Recurrent", "RecurrentCell", "absence", "asks", "missing", "obstacle", "rounds_to_float32",
    "run", "run_layer", "run_layer_reversed", "run_reversed", "scan", "source", "step", "supports",
]  # fmt: skip

BACKENDS = ("tensorflow", "torch", "jax")
"""Keras' backends that differentiate."""


def __getattr__(name: str) -> Any:
    if name in ("Recurrent", "RecurrentCell"):
        _require()
        from ostinato.levels.keras import layer

        return getattr(layer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Keras(StackedWriter):
    operators = INFIX | {
        "sigmoid": ("ops.sigmoid({0})", ATOM),
        "tanh": ("ops.tanh({0})", ATOM),
        "relu": ("ops.relu({0})", ATOM),
        "exp": ("ops.exp({0})", ATOM),
        "log": ("ops.log({0})", ATOM),
        "maximum": ("maximum({0}, {1})", ATOM),
        "normalize": ("normalize({0}, eps={eps})", ATOM),
    }
    axis = 1
    split = "ops.split({0}, {1}, -1)"

    def product(self, operand: str, stack: layouts.Stack, part: str) -> str:
        columns = f"[:, {part}]" if part else ""
        text = f"ops.matmul({operand}, p.{stack.weight}{columns})"
        if not stack.bias:
            return text
        return f"{text} + p.{stack.bias}" + (f"[{part}]" if part else "")


_HELPERS = {
    "normalize(": '''

def normalize(a, eps):
    """(a - mean a) / sqrt(var a + eps), over the units."""
    centred = a - ops.mean(a, -1, keepdims=True)
    return centred / ops.sqrt(ops.mean(centred**2, -1, keepdims=True) + eps)
''',
    "maximum(": '''

def maximum(a, b):
    """The larger of two; where they are equal each gets half the gradient, on every backend."""
    return ops.where(a > b, a, ops.where(a < b, b, (a + b) / 2))
''',
}

_TEXT = '''"""{name}, in Keras; p holds the weights as Keras has them, matrices (inputs, units)."""

{further_names}from keras import ops
{helpers}

def lift({x}, p):
    """What depends on the input alone, for all tokens at once: {x} (B, T, D)."""
{lift}
    return {lifted}


def step({arguments}, p):
    """One step: the new states (B, ·)."""
{body}
    return {new}
'''


def source(cell: Cell, backward: bool = False) -> str:
    """The cell as a Keras module; its backward step is the backend's, so `backward` adds nothing.

    The loop between `lift` and `step` is that of `keras.layers.RNN`.
    """
    plan = schedule(cell.graph)
    graph, stacks = plan.graph, layouts.keras_stacks(cell.graph)
    own = {product(matrix) for stack in stacks for matrix in stack.matrices}
    names = Names(graph, reserved=RESERVED | own | {"ops", "maximum"})
    front = _Keras(graph, stacks, names, graph.inputs)
    lift = front.lines(plan.frontier, apart=plan.frontier)
    main = _Keras(graph, stacks, names, (*plan.frontier, *graph.states))
    body = main.lines(graph.outputs)

    lifted = [names[i] for i in plan.frontier]
    new = tuple_of(main.read(o) for o in graph.outputs)
    return _TEXT.format(
        name=cell.name,
        further_names=further_names(graph),
        helpers="".join(h for use, h in _HELPERS.items() if use in f"{lift}{body}{new}"),
        x=names[graph.inputs[0]],
        lift=indent(lift),
        lifted=tuple_of(lifted) if lifted else "()",
        arguments=", ".join([*lifted, *(names[s] for s in graph.states)]),
        body=indent(body),
        new=new,
    )


def obstacle() -> str | None:
    """Why the Keras level cannot be proven here; None if it can. Imports Keras, if it is there."""
    if absence():
        return absence()
    import keras

    name = keras.backend.backend()
    return None if name in BACKENDS else f"Keras' backend {name} has no gradients"


def missing() -> str | None:
    """Which package has to be installed before Keras can be; None if none. Imports nothing."""
    if importlib.util.find_spec("keras") is None:
        return "Keras is not installed: pip install 'ostinato[keras]'"
    version = importlib.metadata.version("keras")
    if int(version.partition(".")[0]) < 3:
        return f"Keras {version} is installed, and Keras 3 is needed: pip install 'keras>=3'"
    backend = os.environ.get("KERAS_BACKEND")
    if backend in BACKENDS and importlib.util.find_spec(backend) is None:
        return f"KERAS_BACKEND is {backend}, which is not installed here"
    return None


@cache
def absence() -> str | None:
    """Why there is no Keras to run on here; None if there is. Imports it."""
    if reason := missing():
        return reason
    _choose_backend()
    try:
        importlib.import_module("keras")
    except (ImportError, ValueError) as error:
        return f"Keras cannot be imported ({error}): set KERAS_BACKEND to a backend that is here"
    return None


def _choose_backend() -> None:
    """Takes PyTorch where Keras would look for TensorFlow in vain; every other choice is kept.

    Keras reads KERAS_BACKEND, then its keras.json, and takes TensorFlow if neither says anything;
    it writes that into keras.json by itself, so what stands there need not be anyone's wish.
    """
    if os.environ.get("KERAS_BACKEND") or importlib.util.find_spec("tensorflow"):
        return
    home = os.environ.get("KERAS_HOME") or "~/.keras"
    try:
        settings = json.loads((Path(home).expanduser() / "keras.json").read_text("utf-8"))
    except (OSError, ValueError):
        settings = {}
    if settings.get("backend", "tensorflow") == "tensorflow":
        os.environ["KERAS_BACKEND"] = "torch"


def supports(cell: Cell) -> bool:
    """Whether Keras is here with a backend that differentiates; it can run every cell."""
    return obstacle() is None


def asks(graph: Graph) -> list[Asked]:
    """What else than everything a run may be asked for: the backend differentiates all the rest."""
    from ostinato.levels._case import Asked

    return [Asked(x=False)]


def _require() -> None:
    reason = absence()
    if reason:
        raise ImportError(reason)


def rounds_to_float32() -> bool:
    """Whether Keras multiplies in float32 in layers of float64 too: all backends but TensorFlow."""
    import keras

    return bool(keras.backend.backend() != "tensorflow")


@cache
def _module(cell: Cell) -> SimpleNamespace:
    _require()
    return load(source(cell), "keras level")


def step(cell: Cell) -> Callable[..., Any]:
    """`step(*lifted (B, ·), *states (B, ·), p) -> new states`."""
    step: Callable[..., Any] = _module(cell).step
    return step


def scan(cell: Cell) -> Callable[..., Any]:
    """`scan(x (B, T, D), mask (B, T) or None, states (B, ·), p) -> outputs (B, T, ·), states`."""
    module = _module(cell)

    def scan(x: Any, mask: Any, states: Any, p: Any, **options: Any) -> Any:
        from ostinato.levels.keras.layer import walk

        _, outputs, last = walk(module, x, mask, states, p, return_sequences=True, **options)
        return outputs, last

    return scan


def run(cell: Cell, case: Case) -> Values:
    """A ragged batch forward and backward through the layer, padded with NaN, in float64."""
    from ostinato.levels.keras import trial

    return trial.run(cell, case)


def run_reversed(cell: Cell, case: Case) -> Values:
    """The same case written backwards and read with `go_backwards`; results in its own order."""
    from ostinato.levels.keras import trial

    return trial.run(cell, case, backwards=True)


def run_layer(cell: Cell, case: Case) -> Values:
    """The case through Keras' own layer for these equations: the peer to prove against."""
    from ostinato.levels.keras import trial

    return trial.run_layer(cell, case)


def run_layer_reversed(cell: Cell, case: Case) -> Values:
    """The same, written backwards and read with `go_backwards`."""
    from ostinato.levels.keras import trial

    return trial.run_layer(cell, case, backwards=True)
