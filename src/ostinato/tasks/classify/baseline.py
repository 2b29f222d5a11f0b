"""The linear baseline: logistic regression on tf-idf of words and word pairs.

It stands beside every classifier, because on sentiment it is hard to beat, and a network that
does not beat it should be known not to.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ostinato.data import Tokenizer
from ostinato.data.tables.labels import Label
from ostinato.tasks.base.pooled.baseline import linear_features


@dataclass(frozen=True)
class ClassifyBaseline:
    """A fitted baseline and what it cost.

    Attributes:
        pipeline: scikit-learn's tf-idf and logistic regression; for multi-label texts one for each
        label. parameters: the number of its weights. seconds: how long fitting took.
    """

    pipeline: Any
    parameters: int
    seconds: float
    labels: Any = None
    """For multi-label texts, scikit-learn's binarizer, which knows the columns of the labels."""

    def predict(self, texts: Sequence[str]) -> list[Label]:
        """The most probable label of each text, or all that are more probable than not."""
        found = self.pipeline.predict(texts)
        if self.labels is None:
            return [str(label) for label in found]
        return [tuple(map(str, row)) for row in self.labels.inverse_transform(found)]

    def accuracy(self, texts: Sequence[str], labels: Sequence[Label]) -> float:
        """The part of texts whose label is right."""
        hits = [p == y for p, y in zip(self.predict(texts), labels, strict=True)]
        return sum(hits) / len(hits)


def fit_baseline(
    texts: Sequence[Any], labels: Sequence[Label], tokenizer: Tokenizer | None
) -> ClassifyBaseline:
    """Fits the baseline on tokens and pairs of neighbours.

    Term counts are damped (1 + ln), rows have length 1, pairs and words seen in one text only are
    left out when there are a hundred texts or more; the penalty is L2 with C = 10. For
    multi-label texts, each label has its own regression, against the rest. For time series (then
    there is no tokenizer) the features are mean, deviation, first and last value of each number.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MultiLabelBinarizer

    began = time.perf_counter()
    features = linear_features(tokenizer, len(texts))
    regression: Any = LogisticRegression(C=10.0, max_iter=1000 if tokenizer is None else 200)
    binarizer, targets = None, labels
    if isinstance(labels[0], tuple):
        regression, binarizer = OneVsRestClassifier(regression), MultiLabelBinarizer()
        targets = binarizer.fit_transform(labels)
    pipeline = make_pipeline(features, regression)
    with warnings.catch_warnings():
        # many classes with few texts each are the user's, and are counted elsewhere
        warnings.filterwarnings("ignore", "The number of unique classes")
        warnings.filterwarnings("ignore", "Label .* is present in all training examples")
        pipeline.fit(texts, targets)
    fitted = getattr(pipeline[-1], "estimators_", [pipeline[-1]])
    sizes = [one.coef_.size + one.intercept_.size for one in fitted if hasattr(one, "coef_")]
    return ClassifyBaseline(pipeline, sum(sizes), time.perf_counter() - began, binarizer)
