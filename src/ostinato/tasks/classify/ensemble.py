"""A network and a linear model that answer together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato.data import Symbols
from ostinato.errors import RunError
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.classify.bayes import NaiveBayesLinear, fit_naive_bayes_linear
from ostinato.train import Run

_LARGEST = 2**31  # bytes that its file may have
_MOST = 5.0  # no member's log-probabilities are stretched further, however sure it may be


@dataclass(frozen=True)
class LinearMember:
    """A linear model of n-grams that answers together with a network.

    Attributes:
        model: the linear model, fitted on training and validation texts.
        weights: of the network's and the linear model's log-probabilities (2,), see `pool`.
        accuracy: on the validation texts, of the linear model fitted on the training texts alone.
        together: accuracy of both, on the same texts; the weights were found there, too.
        seconds: how long fitting took.
    """

    model: NaiveBayesLinear
    weights: NDArray[np.float64]
    accuracy: float
    together: float
    seconds: float

    @classmethod
    def fit(
        cls,
        training: tuple[Sequence[Symbols], NDArray[np.int64]],
        validation: tuple[Sequence[Symbols], NDArray[np.int64]],
        network: NDArray[np.float32],
        *,
        order: int,
        symbols: int,
    ) -> tuple[Self, NDArray[np.float32]]:
        """Fits the linear model on training texts, the weights on validation texts.

        Then it is fitted once more on both: texts that no choice is left to make with may teach.

        Args:
            training: texts as symbols, whole, and their classes.
            validation: likewise.
            network: what the network says of the validation texts: logits (N, K).
            order: the longest n-gram.
            symbols: V.

        Returns:
            The member; and what it said with the network of the validation texts (N, K) while it
            had not learned from them, for whoever judges or calibrates the two.
        """
        began = time.perf_counter()
        count = network.shape[1]
        model = fit_naive_bayes_linear(*training, count, order, symbols)
        texts, classes = validation
        alone = model.log_probabilities(texts)
        weights = pool_weights([network, alone], classes)
        together = pool([network, alone], weights)
        accuracy, both = (float((said.argmax(1) == classes).mean()) for said in (alone, together))
        all_ = [*training[0], *texts], np.concatenate([training[1], classes])
        model = fit_naive_bayes_linear(*all_, count, order, symbols)
        return cls(model, weights, accuracy, both, time.perf_counter() - began), together

    def join(
        self, network: NDArray[np.float32], linear: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """What both say (N, K): logits of the network, log-probabilities of the linear model."""
        return pool([network, linear], self.weights)

    def write(self, run: Run) -> None:
        """Keeps it in a run folder."""
        run.write_tensors("linear.safetensors", self.model.to_tensors())
        run.write_json(
            "linear.json",
            {
                "weights": self.weights.tolist(),
                "validation_accuracy": self.accuracy,
                "validation_accuracy_together": self.together,
                "seconds": self.seconds,
            },
        )

    @classmethod
    def read(cls, run: Run, order: int, symbols: int, classes: int) -> Self:
        """What `write` kept.

        Args:
            run: the run.
            order: the longest n-gram.
            symbols: V.
            classes: K.

        Raises:
            RunError: when it is missing or damaged.
        """
        tensors = run.read_tensors("linear.safetensors", _LARGEST)
        try:
            model = NaiveBayesLinear.of_tensors(tensors, order, symbols, classes)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{run.path / 'linear.safetensors'}: damaged ({error})") from None

        return cls(model, *from_json(run, "linear.json", _facts))


def _facts(read: Mapping[str, Any]) -> tuple[NDArray[np.float64], float, float, float]:
    weights = np.array(read["weights"], np.float64).reshape(2)
    both = float(read["validation_accuracy"]), float(read["validation_accuracy_together"])
    return weights, *both, float(read["seconds"])


def pool(
    members: Sequence[NDArray[np.float32]], weights: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The logarithmic opinion pool of members' answers: logits (N, K).

        ln p_k = Σ_m w_m ln p_mk + constant

    Genest & Zidek 1986, "Combining Probability Distributions".

    >>> one, two = np.log([[0.8, 0.2]]), np.log([[0.5, 0.5]])
    >>> p = np.exp(pool([one, two], np.array([0.5, 0.5])))
    >>> float((p[0, 0] / p[0, 1]).round(6))
    2.0

    Args:
        members: what each says of the same texts: logits (N, K).
        weights: of each member (M,).
    """
    said = np.stack([_log_softmax(member) for member in members])  # (M, N, K)
    return np.tensordot(weights, said, 1).astype(np.float32)


def pool_weights(
    members: Sequence[NDArray[np.float32]], classes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The weights (M,) of `pool` with the smallest cross-entropy; each from 0 to 5.

    They need not sum to 1: a member that is too sure of itself is calibrated by the same number.
    The cross-entropy is convex in the weights, so there is one minimum.

    Args:
        members: what each says of texts that it has not seen: logits (N, K).
        classes: the class of each text (N,).
    """
    from scipy.optimize import minimize

    said = np.stack([_log_softmax(member) for member in members])  # (M, N, K)
    rows = np.arange(len(classes))

    def cross_entropy(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log = _log_softmax(np.tensordot(weights, said, 1))
        excess = np.exp(log)
        excess[rows, classes] -= 1
        return -float(log[rows, classes].mean()), (said * excess).sum((1, 2)) / len(classes)

    start = np.full(len(members), 1 / len(members))
    bounds = [(0.0, _MOST)] * len(members)
    found = minimize(cross_entropy, start, jac=True, bounds=bounds, method="L-BFGS-B")
    weights: NDArray[np.float64] = found.x
    return weights


def _log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    log: NDArray[np.float64] = torch.from_numpy(np.float64(logits)).log_softmax(-1).numpy()
    return log
