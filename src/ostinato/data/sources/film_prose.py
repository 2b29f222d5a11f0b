"""Film reviews as one plain text: prose with case and punctuation, and nothing else to install.

Every tenth training review of `imdb`, whose labels are of no interest here.
"""

from __future__ import annotations

from ostinato.data.sources import imdb

LICENCE = imdb.LICENCE
SHA256 = imdb.SHA256
EVERY = 10


def read() -> str:
    """About 2.6 million characters, in the order of the file; an empty line behind each review.

    Raises:
        DataError: when the package is missing or its file is not the known one.
    """
    texts = imdb.read()["train"].texts
    return "".join(f"{text}\n\n" for text in texts[::EVERY])
