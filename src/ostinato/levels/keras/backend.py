"""Which Keras is here, and on which backend it computes."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""A tensor of the backend, or an array that it takes; Keras has no types."""
BACKENDS = ("tensorflow", "torch", "jax")
"""Keras' backends that differentiate."""


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
        return "Keras is not installed: pip install 'keras>=3,<4'"
    version = importlib.metadata.version("keras")
    if int(version.partition(".")[0]) < 3:
        return f"Keras {version} is installed, and Keras 3 is needed: pip install 'keras>=3,<4'"
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


def require() -> None:
    """Raises an ImportError that says why where Keras is not here."""
    reason = absence()
    if reason:
        raise ImportError(reason)


def rounds_to_float32() -> bool:
    """Whether Keras multiplies in float32 in layers of float64 too: all backends but TensorFlow."""
    import keras

    return bool(keras.backend.backend() != "tensorflow")
