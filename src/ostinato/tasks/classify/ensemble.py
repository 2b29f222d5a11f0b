"""A network and a linear model that answer together: because it is asked for, or because it helps.

Asked for is a model of n-grams (`model.linear`); by default it is the baseline, where both together
are better on the validation part than the network alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato.data import Tokenizer
from ostinato.tasks.base.pooled.baseline import LinearModel
from ostinato.tasks.base.pooled.together import (
    FACTS,
    FEW,
    PRIOR,
    TENSORS,
    folds,
    helps,
    narrow,
    read_linear,
)
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.classify.baseline import ClassifyBaseline, columns_of
from ostinato.tasks.classify.bayes import NaiveBayesLinear
from ostinato.train import Run

Linear: TypeAlias = NaiveBayesLinear | ClassifyBaseline
_MOST = 5.0  # no member's log-probabilities are stretched further, however sure it may be


@dataclass(frozen=True)
class Prior:
    """What the weights of members are near, as long as few examples say otherwise.

    Attributes:
        shares: of each member, where all are equally sure of what they say.
        examples: how many examples it counts as.
    """

    shares: tuple[float, ...]
    examples: float

    def weights(self, said: NDArray[np.float64]) -> NDArray[np.float64]:
        """The shares, divided by how far each member's log-probabilities (M, N, K) spread.

        A network is often surer of itself than it should be, and would outweigh the others.
        """
        spread = (said - said.mean(-1, keepdims=True)).std((1, 2)) + 1e-9
        weights: NDArray[np.float64] = np.array(self.shares) * spread.mean() / spread
        return weights


TEXTS = Prior((0.5, 0.5), PRIOR)
SERIES = Prior((0.25, 0.75), FEW)
"""Of a few dozen series ridge regression on convolutions learns more than a network does: on six
sets of the UCR archive with 36 to 270 series it alone was right in 87 to 100 % of the tests, the
network alone in 54 to 98 %."""


@dataclass(frozen=True)
class LinearMember:
    """A linear model that answers together with a network.

    Attributes:
        model: the linear model: of n-grams, or the baseline.
        weights: of the network's and the linear model's log-probabilities (2,), see `pool`.
        accuracy: on the validation part, of the linear model fitted on the training part alone.
        together: accuracy of both, likewise; the weights were found there, too.
        seconds: how long fitting took.
    """

    model: Linear
    weights: NDArray[np.float64]
    accuracy: float
    together: float
    seconds: float = 0.0

    @classmethod
    def of(
        cls,
        model: Linear,
        network: NDArray[np.float32],
        said: NDArray[np.float32],
        targets: NDArray[np.number],
        prior: Prior | None = None,
    ) -> Self:
        """The member with the weights that are best on the validation part, see `pool_weights`.

        Args:
            model: fitted on the training part.
            network: what the network says of the validation part: logits (N, K).
            said: what the linear model says of it: logits (N, K).
            targets: the class of each (N,), or whether it has each label (N, K).
            prior: see `pool_weights`.
        """
        weights = pool_weights([network, said], targets, prior)
        together = pool([network, said], weights, targets.ndim > 1)
        return cls(model, weights, *(_accuracy(each, targets) for each in (said, together)))

    @classmethod
    def of_baseline(
        cls,
        baseline: ClassifyBaseline,
        network: NDArray[np.float32],
        said: NDArray[np.float32],
        targets: NDArray[np.number],
        series: bool = False,
    ) -> Self | None:
        """The baseline as a member, where both together are better than the network alone.

        Both are judged on each fifth of the validation part with weights that were found on the
        rest: by -ln p of the labels, see `helps`. Their labels must not be worse beyond chance.
        With fewer than `FEW` series that alone counts: the network, whose epoch was chosen on them,
        is surer of them than of others.

        Args:
            baseline, network, said, targets: see `of`.
            series: whether they are series of numbers, of which few are enough for the baseline.
        """
        from ostinato.statistics import is_better  # see `helps`

        prior = SERIES if series else TEXTS
        alone = _left_out([network], targets, Prior((1.0,), prior.examples))
        both = _left_out([network, said], targets, prior)
        right, more = (f1_of_each(logits, targets) for logits in (alone, both))
        worse, few = is_better(right, more), series and len(targets) < FEW
        if worse or not (few or helps(_nats(alone, targets), _nats(both, targets))):
            return None
        return cls.of(baseline, network, said, targets, prior)

    @property
    def multi_label(self) -> bool:
        """Whether a text has any number of labels, also none."""
        return isinstance(self.model, ClassifyBaseline) and self.model.multi_label

    @property
    def is_baseline(self) -> bool:
        """Whether it is the baseline, which nobody asked for."""
        return isinstance(self.model, ClassifyBaseline)

    @property
    def name(self) -> str:
        """What the linear model is called."""
        return "linear baseline" if self.is_baseline else "linear model"

    @property
    def reads(self) -> str:
        """What the linear model reads, in words."""
        if isinstance(self.model, NaiveBayesLinear):
            return f"n-grams up to {self.model.order}"
        return self.model.model.features.words

    def join(
        self, network: NDArray[np.float32], linear: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """What both say together, from logits (N, K) of each."""
        return pool([network, linear], self.weights, self.multi_label)

    def write(self, run: Run) -> None:
        """Keeps it in a run folder."""
        run.write_tensors(TENSORS, self.model.to_tensors())
        run.write_json(
            FACTS,
            {
                "weights": self.weights.tolist(),
                "validation_accuracy": self.accuracy,
                "validation_accuracy_together": self.together,
                "seconds": self.seconds,
            },
        )

    @classmethod
    def read(cls, run: Run, order: int, symbols: int, classes: int) -> Self:
        """A model of n-grams that `write` kept.

        Args:
            run: the run.
            order: the longest n-gram.
            symbols: V.
            classes: K.

        Raises:
            RunError: when it is missing or damaged.
        """
        model = read_linear(
            run, lambda of: NaiveBayesLinear.of_tensors(of, order, symbols, classes)
        )
        return cls(model, *from_json(run, FACTS, _facts))

    @classmethod
    def read_baseline(
        cls, run: Run, split: Tokenizer | None, classes: Sequence[str], multi_label: bool
    ) -> Self:
        """A baseline that `write` kept.

        Args:
            run: the run.
            split: the tokenizer of the network; None where series are read.
            classes: their names.
            multi_label: whether a text has any number of labels, also none.

        Raises:
            RunError: when it is missing or damaged.
        """
        columns = columns_of(len(classes), multi_label)
        model = read_linear(run, lambda of: LinearModel.of_tensors(of, split, columns))
        facts = from_json(run, FACTS, _facts)
        return cls(ClassifyBaseline(model, [*classes], multi_label, facts[-1]), *facts)


def _facts(read: Mapping[str, Any]) -> tuple[NDArray[np.float64], float, float, float]:
    weights = np.array(read["weights"], np.float64).reshape(2)
    both = float(read["validation_accuracy"]), float(read["validation_accuracy_together"])
    return weights, *both, float(read["seconds"])


def pool(
    members: Sequence[NDArray[np.float32]], weights: NDArray[np.float64], multi_label: bool = False
) -> NDArray[np.float32]:
    """The logarithmic opinion pool of members' answers: logits (N, K).

        ln p_k = Σ_m w_m ln p_mk + constant

    For multi-label texts the same of each label's odds p / (1 - p). Genest & Zidek 1986,
    "Combining Probability Distributions".

    >>> one, two = np.log([[0.8, 0.2]]), np.log([[0.5, 0.5]])
    >>> p = np.exp(pool([one, two], np.array([0.5, 0.5])))
    >>> float((p[0, 0] / p[0, 1]).round(6))
    2.0

    Args:
        members: what each says of the same texts: logits (N, K).
        weights: of each member (M,).
        multi_label: whether texts are multi-label.
    """
    return narrow(np.tensordot(weights, _said(members, multi_label), 1))


def pool_weights(
    members: Sequence[NDArray[np.float32]], targets: NDArray[np.number], prior: Prior | None = None
) -> NDArray[np.float64]:
    """The weights (M,) of `pool` with the smallest cross-entropy; each from 0 to 5.

    They need not sum to 1: a member that is too sure of itself is calibrated by the same number.
    The cross-entropy is convex in the weights, so there is one minimum.

    Args:
        members: what each says of texts that it has not seen: logits (N, K).
        targets: the class of each text (N,), or whether it has each label (N, K).
        prior: what the weights are near, unless the texts say otherwise. With its weights v and
            the texts n that it counts as, n Σ (w - v)² / 2 is added to the sum over texts.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    multi_label = targets.ndim > 1
    said = _said(members, multi_label)
    if not len(targets):
        return np.full(len(members), 1 / len(members))
    prior = prior or Prior((1 / len(members),) * len(members), 0)
    start, examples = prior.weights(said), prior.examples
    truth = _truth(targets, said.shape[2])

    def cross_entropy(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = np.tensordot(weights, said, 1)
        p = expit(z) if multi_label else np.exp(_log_softmax(z))
        away, count = examples * (weights - start), len(targets)
        loss = float(_nats(z, targets).sum() + (weights - start) @ away / 2) / count
        return loss, ((said * (p - truth)).sum((1, 2)) + away) / count

    bounds = [(0.0, _MOST)] * len(members)
    found = minimize(cross_entropy, start, jac=True, bounds=bounds, method="L-BFGS-B")
    weights: NDArray[np.float64] = found.x
    return weights


def _left_out(
    members: Sequence[NDArray[np.float32]], targets: NDArray[np.number], prior: Prior
) -> NDArray[np.float32]:
    """`pool` (N, K) of each fifth of texts, with weights that were found on the others."""
    found = np.empty_like(members[0])
    for out in folds(len(targets)):
        weights = pool_weights([member[~out] for member in members], targets[~out], prior)
        found[out] = pool([member[out] for member in members], weights, targets.ndim > 1)
    return found


def _said(members: Sequence[NDArray[np.float32]], multi_label: bool) -> NDArray[np.float64]:
    """What is weighted: log-probabilities, or the logits of labels (M, N, K)."""
    return np.stack([np.float64(m) if multi_label else _log_softmax(m) for m in members])


def _nats(logits: NDArray[np.floating], targets: NDArray[np.number]) -> NDArray[np.float64]:
    """-ln p of the labels of each text (N,)."""
    if targets.ndim == 1:
        return -_log_softmax(logits)[np.arange(len(targets)), targets.astype(np.int64)]
    from scipy.special import log_expit

    nats: NDArray[np.float64] = -log_expit(np.where(targets > 0, 1.0, -1.0) * logits).sum(1)
    return nats


def _truth(targets: NDArray[np.number], classes: int) -> NDArray[np.bool_]:
    """Whether each text has each label (N, K)."""
    truth: NDArray[np.bool_] = targets > 0
    return truth if targets.ndim > 1 else np.arange(classes) == targets[:, None]


def given_labels(logits: NDArray[np.float32], multi_label: bool) -> NDArray[np.bool_]:
    """Which labels are given (N, K): the most probable one, or all that are rather there."""
    given: NDArray[np.bool_] = logits >= 0
    return given if multi_label else _truth(logits.argmax(1), logits.shape[1])


def f1_of_each(logits: NDArray[np.float32], targets: NDArray[np.number]) -> NDArray[np.float64]:
    """F1 of the labels that each text is given (N,); of one label whether it is right."""
    given, truth = given_labels(logits, targets.ndim > 1), _truth(targets, logits.shape[1])
    found = given.sum(1) + truth.sum(1)
    return np.where(found > 0, 2 * (given & truth).sum(1) / np.maximum(found, 1), 1.0)


def _accuracy(logits: NDArray[np.float32], targets: NDArray[np.number]) -> float:
    """The part of texts all of whose labels are right."""
    return float((f1_of_each(logits, targets) == 1).mean())


def _log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    log: NDArray[np.float64] = torch.from_numpy(np.float64(logits)).log_softmax(-1).numpy()
    return log
