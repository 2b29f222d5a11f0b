"""From examples with numbers to all that training a regressor begins with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Examples, read_labelled, split_blocks
from ostinato.data.symbols.vocabulary import unknown_share
from ostinato.equation import Cell
from ostinato.errors import DataError, counted
from ostinato.statistics import is_better
from ostinato.tasks.base import defaults
from ostinato.tasks.base.defaults import Facts
from ostinato.tasks.base.estimator import Prepared
from ostinato.tasks.base.pooled.model import PooledSequences
from ostinato.tasks.base.pooled.prepare import PooledInputs, in_memory, learn_inputs
from ostinato.tasks.regress.baseline import RegressBaseline, fit_baseline
from ostinato.tasks.regress.ensemble import RegressMember
from ostinato.tasks.regress.learner import RegressLearner
from ostinato.tasks.regress.measures import RegressMeasures, measured
from ostinato.tasks.regress.model import RegressModel
from ostinato.tasks.regress.scale import TargetScale, targets_of
from ostinato.tasks.regress.settings import RegressSettings
from ostinato.train import Record, Run


@dataclass
class RegressPrepared(Prepared):
    """What training a regressor begins with.

    Attributes:
        model: the regressor, without a network.
        digests: see `Prepared`.
        training, validation: the examples of both parts.
        sequences, held: their inputs as symbols, or signals on the scale of training.
        inputs: what the network begins with, and both parts as numbers.
        baseline: the linear baseline, once it is fitted on the training part.
        measures: on the validation part, by baseline.
        better: the baselines whose errors are smaller than the network's there, beyond chance.
        together: of network and baseline on the same part, where both answer.
    """

    model: RegressModel
    digests: dict[str, str]
    training: Examples
    validation: Examples
    sequences: PooledSequences
    held: PooledSequences
    inputs: PooledInputs
    baseline: RegressBaseline | None = None
    measures: dict[str, RegressMeasures] | None = None
    better: list[str] = field(default_factory=list)
    together: RegressMeasures | None = None
    _said: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # by each baseline

    def learner(self) -> RegressLearner:
        """See `Prepared`."""
        model = self.model
        self.inputs.begin([model.network])
        training, validation = targets_of(self.training), targets_of(self.validation)
        return RegressLearner(model, (self.sequences, training), (self.held, validation))

    def no_better(self, record: Record) -> str | None:
        """See `Prepared`: the mean of the training targets."""
        mean = np.full(len(self.validation), self.model.scale.mean)
        rmse = measured(targets_of(self.validation), mean).rmse
        found = f"always the mean (RMSE {rmse:.6g})"
        return found if record["rmse"] >= rmse else None

    def unknown(self) -> float | None:
        """See `Prepared`."""
        return None if self.model.numbers else unknown_share(map(np.asarray, self.held.rows))

    def finish(self) -> None:
        """Lets the baseline answer too, where that is better on the validation part.

        In the end it may learn from that part, too: no choice is left to make with it.
        """
        model, validation = self.model, in_memory(self.validation)
        if self.baseline is None:
            return
        own, targets = model.values(validation.texts), targets_of(validation)
        errors = -((own - targets) ** 2)
        self.better = [
            name for name, said in self._said.items() if is_better(-((said - targets) ** 2), errors)
        ]
        if model.settings.model.alone:
            return
        z = [model.scale.standardised(each) for each in (own, self._said["linear"], targets)]
        exact = [each.astype(np.float64) for each in z]
        model.linear = RegressMember.chosen(self.baseline.model, *exact)
        if model.linear:
            both = model.linear.join(z[0], z[1])
            self.together = measured(targets, model.scale.restored(both))
            if model.linear_learns_all:
                every = self.training.joined(validation)
                model.linear = replace(model.linear, model=baseline_of(every, model).model)

    def fit_baseline(self, run: Run | None) -> None:
        """Fits the linear baseline, and measures it and the mean on the validation part."""
        model, training, validation = self.model, self.training, in_memory(self.validation)
        fitted = baseline_of(training, model)
        targets, mean = targets_of(validation), model.scale.mean
        linear = fitted.predict(validation.texts)
        self._said = {"linear": linear, "mean": np.full(len(targets), mean)}
        self.baseline = fitted
        self.measures = {name: measured(targets, said) for name, said in self._said.items()}
        if run:
            own = {"parameters": fitted.parameters, "seconds": fitted.seconds}
            found = {name: asdict(each) for name, each in self.measures.items()}
            run.write_json("baseline.json", {**found, **own})


def prepare(
    settings: RegressSettings, cell: Cell, examples: Examples, digest: bool
) -> RegressPrepared:
    """Splits examples, and learns from the training part all that the network does not.

    Args:
        settings: those of the regressor.
        cell: the recurrence.
        examples: texts or signals, and their targets.
        digest: whether to compute the SHA-256 of what is trained on.

    Raises:
        DataError: when there are fewer than two examples to train on, or all targets are the same.
        ConfigError: for settings that do not fit the data.
    """
    own, digests = settings.data, {"sha256": examples.fingerprint()} if digest else {}
    if isinstance(own.validation, str):
        held = read_labelled(own.validation, own.text, own.targets, dialect=own.dialect)
        training, validation = examples, held["train"]
        digests |= {"validation_sha256": validation.fingerprint()} if digest else {}
    else:
        training, validation = split_examples(examples, own.validation, settings.seed)
    model = RegressModel(settings=settings, cell=cell, scale=TargetScale.of(targets_of(training)))
    inputs = learn_inputs(model, training.texts, validation.texts)
    digests |= inputs.digests if digest else {}
    facts = Facts(list(map(len, inputs.training)), len(validation), model.numbers is not None)
    model.settings = defaults.regressed(model.settings, facts)
    parts = PooledSequences(inputs.training), PooledSequences(inputs.validation)
    return RegressPrepared(model, digests, training, validation, *parts, inputs)


def split_examples(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """Examples to train on, and a share held out: whole blocks of neighbours, in file order.

    As of classes, blocks are held out of each fifth of the targets, from the smallest to the
    largest, so that both parts have targets of all sizes also where a file is sorted by them. Where
    there are fewer than a hundred examples, a part of the targets has twenty.

    Raises:
        DataError: when there are fewer than two to train on.
    """
    if len(examples) < 3:
        raise DataError(
            f"a regressor needs three samples to learn from, not {counted(len(examples), 'sample')}"
        )
    targets, parts = targets_of(examples), min(max(len(examples) // 20, 1), 5)
    edges = np.quantile(targets, np.arange(1, parts) / parts)
    size = [str(part) for part in np.searchsorted(edges, targets)]
    kept, held = split_blocks(size, share, seed)
    return examples.select(np.sort(kept)), examples.select(np.sort(held))


def baseline_of(examples: Examples, model: RegressModel) -> RegressBaseline:
    """The linear baseline of a model, fitted on examples."""
    kept = in_memory(examples)
    seed = model.settings.seed
    return fit_baseline(kept.texts, targets_of(kept), model.tokenizer, model.scale, seed)


def before_validation(model: RegressModel, examples: Examples) -> RegressModel:
    """The model as it was before its linear model learned from the validation part.

    Args:
        model: a trained model.
        examples: all that it was trained on, of which a part was held out.
    """
    share = model.settings.data.validation
    if model.linear is None or not model.linear_learns_all or isinstance(share, str):
        return model
    training, _ = split_examples(examples, share, model.settings.seed)
    return model.with_linear(replace(model.linear, model=baseline_of(training, model).model))
