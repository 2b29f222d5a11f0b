"""`ostinato generate RUN`: generate text."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Annotated, cast

from cyclopts import Parameter

from ostinato import tasks
from ostinato.cli.chart import print_chart, spell
from ostinato.cli.runs import Device
from ostinato.cli.screen import as_shown, aside
from ostinato.decode import check_stops, until
from ostinato.errors import ConfigError, RunError
from ostinato.tasks.base.generates import Generates
from ostinato.train import Run

Words = Annotated[tuple[str, ...], Parameter(allow_leading_hyphen=True, negative=())]


@Parameter(name="*")
@dataclass(frozen=True)
class Samplers:
    """How a symbol is drawn.

    Parameters
    ----------
    temperature
        Below 1 likely tokens become more likely; above 1 the text becomes more varied; 0 always
        takes the most probable token.
    top_k
        Sample only from the k most probable tokens.
    top_p
        Sample only from the most probable tokens that together have this probability.
    min_p
        Sample only from tokens whose probability is at least this fraction of the largest one.
    typical
        Sample only from the most typical tokens that together have this probability.
    repetition_penalty
        Above 1: the last 64 tokens become less probable.
    greedy
        Always take the most probable token.
    """

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical: float | None = None
    repetition_penalty: float | None = None
    greedy: Annotated[bool, Parameter(negative=())] = False

    def given(self) -> dict[str, float | bool]:
        """Those that are given, as `decode.chain` takes them."""
        values = asdict(self) | {"greedy": self.greedy or None}
        return {name: value for name, value in values.items() if value is not None}


def generate(
    run: str,
    /,
    *,
    prompt: str = "",
    length: int = 300,
    samplers: Samplers = Samplers(),
    beam: int | None = None,
    best: int | None = None,
    stop: Words = (),
    seed: int = 0,
    device: Device = None,
    chart: bool | None = None,
    interactive: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Generate text, token by token, with a trained generator.

    Example: ostinato generate runs/b --prompt "KING" --temperature 0.7 --length 300 --seed 1

    Generated text is fiction: names, facts and quotations are invented, and offensive language in
    the training text can reappear.

    Parameters
    ----------
    run
        The folder of a run.
    prompt
        The text to continue.
    length
        The number of tokens to generate.
    beam
        Use beam search for the most probable text, with this many hypotheses, instead of sampling.
    best
        The number of texts that a beam search prints, the most probable first.
    stop
        End the text before this string; may be repeated.
    seed
        The same seed gives the same text.
    chart
        Show the most probable tokens after the prompt. Default: on a terminal only.
    interactive
        Show the text while it is generated, with the chart; keys change the settings.
    """
    given = samplers.given()
    _check(given, beam, best, interactive)
    check_stops(stop)
    generator = _load(run, device)
    if unknown := " ".join(map(spell, generator.unknown(prompt))):
        aside.print(f"ostinato: tokens not in the vocabulary, read as unknown: {unknown}")
    if interactive:
        from ostinato.cli.interactive import watch

        watch(generator, run, prompt, length, given, stop, seed)
    elif beam is not None:
        for text, nats in generator.search(prompt, length, beam=beam, best=best or 1):
            ended = prompt + "".join(until([text[len(prompt) :]], stop))
            print(as_shown(f"{nats:.3f} nats\t{ended}" if best else ended))
    else:
        _write(generator, prompt, length, given, stop, seed, chart)


def _check(
    samplers: Collection[str], beam: int | None, best: int | None, interactive: bool
) -> None:
    """That options go together: a beam search draws nothing, and only a terminal has keys."""
    if interactive:
        from ostinato.cli.interactive import need_a_terminal  # none but a terminal needs it

        need_a_terminal()
    if best is not None and beam is None:
        raise ConfigError("--best requires --beam")
    if beam is not None and (samplers or interactive):
        other = next(iter(samplers), "interactive").replace("_", "-")
        raise ConfigError(
            f"--beam does not sample, so --{other} has no effect on it; use only one of them"
        )


def _load(run: str, device: str | None) -> Generates:
    """The estimator of a run whose task continues texts."""
    name = tasks.of_run(Run.open(run))
    able = [task.name for task in map(tasks.find, tasks.names()) if task.generates]
    if name not in able:
        raise RunError(f"{run}: a run of task {name!r}, not {' or '.join(map(repr, able))}")
    return cast("Generates", tasks.find(name).estimator.load(run, device=device))


def _write(
    generator: Generates,
    prompt: str,
    length: int,
    samplers: dict[str, float | bool],
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
