"""Data: from a source to batches, each step a plain thing handed to the next.

source → examples → tokenizer, vocabulary → batches (values (B,T), lengths (B,)).

What is named here is imported when it is first used.
"""

from typing import TYPE_CHECKING

from ostinato import registry

if TYPE_CHECKING:
    from ostinato.data.files.bad import Skipped
    from ostinato.data.files.limits import Limits, limited
    from ostinato.data.readers.labelled import examples_of, read_labelled
    from ostinato.data.readers.pairs import pairs_of, read_pairs
    from ostinato.data.readers.sentences import read_tagged
    from ostinato.data.readers.series import read_series, series_of
    from ostinato.data.readers.texts import read_chunks, read_text, read_texts, texts_of
    from ostinato.data.readers.vectors import read_vectors
    from ostinato.data.sentences.tagged import Tagged, TaggedFile
    from ostinato.data.series.panel import Columns, Panel, Series
    from ostinato.data.split import split_blocks
    from ostinato.data.symbols.batches import Symbols, bucketed, pad, streams
    from ostinato.data.symbols.store import Rows, Store, Tokens
    from ostinato.data.symbols.tokenizers import Tokenizer
    from ostinato.data.symbols.tokenizing import tokenizer, train_on_beginning
    from ostinato.data.symbols.vocabulary import Vocabulary
    from ostinato.data.tables.dialect import Dialect
    from ostinato.data.tables.examples import Examples
    from ostinato.data.tables.labels import LabelColumn
    from ostinato.data.tables.pairs import Pairs

__all__ = [
    "Columns",
    "Dialect",
    "Examples",
    "LabelColumn",
    "Limits",
    "Pairs",
    "Panel",
    "Rows",
    "Series",
    "Skipped",
    "Store",
    "Symbols",
    "Tagged",
    "TaggedFile",
    "Tokenizer",
    "Tokens",
    "Vocabulary",
    "bucketed",
    "examples_of",
    "limited",
    "pad",
    "pairs_of",
    "read_chunks",
    "read_labelled",
    "read_pairs",
    "read_series",
    "read_tagged",
    "read_text",
    "read_texts",
    "read_vectors",
    "series_of",
    "split_blocks",
    "streams",
    "texts_of",
    "tokenizer",
    "train_on_beginning",
]

__getattr__ = registry.lazily(
    __name__,
    {
        "files.bad": ["Skipped"],
        "files.limits": ["Limits", "limited"],
        "readers.labelled": ["examples_of", "read_labelled"],
        "readers.pairs": ["pairs_of", "read_pairs"],
        "readers.sentences": ["read_tagged"],
        "readers.series": ["read_series", "series_of"],
        "readers.texts": ["read_chunks", "read_text", "read_texts", "texts_of"],
        "readers.vectors": ["read_vectors"],
        "sentences.tagged": ["Tagged", "TaggedFile"],
        "series.panel": ["Columns", "Panel", "Series"],
        "split": ["split_blocks"],
        "symbols.batches": ["Symbols", "bucketed", "pad", "streams"],
        "symbols.store": ["Rows", "Store", "Tokens"],
        "symbols.tokenizers": ["Tokenizer"],
        "symbols.tokenizing": ["tokenizer", "train_on_beginning"],
        "symbols.vocabulary": ["Vocabulary"],
        "tables.dialect": ["Dialect"],
        "tables.examples": ["Examples"],
        "tables.labels": ["LabelColumn"],
        "tables.pairs": ["Pairs"],
    },
)
