"""From logits to labels: what is fitted on the validation texts after training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError
from ostinato.tasks.classify.calibration import error_of, fit_temperature, probabilities
from ostinato.tasks.classify.threshold import best_thresholds


@dataclass(frozen=True)
class Decision:
    """How probabilities and labels come from a network's logits.

    Attributes:
        temperature: what logits are divided by, see `tasks.calibration`.
        thresholds: the probability threshold of a label: for two classes that of the second, for
            multi-label texts one for each label. None predicts the most probable class, or all
            labels with a probability of at least one half.
        errors: the expected calibration error on the validation texts, without the temperature
            and with it; None where it is not known.
    """

    temperature: float = 1.0
    thresholds: tuple[float, ...] | None = None
    errors: tuple[float, float] | None = None

    @classmethod
    def fit(
        cls,
        logits: NDArray[np.float32],
        truth: NDArray[np.bool_],
        multi_label: bool,
        calibrate: bool = True,
        threshold: float | Literal["f1", "accuracy"] | None = None,
    ) -> Self:
        """The decision for texts that were held out.

        Args:
            logits: (N, K).
            truth: (N, K), whether the text has the label.
            multi_label: whether a text has any number of labels, also none.
            calibrate: whether to fit the temperature.
            threshold: the thresholds, or what they are to be best for.
        """
        temperature = fit_temperature(logits, truth, multi_label) if calibrate else 1.0
        raw = probabilities(logits, multi_label)
        found = probabilities(logits / np.float32(temperature), multi_label)
        self = cls(
            temperature,
            None,
            (error_of(raw, truth, multi_label), error_of(found, truth, multi_label)),
        )
        if isinstance(threshold, str):
            columns = slice(None) if multi_label else slice(1, 2)
            best = best_thresholds(found[:, columns], truth[:, columns], threshold)
            return replace(self, thresholds=best)
        return self if threshold is None else self.at(threshold, truth.shape[1], multi_label)

    def at(self, threshold: float, classes: int, multi_label: bool) -> Self:
        """The same decision with another threshold, one for all labels.

        Raises:
            ConfigError: for one out of range, or where the most probable of many classes is given.
        """
        check_threshold(classes, multi_label)
        if not 0 <= threshold <= 1:
            raise ConfigError(f"the threshold must be a probability, from 0 to 1, not {threshold}")
        return replace(self, thresholds=(float(threshold),) * (classes if multi_label else 1))

    def given(self, probabilities: NDArray[np.float32], multi_label: bool) -> NDArray[np.bool_]:
        """Which labels are given to texts of these probabilities, both (N, K)."""
        p = probabilities.astype(np.float64)
        if multi_label:
            thresholds = np.array(self.thresholds or (0.5,))
            labels: NDArray[np.bool_] = p >= thresholds
            return labels
        one = p.argmax(-1) if self.thresholds is None else (p[:, 1] >= self.thresholds[0]) + 0
        best: NDArray[np.bool_] = np.arange(p.shape[1]) == one[:, None]
        return best

    @classmethod
    def from_json(cls, found: Any, classes: int, multi_label: bool) -> Self:
        """What `dataclasses.asdict` made plain data of.

        Raises:
            ValueError: when it does not fit so many classes.
        """
        thresholds, errors = found["thresholds"], found["errors"]
        if thresholds is not None and not all(0 <= p <= 1 for p in thresholds):
            raise ValueError(f"thresholds of {thresholds}")
        if not 0 < found["temperature"] < np.inf:
            raise ValueError(f"a temperature of {found['temperature']}")
        if thresholds is not None and len(thresholds) != (classes if multi_label else 1):
            raise ValueError(f"{len(thresholds)} thresholds for {classes} classes")
        return cls(
            float(found["temperature"]),
            None if thresholds is None else tuple(map(float, thresholds)),
            None if errors is None else (float(errors[0]), float(errors[1])),
        )


def check_threshold(classes: int, multi_label: bool) -> None:
    """Refuses a threshold where the most probable of many classes is given.

    Raises:
        ConfigError: then.
    """
    if classes > 2 and not multi_label:
        raise ConfigError(
            "a threshold requires two classes or multi-label texts; with "
            f"{classes} classes the most probable one is predicted"
        )
