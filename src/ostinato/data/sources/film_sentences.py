"""Sentences of film critics, negative and positive: more to learn from, for film reviews.

Pang & Lee 2005, "Seeing Stars": sentences from Rotten Tomatoes, of which the package holds 8 530.
None is held out: they are meant to be learned from, beside reviews.
"""

from __future__ import annotations

from ostinato.data.sources.imdb import SHA256, labelled
from ostinato.data.tables.examples import Examples

LICENCE = "MIT (the package); the sentences are their authors', collected by Pang & Lee 2005"

__all__ = ["LICENCE", "SHA256", "read"]


def read() -> dict[str, Examples]:
    """The sentences, all as "train", in file order.

    Raises:
        DataError: when the package is missing or its file is not the known one.
    """
    found = list(labelled("rotten_tomatoes"))
    return {"train": Examples([text for text, _ in found], [label for _, label in found])}
