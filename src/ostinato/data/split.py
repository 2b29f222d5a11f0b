"""Which examples are held out: whole blocks of neighbours, class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError


def split_blocks(
    labels: Sequence[str], share: float, seed: int, blocks: int = 20
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Holds out a share of each class, as contiguous blocks of the class's items.

    Neighbours in a file are often alike (the reviews of one film stand together), and a
    random split, which puts one in training and the next in validation, flatters the model.
    So each class, in file order, is cut into `blocks` runs and a seeded choice of whole runs
    is held out: the share is met to the nearest block, with at least one held out and one
    kept. A class of one item is kept.

    Both results are shuffled, so that their order carries no runs of one class. To
    split one of them again, sort it first: blocks mean something in file order only.

    Args:
        labels: the label of each example, in file order (N).
        share: the part to hold out, strictly between 0 and 1.
        seed: fixes which blocks, and the order of the results.
        blocks: runs per class, at least 2; fewer where the class has fewer items.

    Returns:
        The indices kept and the indices held out; together each index of `labels` once.

    Raises:
        ConfigError: when `share` or `blocks` is out of range.
    """
    if not 0 < share < 1:
        raise ConfigError(f"share: {share} must be between 0 and 1, exclusive")
    if blocks < 2:
        raise ConfigError(f"blocks: {blocks} must be at least 2")
    rng = np.random.default_rng(seed)
    of_item = np.asarray(labels, dtype=object)
    held = np.zeros(len(of_item), dtype=bool)
    for label in sorted(set(labels)):
        items = np.flatnonzero(of_item == label)
        runs = np.array_split(items, min(blocks, len(items)))
        count = min(max(1, round(share * len(runs))), len(runs) - 1)
        for run in rng.choice(len(runs), count, replace=False):
            held[runs[run]] = True
    return rng.permutation(np.flatnonzero(~held)), rng.permutation(np.flatnonzero(held))
