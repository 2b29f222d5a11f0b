"""Pairs of texts, one to be turned into the other."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ostinato.data.split import split_blocks
from ostinato.data.tables.texts import select
from ostinato.errors import DataError


@dataclass(frozen=True)
class Pairs:
    """Sources and their targets, in the order of the file they come from.

    Raises:
        ValueError: when there are not as many targets as sources.
    """

    sources: Sequence[str]
    targets: Sequence[str]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.targets):
            raise ValueError(f"{len(self.sources)} sources but {len(self.targets)} targets")

    def __len__(self) -> int:
        return len(self.sources)

    def select(self, indices: Iterable[int]) -> Pairs:
        """The pairs at these indices, in their order."""
        chosen = array("q", map(int, indices))
        return Pairs(select(self.sources, chosen), select(self.targets, chosen))

    def fingerprint(self) -> str:
        """SHA-256 (hex) over all pairs and their order: what a run says it saw."""
        digest = hashlib.sha256()
        for pair in zip(self.sources, self.targets, strict=True):
            digest.update(json.dumps(pair).encode())
        return digest.hexdigest()

    def split(self, share: float, seed: int) -> tuple[Pairs, Pairs]:
        """Holds out whole blocks of neighbours; the pairs of one source stay together.

        Raises:
            DataError: when there are not two different sources.
        """
        numbers: dict[str, int] = {}
        number = [numbers.setdefault(source, len(numbers)) for source in self.sources]
        if len(numbers) < 2:
            raise DataError(f"{len(numbers)} different sources are too few for a held-out set")
        _, held = split_blocks([""] * len(numbers), share, seed)
        out = set(held.tolist())
        both: tuple[list[int], list[int]] = ([], [])
        for k, n in enumerate(number):
            both[n in out].append(k)
        return self.select(both[0]), self.select(both[1])
