"""JAX: `lax.scan` under `jit`, gradients by its vector-Jacobian product."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ostinato.bench import training
from ostinato.bench.case import BenchCase
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.records import Arrays

Array: TypeAlias = Any
"""An array of JAX, or several; JAX is not typed here."""


def _step(cell: str) -> Array:
    """`step(z, states, w)`: z is the input's part of all gates (B, ·); None for other cells."""
    from jax import numpy as jnp
    from jax.nn import sigmoid

    def rnn(z: Array, states: Array, w: Array) -> Array:
        return (jnp.tanh(z + states[0] @ w["weight_hh"].T + w["bias_hh"]),)

    def lstm(z: Array, states: Array, w: Array) -> Array:
        h, c = states
        i, f, g, o = jnp.split(z + h @ w["weight_hh"].T + w["bias_hh"], 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(c), c

    def gru(z: Array, states: Array, w: Array) -> Array:
        (h,) = states
        r, u, n = jnp.split(z, 3, -1)
        hr, hu, hn = jnp.split(h @ w["weight_hh"].T + w["bias_hh"], 3, -1)
        n = jnp.tanh(n + sigmoid(r + hr) * hn)
        return (n + sigmoid(u + hu) * (h - n),)

    def normal(a: Array, w: Array, gate: str) -> Array:
        centred = a - a.mean(-1, keepdims=True)
        scaled = centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return w[f"gain_{gate}"] * scaled + w[f"shift_{gate}"]

    def layer_norm_lstm(z: Array, states: Array, w: Array) -> Array:
        h, c = states
        gates = jnp.split(z + h @ w["weight_hh"].T, 4, -1)
        i, f, g, o = (normal(a, w, k) for k, a in zip("ifgo", gates, strict=True))
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(normal(c, w, "h")), c

    known = {"rnn": rnn, "lstm": lstm, "gru": gru, "layer_norm_lstm": layer_norm_lstm}
    return known.get(cell)


def _arrays(case: BenchCase) -> tuple[Array, Array, Array]:
    """Weights, inputs, and the states before the first step."""
    from jax import numpy as jnp

    w = {name: jnp.asarray(value.numpy()) for name, value in case.weights.items()}
    first = jnp.zeros((case.shape.B, case.shape.H))
    return w, jnp.asarray(case.x.numpy()), (first,) * len(case.cell.graph.state_names)


def scan(case: BenchCase) -> Ready | None:
    """`lax.scan` over the steps; in a ragged batch a state stays where its sequence has ended."""
    step = _step(case.cell_name)
    if case.line in ("step", "memory", *training.JOBS) or step is None:
        return None
    import jax
    from jax import numpy as jnp

    w, x, first = _arrays(case)
    alive = jnp.asarray(case.mask.numpy()) > 0
    ragged = case.line == "ragged"

    def forward(w: Array, x: Array) -> Array:
        z = x @ w["weight_ih"].T + w.get("bias_ih", 0.0)

        def body(states: Array, now: Array) -> Array:
            z_t, alive_t = now
            new = step(z_t, states, w)
            if ragged:
                new = tuple(jnp.where(alive_t, n, s) for n, s in zip(new, states, strict=True))
            return new, new[0]

        states, outputs = jax.lax.scan(body, first, (z, alive))
        return outputs, states[0]

    def both(w: Array, x: Array, d: Array) -> Array:
        found, pull_back = jax.vjp(forward, w, x)
        return found, pull_back(d)

    if not case.backward:
        ready = jax.jit(forward)
        return Ready(
            lambda: jax.block_until_ready(ready(w, x)),
            lambda found: dict(zip(("outputs", "last"), map(np.asarray, found), strict=True)),
        )
    trained = jax.jit(both)
    d = (jnp.asarray(case.d_outputs.numpy()), jnp.asarray(case.d_last.numpy()))

    def values(found: Array) -> Arrays:
        (outputs, last), (d_w, d_x) = found
        gradients = {f"d_{name}": np.asarray(value) for name, value in d_w.items()}
        given = {"outputs": outputs, "last": last, "d_x": d_x}
        return gradients | {k: np.asarray(v) for k, v in given.items()}

    return Ready(lambda: jax.block_until_ready(trained(w, x, d)), values)


def stream(case: BenchCase) -> Ready | None:
    """A jitted step, called once for each token."""
    step = _step(case.cell_name)
    if case.line != "step" or step is None:
        return None
    import jax

    w, x, first = _arrays(case)
    xs = list(x)

    def one(w: Array, x: Array, states: Array) -> Array:
        return step(x @ w["weight_ih"].T + w.get("bias_ih", 0.0), states, w)

    jitted = jax.jit(one)

    def run() -> list[Array]:
        states, outputs = first, []
        for x_t in xs:
            # A stream must have each output before it reads the next input.
            states = jax.block_until_ready(jitted(w, x_t, states))
            outputs.append(states[0])
        return outputs

    def values(outputs: list[Array]) -> Arrays:
        return {"outputs": np.stack(outputs), "last": np.asarray(outputs[-1])}

    return Ready(run, values)


CONTESTANTS = [
    Contestant("JAX", scan, needs=("jax",)),
    Contestant("JAX", stream, needs=("jax",)),
]
