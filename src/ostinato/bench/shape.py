"""The sizes of a batch and a layer, as one word: 32x100x64x64."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ostinato.errors import ConfigError, quoted


@dataclass(frozen=True)
class Shape:
    """Sequences B, steps T, input features D, hidden units H."""

    B: int
    T: int
    D: int
    H: int

    @classmethod
    def parse(cls, text: str) -> Shape:
        """The sizes of a word.

        >>> print(Shape.parse("32x100x64x64"))
        32×100×64×64

        Raises:
            ConfigError: when it does not say four sizes.
        """
        if not re.fullmatch(r"[1-9]\d*([x×][1-9]\d*){3}", text):
            raise ConfigError(f"size {quoted(text)} is not BxTxDxH, as 32x100x64x64 is")
        return cls(*map(int, re.split("[x×]", text)))

    @property
    def R(self) -> int:  # noqa: N802 - the letter of a size
        """The size of a projected output, for cells that have one."""
        return max(1, self.H // 2)

    def __str__(self) -> str:
        return f"{self.B}×{self.T}×{self.D}×{self.H}"
