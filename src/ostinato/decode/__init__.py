"""Decoding: from a model's logits to symbols."""

from ostinato.decode.sample import chain, draw

__all__ = ["chain", "draw"]
