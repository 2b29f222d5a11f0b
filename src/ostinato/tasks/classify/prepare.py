"""From labelled examples to all that training a classifier begins with."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Examples
from ostinato.data.symbols.vocabulary import unknown_share
from ostinato.equation import Cell
from ostinato.errors import ConfigError, quoted
from ostinato.statistics import LEVEL, by_chance, is_better
from ostinato.tasks.base import defaults
from ostinato.tasks.base.defaults import Facts
from ostinato.tasks.base.estimator import Prepared
from ostinato.tasks.base.pooled.model import PooledSequences
from ostinato.tasks.base.pooled.prepare import PooledInputs, in_memory, learn_inputs
from ostinato.tasks.classify.baseline import ClassifyBaseline, fit_baseline
from ostinato.tasks.classify.bayes import check_countable, fit_naive_bayes_linear
from ostinato.tasks.classify.calibration import probabilities
from ostinato.tasks.classify.class_weights import class_weights
from ostinato.tasks.classify.decision import Decision, check_threshold
from ostinato.tasks.classify.ensemble import Linear, LinearMember, f1_of_each, given_labels
from ostinato.tasks.classify.examples import (
    classes_in,
    more_examples,
    split_examples,
)
from ostinato.tasks.classify.learner import ClassifyLearner
from ostinato.tasks.classify.measures import ClassifyMeasures, measured
from ostinato.tasks.classify.model import ClassifyModel
from ostinato.tasks.classify.network import members_of
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.train import Record, Run


@dataclass
class ClassifyPrepared(Prepared):
    """What training a classifier begins with.

    Attributes:
        model: the classifier, without a network.
        digests: see `Prepared`.
        training, validation: the examples of both parts.
        sequences, held: their texts as symbols, or signals on the scale of training.
        inputs: what the network begins with, and both parts as numbers.
        baseline: the linear baseline, once it is fitted on the training part.
        baseline_measures: how well it does on the validation texts.
        baseline_better: whether it is better than the network there, beyond chance.
        together: how well network and baseline do together, where both answer.
    """

    model: ClassifyModel
    digests: dict[str, str]
    training: Examples
    validation: Examples
    sequences: PooledSequences
    held: PooledSequences
    inputs: PooledInputs
    baseline: ClassifyBaseline | None = None
    baseline_measures: ClassifyMeasures | None = None
    baseline_better: bool = False
    together: ClassifyMeasures | None = None
    _learner: ClassifyLearner = field(init=False)
    _said: NDArray[np.float32] = field(init=False)  # by the baseline, of the validation texts

    def learner(self) -> ClassifyLearner:
        """See `Prepared`."""
        model, settings = self.model, self.model.settings
        self.inputs.begin(members_of(model.network))
        truth, chosen = model.truth(self.training.labels), settings.model.class_weight
        self._learner = ClassifyLearner(
            model,
            (self.sequences, model.targets(self.training.labels)),
            (self.held, model.targets(self.validation.labels)),
            class_weights(chosen, model.class_names, truth, model.multi_label),
        )
        return self._learner

    def finish(self) -> None:
        """Finds who answers: the network, or a linear model too; and fits the decision.

        All of it by what is said of validation texts before anything has learned from them.
        """
        model, settings = self.model, self.model.settings.model
        found, judged = self._learner.held_out(), self.validation
        if self.baseline or settings.linear:
            found, judged = self._with_linear(found)
        truth, multi_label = model.truth(judged.labels), model.multi_label
        model.decision = Decision.fit(
            found, truth, multi_label, settings.calibrate, settings.threshold
        )
        if model.linear:
            given = model.given(probabilities(found, multi_label))
            self.together = measured(truth, given, model.class_names, multi_label)

    def no_better(self, record: Record) -> str | None:
        """See `Prepared`: the class that is most frequent in training."""
        if self.model.multi_label:
            return None if record["micro_f1"] else "no label at all"
        (most, _), *_ = Counter(self.training.labels).most_common(1)
        texts, hits = len(self.validation), round(record["accuracy"] * len(self.validation))
        share = self.validation.labels.count(most) / texts
        chance = by_chance(hits, texts, share)
        return f"always {quoted(most)} (accuracy {share:.4f})" if chance >= LEVEL else None

    def unknown(self) -> float | None:
        """See `Prepared`."""
        return None if self.model.numbers else unknown_share(map(np.asarray, self.held.rows))

    def fit_baseline(self, run: Run | None) -> None:
        """Fits the linear baseline, and measures it on the validation texts."""
        model = self.model
        training, validation = in_memory(self.training), in_memory(self.validation)
        fitted = baseline_of(training, model)
        self._said, truth = fitted.logits(validation.texts), model.truth(validation.labels)
        given = given_labels(self._said, model.multi_label)
        right = measured(truth, given, model.class_names, model.multi_label)
        self.baseline, self.baseline_measures = fitted, right
        if run:
            run.write_json(
                "baseline.json",
                {
                    "validation_accuracy": right.accuracy,
                    "validation_micro_f1": right.micro_f1,
                    "parameters": fitted.parameters,
                    "seconds": fitted.seconds,
                    "texts": len(training),
                },
            )

    def _with_linear(self, network: NDArray[np.float32]) -> tuple[NDArray[np.float32], Examples]:
        """Lets a linear model answer too: one that is asked for, or the baseline where it helps.

        In the end it may learn from validation texts, too: no choice is left to make with them.

        Args:
            network: what the network says of the validation texts: logits (N, K).

        Returns:
            What all that answer say of validation texts, before any has learned from these; and
            these.
        """
        model, settings, judged = self.model, self.model.settings.model, in_memory(self.validation)
        own = network if judged is self.validation else model.logits(judged.texts)
        targets = model.targets(judged.labels).numpy()
        if self.baseline:
            ours, theirs = (f1_of_each(logits, targets) for logits in (self._said, own))
            self.baseline_better = is_better(ours, theirs)
        began, member = time.perf_counter(), None
        if settings.linear:
            fitted = linear_of(in_memory(self.training), model)
            said, before = model.said_by(fitted, judged.texts), 0.0
            member = LinearMember.of(fitted, own, said, targets)
        elif self.baseline and not settings.alone:
            said, before = self._said, self.baseline.seconds
            series = model.numbers is not None
            member = LinearMember.of_baseline(self.baseline, own, said, targets, series)
        if member is None:
            return network, self.validation
        if model.linear_learns_all:
            both = in_memory(self.training).joined(judged)
            member = replace(member, model=linear_of(both, model))
        model.linear = replace(member, seconds=before + time.perf_counter() - began)
        return member.join(own, said), judged


def prepare(
    settings: ClassifySettings, cell: Cell, examples: Examples, digest: bool
) -> ClassifyPrepared:
    """Splits examples, and learns from the training part all that the network does not.

    Args:
        settings: those of the classifier.
        cell: the recurrence.
        examples: texts or signals, and their labels.
        digest: whether to compute the SHA-256 of what is trained on.

    Raises:
        DataError: when there are fewer than two classes of two texts.
        ConfigError: for settings that do not fit the data.
    """
    classes = classes_in(examples, settings.data.labels.multi_label)
    _check_asked(settings, len(classes))
    training, validation = split_examples(examples, settings)
    digests = {"sha256": examples.fingerprint()} if digest else {}
    model = ClassifyModel(settings=settings, cell=cell, classes=classes)
    if settings.data.extra:
        extra = more_examples(settings.data.extra, settings, examples)
        training = training.joined(extra)
        digests |= {"extra_sha256": extra.fingerprint()} if digest else {}
    if digest and isinstance(settings.data.validation, str):
        digests["validation_sha256"] = validation.fingerprint()
    inputs = learn_inputs(model, training.texts, validation.texts)
    digests |= inputs.digests if digest else {}
    if settings.model.linear:
        check_countable(settings.model.linear, model.symbols)
    facts = Facts(list(map(len, inputs.training)), len(validation), model.numbers is not None)
    model.settings = defaults.classified(model.settings, facts)
    sequences, held = PooledSequences(inputs.training), PooledSequences(inputs.validation)
    return ClassifyPrepared(model, digests, training, validation, sequences, held, inputs)


def _check_asked(settings: ClassifySettings, classes: int) -> None:
    """That thresholds and a linear model are asked for only where there can be some.

    Raises:
        ConfigError: where there cannot.
    """
    multi_label = settings.data.labels.multi_label
    if settings.model.threshold is not None:
        check_threshold(classes, multi_label)
    if settings.model.linear and multi_label:
        raise ConfigError(
            "model.linear: not available for multi-label texts, where the linear baseline "
            "answers with the network if that helps"
        )
    if settings.model.linear and settings.model.alone:
        raise ConfigError("model.alone and model.linear: give one of them")


def baseline_of(examples: Examples, model: ClassifyModel) -> ClassifyBaseline:
    """The linear baseline of a model, fitted on examples."""
    names, split, seed = model.class_names, model.tokenizer, model.settings.seed
    return fit_baseline(examples.texts, examples.labels, names, split, seed)


def linear_of(examples: Examples, model: ClassifyModel) -> Linear:
    """What may answer with the network, fitted on examples: what is asked for, or the baseline."""
    order = model.settings.model.linear
    if not order:
        return baseline_of(examples, model)
    texts, classes = model.whole(examples.texts), model.targets(examples.labels).numpy()
    return fit_naive_bayes_linear(texts, classes, len(model.classes), order, model.symbols)


def before_validation(model: ClassifyModel, examples: Examples) -> ClassifyModel:
    """The model as it was before its linear model learned from the validation part.

    Args:
        model: a trained model.
        examples: all that it was trained on, of which a part was held out.
    """
    if model.linear is None or not model.linear_learns_all:
        return model
    training, extra = split_examples(examples, model.settings)[0], model.settings.data.extra
    if extra:
        training = training.joined(more_examples(extra, model.settings, examples))
    training = in_memory(training)
    return model.with_linear(replace(model.linear, model=linear_of(training, model)))
