"""`ostinato generate RUN`: go on with a text."""

from __future__ import annotations

import itertools
import sys
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray
from rich.text import Text

from ostinato.cli.screen import as_shown, aside, console
from ostinato.decode import check_stops, until
from ostinato.errors import ConfigError
from ostinato.tasks.generate.estimator import Generator

Words = Annotated[tuple[str, ...], Parameter(allow_leading_hyphen=True, negative=())]


def generate(
    run: str,
    /,
    *,
    prompt: str = "",
    length: int = 300,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical: float | None = None,
    repetition_penalty: float | None = None,
    greedy: Annotated[bool, Parameter(negative=())] = False,
    beam: int | None = None,
    best: int | None = None,
    stop: Words = (),
    seed: int = 0,
    chart: bool | None = None,
    interactive: Annotated[bool, Parameter(negative=())] = False,
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
    min_p
        Draw from symbols at least this many times as probable as the most probable one only.
    typical
        Draw from the symbols about as surprising as expected that together have this probability.
    repetition_penalty
        Above 1: what was among the last 64 symbols becomes less probable.
    greedy
        Always take the most probable symbol.
    beam
        Draw nothing: search the most probable text, keeping this many at every symbol.
    best
        How many texts a beam search prints, the most probable first.
    stop
        End the text before this string; may be given several times.
    seed
        The same seed draws the same text.
    chart
        Show the most probable symbols after the prompt; unless said, on a terminal only.
    interactive
        Watch the text grow beside the chart; keys change the settings while it does.
    """
    samplers = {
        "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p,
        "typical": typical, "repetition_penalty": repetition_penalty, "greedy": greedy or None,
    }  # fmt: skip
    given = {name: value for name, value in samplers.items() if value is not None}
    if interactive:
        from ostinato.cli import interactive as screen

        screen.need_a_terminal()
    if best is not None and beam is None:
        raise ConfigError("--best is for --beam: give both")
    if beam is not None and (given or interactive):
        other = next(iter(given), "interactive").replace("_", "-")
        raise ConfigError(
            f"--beam draws nothing, so that --{other} means nothing to it; leave one of them out"
        )
    check_stops(stop)
    generator = Generator.load(run)
    if unknown := generator.unknown(prompt):
        spelled = " ".join(spell(symbol) for symbol in unknown)
        aside.print(f"ostinato: not in the training text, read as unknown: {spelled}")
    if interactive:
        screen.watch(generator, run, prompt, length, given, stop, seed)
    elif beam is not None:
        for text, nats in generator.search(prompt, length, beam=beam, best=best or 1):
            ended = prompt + "".join(until([text[len(prompt) :]], stop))
            print(as_shown(f"{nats:.3f} nats\t{ended}" if best else ended))
    else:
        _write(generator, prompt, length, given, stop, seed, chart)


def _write(
    generator: Generator,
    prompt: str,
    length: int,
    samplers: dict[str, Any],
    stop: tuple[str, ...],
    seed: int,
    chart: bool | None,
) -> None:
    """Prints a text as it is drawn, and the chart of its first symbol."""
    drawn = generator.stream(prompt, length, seed=seed, **samplers)
    first = next(drawn)
    pieces = (symbol.text for symbol in itertools.chain([first], drawn))
    print(as_shown(prompt), end="")
    for piece in until(pieces, stop):
        print(as_shown(piece), end="", flush=sys.stdout.isatty())
    print()
    if chart if chart is not None else sys.stdout.isatty():
        title = f"after {prompt!r}" if prompt else "at the beginning"
        print_chart(title, generator.vocabulary_.symbols, first.probabilities)


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
    marks = {" ": "␣", "\n": "↵", "\t": "⇥"}
    return "".join(marks.get(c, c if c.isprintable() else "�") for c in symbol)


def bar(part: float, width: int = 40) -> str:
    """A bar of eighths of a character."""
    eighths = round(part * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
