"""`ostinato generate RUN`: go on with a text."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from ostinato.cli.screen import aside, console
from ostinato.tasks.generate import Generator


def generate(
    run: str,
    /,
    *,
    prompt: str = "",
    length: int = 300,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    greedy: bool = False,
    seed: int = 0,
    chart: bool | None = None,
) -> None:
    """Draw text, symbol by symbol, from a trained generator.

    Example: ostinato generate runs/b --prompt "KING" --temperature 0.7 --length 300 --seed 1

    The model invents: names, facts and quotations in its text are made up, and what is ugly in
    the text it learnt from can come back.

    Parameters
    ----------
    run
        The folder of a run.
    prompt
        The text to go on from.
    length
        How many symbols to draw.
    temperature
        Below 1 safer, above 1 bolder.
    top_k
        Draw from the k most probable symbols only.
    top_p
        Draw from the most probable symbols that together have this probability only.
    greedy
        Always take the most probable symbol.
    seed
        The same seed draws the same text.
    chart
        Show the most probable symbols after the prompt; unless said, on a terminal only.
    """
    generator = Generator.load(run)
    if unknown := generator.unknown(prompt):
        aside.print(f"ostinato: not in the training text, read as unknown: {' '.join(unknown)}")
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "greedy": greedy}
    first: NDArray[np.float32] | None = None
    drawn = generator.stream(prompt, length, seed=seed, **options)  # type: ignore[arg-type]
    print(prompt, end="")
    for symbol in drawn:
        first = symbol.probabilities if first is None else first
        print(symbol.text, end="", flush=sys.stdout.isatty())
    print()
    if first is not None and (chart if chart is not None else sys.stdout.isatty()):
        title = f"after {prompt!r}" if prompt else "at the beginning"
        print_chart(title, generator.vocabulary_.symbols, first)


def print_chart(title: str, symbols: list[str], probabilities: NDArray[np.float32]) -> None:
    """The most probable next symbols as bars."""
    console.print(f"\nnext symbol {title}", style="bold")
    best = np.argsort(-probabilities, kind="stable")[:10]
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
    return {" ": "␣", "\n": "↵", "\t": "⇥"}.get(symbol, symbol)


def bar(part: float, width: int = 40) -> str:
    """A bar of eighths of a character."""
    eighths = round(part * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
