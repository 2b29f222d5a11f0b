"""Texts and their labels, as they come from a source."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ostinato.data.tables.texts import select


@dataclass(frozen=True)
class Examples:
    """Texts, each with its label, in the order of the file they come from.

    Attributes:
        texts: the texts; or signals, arrays of numbers (T, D).
        labels: the label of each, or a tuple of several.
        own: for each label the number that it was given as; empty where labels were texts.

    Raises:
        ValueError: when there are not as many labels as texts.
    """

    texts: Sequence[Any]
    labels: list[Any]
    own: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise ValueError(f"{len(self.texts)} texts but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, indices: Iterable[int]) -> Examples:
        """The examples at these indices, in their order."""
        chosen = array("q", map(int, indices))
        return Examples(select(self.texts, chosen), [self.labels[i] for i in chosen], self.own)

    def joined(self, other: Examples) -> Examples:
        """The examples of both, one after the other."""
        return Examples([*self.texts, *other.texts], [*self.labels, *other.labels], self.own)

    def fingerprint(self) -> str:
        """SHA-256 (hex) over all texts and labels and their order: what a run says it saw."""
        digest = hashlib.sha256(b"[[")  # the JSON of [texts, labels], a text at a time
        for k, text in enumerate(self.texts):
            digest.update((", " if k else "").encode() + _json(text).encode())
        digest.update(f"], {json.dumps(self.labels)}]".encode())
        return digest.hexdigest()


def _json(text: Any) -> str:
    return json.dumps(text if isinstance(text, str) else text.tolist())
