"""Symbols: texts as the indices of their tokens, and batches of them."""
