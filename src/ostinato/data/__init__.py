"""Data: from a source to batches, each step a plain thing handed to the next.

source → examples → tokenizer, vocabulary → batches (values (B,T), lengths (B,)).
"""

from ostinato.data.batches import bucketed, pad, streams
from ostinato.data.examples import Examples
from ostinato.data.readers import read_labelled, read_text, read_texts
from ostinato.data.split import split_blocks
from ostinato.data.tokenizers import Tokenizer, tokenizer
from ostinato.data.vocabulary import Vocabulary

__all__ = [
    "Examples",
    "Tokenizer",
    "Vocabulary",
    "bucketed",
    "pad",
    "read_labelled",
    "read_text",
    "read_texts",
    "split_blocks",
    "streams",
    "tokenizer",
]
