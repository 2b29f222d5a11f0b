"""Texts and their labels, as they come from a source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Examples:
    """Texts, each with its label, in the order of the file they come from.

    Raises:
        ValueError: when there are not as many labels as texts.
    """

    texts: list[str]
    labels: list[str]

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise ValueError(f"{len(self.texts)} texts but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, indices: Iterable[int]) -> Examples:
        """The examples at these indices, in their order."""
        chosen = list(indices)
        return Examples([self.texts[i] for i in chosen], [self.labels[i] for i in chosen])

    def fingerprint(self) -> str:
        """SHA-256 (hex) over all texts and labels and their order: what a run says it saw."""
        return hashlib.sha256(json.dumps([self.texts, self.labels]).encode()).hexdigest()
