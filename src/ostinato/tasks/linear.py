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

import numpy as np

from ostinato.data import Tokenizer


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline and what it cost.

    Attributes:
        pipeline: scikit-learn's tf-idf and logistic regression.
        parameters: the number of its weights.
        seconds: how long fitting took.
    """

    pipeline: Any
    parameters: int
    seconds: float

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The most probable label of each text."""
        return [str(label) for label in self.pipeline.predict(texts)]

    def accuracy(self, texts: Sequence[str], labels: Sequence[str]) -> float:
        """The part of texts whose label is right."""
        hits = [p == y for p, y in zip(self.predict(texts), labels, strict=True)]
        return sum(hits) / len(hits)


def fit_baseline(texts: Sequence[str], labels: Sequence[str], tokenizer: Tokenizer) -> Baseline:
    """Fits the baseline on tokens and pairs of neighbours.

    Term counts are damped (1 + ln), rows have length 1, pairs and words seen in one text only are
    left out when there are a hundred texts or more; the penalty is L2 with C = 10.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    began = time.perf_counter()
    features = TfidfVectorizer(
        tokenizer=tokenizer.split,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        min_df=2 if len(texts) >= 100 else 1,
        sublinear_tf=True,
        dtype=np.float32,
    )
    pipeline = make_pipeline(features, LogisticRegression(C=10.0, max_iter=200))
    with warnings.catch_warnings():
        # many classes with few texts each are the user's, and are counted elsewhere
        warnings.filterwarnings("ignore", "The number of unique classes")
        pipeline.fit(texts, labels)
    parameters = pipeline[-1].coef_.size + pipeline[-1].intercept_.size
    return Baseline(pipeline, parameters, time.perf_counter() - began)
