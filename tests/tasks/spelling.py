"""A little language of pairs: letters, and how each is called."""

import random

NAMES = {"a": "AY", "b": "B EE", "c": "S EE", "d": "D EE", "e": "EE"}

SMALL_TRANSDUCER = {
    "target": {"tokenizer": "white_space"},
    "data": {"batch_tokens": 150},
    "model": {"embedding": 16, "hidden": 32, "dropout": 0.0},
    "train": {"epochs": 10, "lr": 0.02, "patience": 10, "threads": 1},
}
"""Enough to learn to spell in two seconds."""


def spelled(word: str) -> str:
    """How a word is spelled out."""
    return " ".join(NAMES[letter] for letter in word)


def words_spelled(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Words of one to six letters, and how they are spelled."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcde", k=draw.randint(1, 6))) for _ in range(count)]
    return words, [spelled(word) for word in words]
