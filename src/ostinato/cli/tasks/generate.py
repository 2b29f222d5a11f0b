"""Generating on the command line: what `fit`, `evaluate`, `predict` and `compare` do."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ostinato.cells import find
from ostinato.cli.runs import Data, LinesFormat, RunOptions, SkipBadRows, bad_rows
from ostinato.cli.screen import answer, console, duration
from ostinato.cli.trials import Trials, title_of
from ostinato.data import read_chunks, read_text, read_texts
from ostinato.tasks.generate.baseline import NGram
from ostinato.tasks.generate.estimator import Generator
from ostinato.tasks.generate.held_out import GenerateHeldOut, symbols_of
from ostinato.tasks.generate.network import GenerateNetwork
from ostinato.tasks.generate.settings import GenerateSettings

HELD_OUT = 0.1
"""The last part of a text that is held out to compare by."""


def fit(
    data: Data,
    /,
    *,
    options: RunOptions = RunOptions(),
    settings: Annotated[GenerateSettings | None, Parameter(name="*")] = None,
) -> None:
    """Train a model that goes on with a text, and an n-gram baseline beside it.

    Example: ostinato fit generate book.txt --tokenizer char --out runs/b

    Parameters
    ----------
    data
        A text file of any size, also .gz or .xz, `-` for standard input, `shakespeare` or
        `python-docs`.
    settings
        The settings.
    """
    chosen = options.settings(GenerateSettings, settings)
    estimator = options.estimator(Generator, chosen)
    with bad_rows(options.skip_bad_rows) as skipped:  # a text is read as it is needed
        text = read_chunks(data, skip_bad_rows=skipped)
        run = options.train(estimator, [data], text, skipped=skipped)
    best = min(estimator.history_, key=lambda record: record["nats"])
    for line in told(best, estimator.baseline_, chosen.tokenizer):
        console.print(line, soft_wrap=True)
    console.print(f"Saved in {run.path}. Next: ostinato generate {run.path}", soft_wrap=True)


def told(best: dict[str, float], baseline: NGram | None, tokenizer: str) -> list[str]:
    """What a generator's best epoch came to on the held-out part, and the baseline beside it."""
    unit = {"char": "character", "bpe": "token"}.get(tokenizer, "word")
    lines = [
        f"Held-out part of the text: {best['nats']:.3f} nats ({best['bits']:.3f} bits) a {unit}, "
        f"perplexity {best['perplexity']:.2f}."
    ]
    if unit != "character":
        lines.append(
            f"That is {best['bits_per_character']:.3f} bits a character. {best['unknown']:.1%} of "
            f"the {unit}s are unknown: each counts as one symbol, and spelling it costs nothing."
        )
    if baseline:
        better = "; it is better here" if baseline.nats < best["nats"] else ""
        lines.append(
            f"{baseline.order}-gram baseline (Kneser-Ney): {baseline.nats:.3f} nats a {unit}, "
            f"counted in {duration(baseline.seconds)}{better}."
        )
    return lines


def evaluate(run: str, data: Data, /, *, skip_bad_rows: SkipBadRows = False) -> None:
    """Measure a generator on a text it has not seen: nats, bits, perplexity.

    Example: ostinato evaluate runs/b more.txt

    Parameters
    ----------
    run
        The folder of a run.
    data
        A text as for `fit`; `-` is standard input.
    """
    with bad_rows(skip_bad_rows) as skipped:
        measured = Generator.load(run).evaluate(read_chunks(data, skip_bad_rows=skipped))
    for name, value in measured.items():
        print(f"{name} {value:.4f}")


def predict(
    run: str, file: Data = "-", /, *, length: int = 100, format: LinesFormat = None
) -> None:
    """Complete lines: each with its most probable next symbols, up to the end of the line.

    At every step the most probable symbol is taken; `ostinato generate` draws, and searches. There
    is a line for each line; an empty one is written from the beginning.

    Example: echo "To be, or not" | ostinato predict runs/b -

    Parameters
    ----------
    run
        The folder of a run.
    file
        A file with a prompt on each line, a table with a column text, or `-`.
    length
        The most symbols that a line is given.
    """
    generator = Generator.load(run)
    for prompt in read_texts(file, "text", format=format, blank=True):
        answer(generator.sample(prompt, length, stop=["\n"], greedy=True))


def compare(
    data: Data,
    /,
    *,
    trials: Trials = Trials(),
    settings: Annotated[GenerateSettings | None, Parameter(name="*")] = None,
) -> None:
    """Compare cells as models of a text, with a table of n-grams beside them.

    Example: ostinato compare generate book.txt --cells lstm,gru --seeds 3 --train.epochs 3

    Every cell is trained with every seed on the same text in the same batches, and judged by the
    last tenth of it. Given again with the same --out, it goes on where it was stopped.

    Parameters
    ----------
    data
        A text file, `-` for standard input, `shakespeare` or `python-docs`.
    settings
        The settings, the same for all cells.
    """
    chosen = trials.settings(GenerateSettings, settings)
    text = read_text(data)
    end = len(text) - round(len(text) * HELD_OUT)

    def network(own: GenerateSettings) -> GenerateNetwork:
        return GenerateNetwork(find(own.cell), own.model, symbols)

    symbols = len(symbols_of(chosen, text[:end])[1])
    exam = GenerateHeldOut(text[end:])
    trials.run(title_of(data), chosen, (text[:end],), exam, network, sizes=(end, len(text) - end))
