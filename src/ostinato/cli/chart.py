"""The chart of the most probable next symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from ostinato.cli.screen import console

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def print_chart(title: str, symbols: list[str], probabilities: NDArray[np.float32]) -> None:
    """The most probable next symbols as bars."""
    console.print(f"\nnext token {title}", style="bold")
    best = (-probabilities).argsort(kind="stable")[:10]
    largest = float(probabilities[best[0]])
    for k in best:
        p = float(probabilities[k])
        if p > 0:
            row = Text(f"{spell(symbols[k]):>12}  ")
            row.append(bar(p / largest), style="cyan")
            row.append(f" {p:.1%}")
            console.print(row)


def spell(symbol: str) -> str:
    """A symbol so that it can be seen."""
    marks = {" ": "␣", "\n": "↵", "\t": "⇥"}
    return "".join(marks.get(c, c if c.isprintable() else "�") for c in symbol)


def bar(part: float, width: int = 40) -> str:
    """A bar of eighths of a character."""
    eighths = round(part * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
