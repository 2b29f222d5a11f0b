"""Ostinato: recurrent sequence models, each cell written once as its equations.

What is named here is imported when it is first used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ostinato.equation": (
        "affine", "cell", "exp", "layer_norm", "log", "maximum", "relu", "scale", "sigmoid",
        "tanh", "Cell", "Worked",
    ),
    "ostinato.tasks": ("load",),
    "ostinato.tasks.classify.estimator": ("Classifier",),
    "ostinato.tasks.forecast.estimator": ("Forecaster",),
    "ostinato.tasks.generate.estimator": ("Generator",),
    "ostinato.tasks.regress.estimator": ("Regressor",),
    "ostinato.tasks.tag.estimator": ("Tagger",),
    "ostinato.tasks.transduce.estimator": ("Transducer",),
}  # fmt: skip

__all__ = [
    "Cell",
    "Classifier",
    "Forecaster",
    "Generator",
    "Regressor",
    "Tagger",
    "Transducer",
    "Worked",
    "affine",
    "cell",
    "exp",
    "layer_norm",
]
__all__ += ["load", "log", "maximum", "native", "nn", "relu", "scale", "sigmoid", "tanh"]


def __getattr__(name: str) -> Any:
    if name in ("native", "nn"):
        return importlib.import_module(f"ostinato.{name}")
    for home, inside in _HOMES.items():
        if name in inside:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'ostinato' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
