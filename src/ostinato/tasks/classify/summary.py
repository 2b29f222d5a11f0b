"""What the commands show of a classifier: how it was trained, how good it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from ostinato.data import Examples
from ostinato.tasks.base.defaults import FEW, is_chosen
from ostinato.tasks.base.summary import (
    Fields,
    Figures,
    Message,
    Shown,
    SummaryTable,
    duration,
    parameters,
    together,
)

if TYPE_CHECKING:
    from ostinato.tasks.classify.estimator import Classifier
    from ostinato.tasks.classify.measures import ClassifyMeasures
    from ostinato.tasks.classify.model import ClassifyModel


MANY = 8
"""Classes from which on a table of all pairs is not printed."""
CONFUSIONS = 12
"""Pairs of classes that are printed in its place."""


def trained(classifier: Classifier, examples: Examples, test: Examples | None) -> Iterator[Shown]:
    """What was trained, and how good it is on the texts of a test part, if there is one."""
    yield from _models(classifier)
    multi_label = classifier.settings().data.labels.multi_label
    if multi_label and (without := sum(not label for label in examples.labels)):
        yield Message(f"{without:,} of {len(examples):,} texts have no label.")
    yield from _decision(classifier)
    if test is not None:
        result = classifier.evaluate(test.texts, test.labels)
        yield Message(f"test accuracy {result.accuracy:.4f}")
        yield Figures({"test": _figures(result, len(test))})
        if classifier.linear_:
            yield alone(classifier, test)


def alone(classifier: Classifier, examples: Examples) -> Message:
    """How good each is alone of those that answer together."""
    found = classifier.alone(examples.texts, examples.labels).items()
    return Message(f"alone: {', '.join(f'{part} {right:.4f}' for part, right in found)}")


def _models(classifier: Classifier) -> Iterator[Shown]:
    """The table of what was trained, on the validation texts, and which of it is best."""
    measures = {"accuracy": "validation accuracy"}
    if classifier.settings().data.labels.multi_label:
        measures = {"micro_f1": "validation micro F1", "accuracy": "all labels right"}
    best = classifier.best_
    cell, weights = classifier.network_.recurrent.cell.name, parameters(classifier.network_)
    spent = sum(record["seconds"] for record in classifier.history_)
    models = [(cell, [best[k] for k in measures], weights, spent)]
    baseline: list[float] = []
    if fitted := classifier.baseline_:
        baseline = [getattr(classifier, f"baseline_{k}_") for k in measures]
        models.append(("linear baseline", baseline, fitted.parameters, fitted.seconds))
    if linear := classifier.linear_:
        own, seconds = linear.model.parameters, linear.seconds
        both = [linear.together]
        if not linear.is_baseline:
            models.append(("linear model of n-grams", [linear.accuracy], own, seconds))
        elif classifier.together_:
            both = [getattr(classifier.together_, k) for k in measures]
        models.append((f"{cell} and {linear.name}", both, weights + own, spent + seconds))
    rows = [
        [name, *(f"{v:.4f}" for v in values), f"{count:,}", duration(seconds)]
        for name, values, count, seconds in models
    ]
    yield SummaryTable(["", *measures.values(), "parameters", "time"], rows)
    if classifier.baseline_better_:
        yield Message("The linear baseline is better.")
    if linear and linear.is_baseline:
        yield Message(together(cell))
    elif linear and linear.accuracy > best["accuracy"]:
        yield Message("The linear model alone is better than the network alone.")


def _decision(classifier: Classifier) -> Iterator[Shown]:
    """What was fitted after training, on the validation texts."""
    decision, names = classifier.decision_, classifier.class_names
    if not classifier.model_.settings.model.calibrate and not is_chosen(
        classifier.settings(), "model.calibrate"
    ):
        yield Message(f"Not calibrated: that needs {FEW} validation texts.")
    elif classifier.model_.settings.model.calibrate and decision.errors:
        before, after = decision.errors
        yield Message(
            f"Calibrated: temperature {decision.temperature:.2f}; calibration "
            f"error on the validation set {before:.3f} before, {after:.3f} "
            "after."
        )
    if decision.thresholds:
        # two classes have one threshold, that of the second
        pairs = zip(names[-len(decision.thresholds) :], decision.thresholds, strict=True)
        yield Message(f"Thresholds: {', '.join(f'{name} {p:.3f}' for name, p in pairs)}.")


def measured(classifier: Classifier, result: ClassifyMeasures, texts: int) -> Iterator[Shown]:
    """The measures of labelled texts, by class too."""
    multi_label = classifier.settings().data.labels.multi_label
    yield Message(f"accuracy {result.accuracy:.3f}")
    yield Message(f"f1 {result.f1:.3f}")
    if multi_label:
        yield Message(f"micro_f1 {result.micro_f1:.3f}")
    before = ""
    if classifier.decision_.temperature != 1:
        before = f", uncalibrated {result.uncalibrated_error:.3f}"
    yield Message(f"calibration error {result.calibration_error:.3f}{before}")
    yield Message(f"texts {texts}")
    yield Message(f"\n{result.report}")
    yield confusions(result, multi_label)
    yield Figures(_figures(result, texts))


def _largest_confusions(result: ClassifyMeasures) -> SummaryTable:
    """The pairs of classes that are taken for each other most often; a whole table is too wide."""
    counts, names = result.confusion, result.classes
    pairs = [
        (int(counts[i, j]), i, j) for i in range(len(names)) for j in range(len(names)) if i != j
    ]
    worst = [pair for pair in sorted(pairs, key=lambda pair: -pair[0]) if pair[0]][:CONFUSIONS]
    rows = [
        [f"{names[i]} taken for {names[j]}", f"{n:,}", f"{n / counts[i].sum():.1%}"]
        for n, i, j in worst
    ]
    return SummaryTable(["largest confusions", "texts", "of the class"], rows)


def _figures(result: ClassifyMeasures, texts: int) -> dict[str, object]:
    """All measures but the table of each class."""
    return {
        **{name: value for name, value in vars(result).items() if name != "report"},
        "texts": texts,
    }


def confusions(result: ClassifyMeasures, multi_label: bool) -> SummaryTable:
    """The confusion matrix; of `MANY` classes and more the largest confusions in its place."""
    if multi_label:  # of each label for itself, the cells of its own two by two
        counts = [
            [name, *map(str, (yes, wrong, missed, no))]
            for name, ((no, wrong), (missed, yes)) in zip(
                result.classes, result.confusion.tolist(), strict=True
            )
        ]
        columns = "label", "true positives", "false positives", "missed", "true negatives"
        return SummaryTable(columns, counts)
    if len(result.classes) >= MANY:
        return _largest_confusions(result)
    rows = zip(result.classes, result.confusion, strict=True)
    return SummaryTable(
        ["true \\ predicted", *result.classes], [[name, *map(str, row)] for name, row in rows]
    )


def answers(
    model: ClassifyModel, batch: Sequence[Any], threshold: float | None, best: int | None
) -> Iterator[Fields]:
    """What is said of texts, one after the other.

    Args:
        model: the classifier.
        batch: the texts; None for a bad row that was left out.
        threshold: see `ClassifyModel.given`.
        best: how many labels are shown, the most probable ones; None for those given.
    """
    found = model.probabilities([each for each in batch if each is not None])
    given = model.given(found, threshold)
    each_answer = zip(found.tolist(), given, model.labels(given), strict=True)
    for each in batch:
        if each is None:
            yield Fields(["", ""], {"prediction": "", "confidence": ""}, {"label": None})
        else:
            row, chosen, label = next(each_answer)
            yield _answer(model.class_names, row, chosen.nonzero()[0].tolist(), label, best)


def _answer(
    names: Sequence[str],
    probabilities: Sequence[float],
    given: Sequence[int],
    label: object,
    best: int | None,
) -> Fields:
    """What is said of a text: the labels that are given to it, or the most probable ones.

    Args:
        names: the classes (K).
        probabilities: of each (K).
        given: the classes that are given.
        label: the same as they were in training.
        best: how many are shown in place of those given; None for these.
    """
    ranked = sorted(range(len(names)), key=lambda k: -probabilities[k])
    own = sorted(given, key=lambda k: -probabilities[k])
    shown = own if best is None else ranked[:best]
    said = {names[k]: probabilities[k] for k in (range(len(names)) if best is None else shown)}
    columns = {
        "prediction": ", ".join(names[k] for k in own),
        "confidence": ", ".join(f"{probabilities[k]:.4f}" for k in own),
    }
    if best == len(names):  # in the order of the classes, for every row the same
        columns |= {f"p({name})": f"{p:.4f}" for name, p in zip(names, probabilities, strict=True)}
    elif best is not None:
        for place, k in enumerate(shown, start=1):
            columns |= {f"best_{place}": names[k], f"p_{place}": f"{probabilities[k]:.4f}"}
    return Fields(
        list(chain.from_iterable((names[k], f"{probabilities[k]:.4f}") for k in shown)),
        columns,
        {
            "label": label,
            "confidence": [probabilities[k] for k in own] if isinstance(label, tuple)
            else max((probabilities[k] for k in own), default=None),
            "probabilities": said,
        },
    )  # fmt: skip
