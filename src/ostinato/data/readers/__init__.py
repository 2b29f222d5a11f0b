"""Readers: data by name, from a packaged source, a file, a folder or standard input; or in memory.

One file for each kind of data: labelled examples, texts, pairs, series, tagged sentences.
"""

from typing import TYPE_CHECKING

from ostinato import registry

if TYPE_CHECKING:
    from ostinato.data.readers.arriving import asked
    from ostinato.data.readers.labelled import read_labelled
    from ostinato.data.readers.pairs import read_pairs
    from ostinato.data.readers.sentences import read_tagged
    from ostinato.data.readers.series import read_series
    from ostinato.data.readers.texts import read_chunks, read_text, read_texts

__all__ = [
    "asked",
    "read_chunks",
    "read_labelled",
    "read_pairs",
    "read_series",
    "read_tagged",
    "read_text",
    "read_texts",
]

__getattr__ = registry.lazily(
    __name__,
    {
        "arriving": ["asked"],
        "labelled": ["read_labelled"],
        "pairs": ["read_pairs"],
        "sentences": ["read_tagged"],
        "series": ["read_series"],
        "texts": ["read_chunks", "read_text", "read_texts"],
    },
)
