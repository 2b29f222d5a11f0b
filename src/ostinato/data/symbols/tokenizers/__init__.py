"""Text to tokens and back: one file for each way.

A file gives `make(state)`: its tokenizer, from the state of a trained one or untrained from None.
"""

from ostinato.data.symbols.tokenizers._tokenizer import Tokenizer

__all__ = ["Tokenizer"]
