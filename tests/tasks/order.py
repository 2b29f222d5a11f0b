"""A little language in which only the order of two words matters, and one that repeats itself."""

import random

import numpy as np

SMALL = {
    "data": {"batch_tokens": 150},
    "model": {"embedding": 8, "hidden": 8, "dropout": 0.0},
    "train": {"epochs": 15, "lr": 0.03, "patience": 15, "threads": 1},
}
"""Enough to learn the order of two words in a quarter of a second."""

WAVE = 10 + 4 * np.sin(np.arange(400) / 2)
SMALL_FORECASTER = {
    "data": {"lookback": 16, "horizon": 8, "batch": 16},
    "model": {"embedding": 12, "hidden": 12, "segment": 4, "dropout": 0.0},
    "train": {"epochs": 16, "lr": 0.02, "patience": 16, "threads": 1},
}

PERIODIC = "abc" * 200
SMALL_GENERATOR = {
    "data": {"streams": 4, "steps": 10},
    "model": {"embedding": 8, "hidden": 16},
    "train": {"epochs": 10, "lr": 0.03, "threads": 1},
}


def texts_by_order(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts with an a and a b, never neighbours, among other words; the label is the first."""
    draw = random.Random(seed)
    texts, labels = [], []
    for _ in range(count):
        first, second = draw.choice(["ab", "ba"])
        start, middle, end = (draw.choices("pqrs", k=draw.randint(1, 3)) for _ in range(3))
        texts.append(" ".join([*start, first, *middle, second, *end]))
        labels.append(first)
    return texts, labels


def texts_by_distance(count: int, seed: int) -> tuple[list[str], list[float]]:
    """Texts of `texts_by_order`; the target says how far the b stands behind the a."""
    texts, _ = texts_by_order(count, seed)
    return texts, [
        100.0 + 20 * (text.split().index("b") - text.split().index("a")) for text in texts
    ]
