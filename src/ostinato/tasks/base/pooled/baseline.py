"""What linear baselines read of texts and of series of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.data import Tokenizer
from ostinato.tasks.base.pooled.numbers import summaries


def linear_features(tokenizer: Tokenizer | None, examples: int) -> Any:
    """A transformer of scikit-learn: of texts tokens and pairs of neighbours, by tf-idf.

    Term counts are damped (1 + ln), rows have length 1, pairs and words seen in one text only are
    left out when there are a hundred texts or more. Of signals (then there is no tokenizer): mean,
    deviation, first and last of each number, standardised.

    Args:
        tokenizer: what splits texts; None where series of numbers are read.
        examples: how many it is fitted on.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    if tokenizer is None:
        return make_pipeline(FunctionTransformer(summaries), StandardScaler())
    return TfidfVectorizer(
        tokenizer=tokenizer.split,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        min_df=2 if examples >= 100 else 1,
        sublinear_tf=True,
        dtype=np.float32,
    )
