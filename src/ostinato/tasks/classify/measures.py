"""How well a classifier does on labelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ostinato.visible import visible


@dataclass(frozen=True)
class ClassifyMeasures:
    """How a classifier does on labelled texts.

    Attributes:
        accuracy: the part of texts whose label is right, or all of whose labels are.
        f1: the mean over classes of the harmonic mean of precision and recall (macro F1).
        micro_f1: F1 of all texts and labels together; where each text has one, the accuracy.
        report: precision, recall, F1 and count of each class, as a table.
        confusion: texts by true class (row) and predicted class (column) (K, K). For
            multi-label texts, [[TN, FP], [FN, TP]] of each label (K, 2, 2).
        classes: the classes, in the order of the rows.
        calibration_error: see `tasks.calibration.error_of`.
        uncalibrated_error: the same with the temperature 1.
    """

    accuracy: float
    f1: float
    micro_f1: float
    report: str
    confusion: NDArray[np.int64]
    classes: list[str]
    calibration_error: float
    uncalibrated_error: float


def micro_f1(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> float:
    """F1 = 2 TP / (2 TP + FP + FN) of all texts and labels (N, K); where each has one, accuracy."""
    return float(2 * (truth & given).sum() / max(truth.sum() + given.sum(), 1))


def measured(
    truth: NDArray[np.bool_],
    given: NDArray[np.bool_],
    classes: Sequence[str],
    multi_label: bool,
    uncalibrated_error: float = 0.0,
    calibration_error: float = 0.0,
) -> ClassifyMeasures:
    """What can be counted of labels (N, K) that texts have, and that they were given."""
    from sklearn.metrics import (
        classification_report,
        confusion_matrix,
        f1_score,
        multilabel_confusion_matrix,
    )

    numbers = list(range(len(classes)))
    if multi_label:
        y, p = truth.astype(int), given.astype(int)
        confusion = multilabel_confusion_matrix(y, p, labels=numbers)
    else:
        y, p = truth.argmax(1), given.argmax(1)
        confusion = confusion_matrix(y, p, labels=numbers)
    options = {"labels": numbers, "zero_division": 0}
    shown = [visible(name) for name in classes]
    return ClassifyMeasures(
        accuracy=float((truth == given).all(1).mean()),
        f1=float(f1_score(y, p, average="macro", **options)),
        micro_f1=float(f1_score(y, p, average="micro", **options)),
        report=str(classification_report(y, p, target_names=shown, digits=3, **options)),
        confusion=confusion,
        classes=list(classes),
        calibration_error=calibration_error,
        uncalibrated_error=uncalibrated_error,
    )
