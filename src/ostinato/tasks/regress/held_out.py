"""Examples whose numbers are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato.cells import find
from ostinato.data import Examples, LabelColumn, examples_of, read_labelled
from ostinato.errors import ConfigError
from ostinato.tasks.base.held_out import SEQUENCES, Given, HeldOut, Judged
from ostinato.tasks.regress.estimator import Regressor
from ostinato.tasks.regress.measures import measured
from ostinato.tasks.regress.prepare import baseline_of, before_validation, prepare, split_examples
from ostinato.tasks.regress.scale import targets_of
from ostinato.tasks.regress.settings import RegressSettings
from ostinato.train import Run


@dataclass(frozen=True)
class RegressHeldOut(HeldOut):
    """Examples whose numbers are asked for.

    The score of an example is its squared error over the variance of all of them: the mean of the
    scores is 1 - R².
    """

    examples: Examples
    biased: bool = False
    training: Given | None = None
    kind = Regressor
    metric = "rmse"
    lower = True

    @classmethod
    def read(cls, data: str, estimator: Regressor, run: Run) -> Self:
        """A source's test part; else all examples, without those that the run was trained on."""
        settings = estimator.settings()
        own = settings.data
        splits = read_labelled(data, own.text, own.targets, dialect=own.dialect)
        examples, trained = splits["train"], run.manifest.data
        digest = examples.fingerprint()
        known = (examples.texts, examples.labels) if digest == trained.get("sha256") else None
        if "test" in splits:
            return cls(splits["test"], training=known)
        if known:
            if isinstance(own.validation, str):
                raise ConfigError(
                    f"{run.path}: the run was trained on all of {data}, which cannot evaluate it"
                )
            _, examples = split_examples(examples, own.validation, settings.seed)
            return cls(examples, True, known)
        return cls(examples, digest == trained.get("validation_sha256"))

    def __len__(self) -> int:
        return len(self.examples)

    def fingerprint(self) -> str:
        """See the class."""
        return self.examples.fingerprint()

    @classmethod
    def trained_on(cls, training: Given) -> str:
        """That of texts and targets."""
        return _examples(training).fingerprint()

    def judge(self, estimator: Regressor) -> Judged:
        """RMSE, MAE, R², Spearman; and of each example the score, and what was predicted.

        Of its own data a regressor is judged as it was before its linear model learned from them.
        """
        if self.biased and self.training:
            known = Examples(*self.training)
            estimator = estimator.with_model(before_validation(estimator.model_, known))
        predicted = estimator.predict(self.examples.texts)
        both = {"targets": targets_of(self.examples).tolist(), "predicted": predicted.tolist()}
        beside = {}
        if estimator.linear_:
            alone = estimator.alone(self.examples.texts, targets_of(self.examples))
            beside["alone"] = {name: each.rmse for name, each in alone.items()}
        return self._judged(predicted) | both | beside

    def baseline(self, settings: RegressSettings, training: Given) -> Judged:
        """Ridge regression on words and pairs, or on summaries of series; see `fit_baseline`."""
        prepared = prepare(settings, find(settings.cell), _examples(training), False)
        fitted = baseline_of(prepared.training, prepared.model)
        own = {"parameters": fitted.parameters, "seconds": fitted.seconds}
        return {
            "name": "linear baseline",
            "reads": fitted.model.features.words,
            **self._judged(fitted.predict(self.examples.texts)),
            **own,
        }

    def loss(self, estimator: Regressor, network: Any) -> Callable[[], Tensor]:
        """Over the longest inputs; the loss is the squared error of the standardised target."""
        by_length = sorted(range(len(self)), key=lambda i: -len(self.examples.texts[i]))
        chosen = self.examples.select(by_length[:SEQUENCES])
        model = estimator.model_
        batch = model.encode(chosen.texts)
        targets = torch.from_numpy(model.scale.standardised(targets_of(chosen))).to(model.device)

        def of_batch() -> Tensor:
            return nn.functional.mse_loss(network(batch)[:, 0], targets, reduction="sum")

        return of_batch

    def _judged(self, predicted: NDArray[np.float64]) -> Judged:
        targets = targets_of(self.examples)
        spread = targets.std() or 1.0
        return {
            **asdict(measured(targets, predicted)),
            "scores": (((targets - predicted) / spread) ** 2).tolist(),
        }


def _examples(training: Given) -> Examples:
    """What `Regressor.fit` makes of what it is given."""
    inputs, targets = training if len(training) == 2 else (training[0], None)
    return examples_of(inputs, targets, label=LabelColumn("target", numeric=True))
