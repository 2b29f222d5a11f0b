"""The baseline of a transducer: every text copied as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ostinato.tasks.transduce.measures import nearest


def copied(references: Mapping[str, Sequence[str]]) -> tuple[NDArray[np.float64], ...]:
    """For each text, copied, the tokens that are wrong (N,), and how many there should be (N,).

    Args:
        references: those of each text.
    """
    found = [nearest(text, known) for text, known in references.items()]
    edits, tokens = zip(*found, strict=True)
    return np.array(edits, np.float64), np.array(tokens, np.float64)
