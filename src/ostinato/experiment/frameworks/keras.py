"""Keras 3: the same network of its layers, trained by its own step, on the backend that is set."""

from __future__ import annotations

import importlib
import os
import time

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError
from ostinato.experiment.frameworks import EPSILON, Show, TrainingPlan, TrainingResult, canonical
from ostinato.experiment.frameworks._course import course
from ostinato.levels import keras as level
from ostinato.levels.keras import missing

__all__ = ["APART", "TITLE", "missing", "train"]

TITLE = "Keras"
APART = True
"""A process has one backend, and its threads are set once."""


def train(plan: TrainingPlan, show: Show) -> TrainingResult:
    """Trains it by `train_on_batch`, with Keras' AdamW and clipping.

    Nothing is compiled ahead by `jit_compile`: XLA would compile anew for each length of a batch.
    On TensorFlow the step is one of its graphs all the same.

    Raises:
        ConfigError: where Keras, or what its backend needs, is missing.
    """
    settings = plan.settings
    _limit_threads(settings.train.threads or 1)
    show(0.0, "starting Keras")
    if reason := level.obstacle():
        raise ConfigError(reason)
    import keras

    from ostinato.experiment.frameworks._keras_network import KerasClassifier

    keras.config.set_floatx("float32")
    began = time.perf_counter()
    network = KerasClassifier(settings, plan.symbols, len(plan.classes))
    network.load(plan.weights)
    network.model.compile(
        optimizer=keras.optimizers.AdamW(
            settings.train.lr,
            weight_decay=settings.train.weight_decay,
            epsilon=EPSILON,
            global_clipnorm=settings.train.clip,
        ),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=settings.model.label_smoothing
        ),
        jit_compile=False,
    )
    ready = time.perf_counter() - began
    one_hot = np.eye(len(plan.classes), dtype=np.float32)

    def learn(batch: NDArray[np.intp], rate: float) -> float:
        values, lengths, classes = plan.batch(batch)
        network.model.optimizer.learning_rate = rate
        loss = network.model.train_on_batch(network.inputs(values, lengths), one_hot[classes])
        return float(np.ravel(loss)[0])

    def answer(values: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        logits = network.model.predict_on_batch(network.inputs(values, lengths))
        return np.asarray(logits, np.float32)

    found = course(plan, show, learn, answer)
    backend = keras.backend.backend()
    version = importlib.import_module(backend).__version__
    title = {"torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX"}[backend]
    return TrainingResult(
        software=f"Keras {keras.__version__} on {title} {version}",
        ready=ready,
        weights=canonical(settings, network.weights()),
        **found,
    )


def _limit_threads(threads: int) -> None:
    """Sets what the backends read when they start."""
    count = str(threads)
    os.environ |= {
        "OMP_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": "1",
        "XLA_FLAGS": "" if threads > 1 else "--xla_cpu_multi_thread_eigen=false",
    }
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import torch

    torch.set_num_threads(threads)
