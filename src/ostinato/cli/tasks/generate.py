"""Generating on the command line: `fit generate`, and `evaluate` and `predict` of its runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from cyclopts import Parameter

from ostinato.cli.runs import Data, Repeated, merge, run_in
from ostinato.cli.screen import console, duration, say_skipped
from ostinato.data import Skipped, read_chunks, read_texts
from ostinato.tasks.generate import GenerateSettings, Generator
from ostinato.tasks.ngram import NGram
from ostinato.train import Run


def fit(
    data: Data,
    /,
    *,
    config: str | None = None,
    out: str | None = None,
    resume: bool = False,
    skip_bad_rows: bool = False,
    settings: Annotated[GenerateSettings | None, Parameter(name="*")] = None,
    repeats: Repeated = None,
) -> None:
    """Train a model that goes on with a text, and an n-gram baseline beside it.

    Example: ostinato fit generate book.txt --tokenizer char --out runs/b

    Parameters
    ----------
    data
        A text file of any size, also .gz or .xz, `-` for standard input, `shakespeare` or
        `python-docs`.
    config
        A TOML file of settings; options given here win over it.
    out
        The folder of the run; runs/generate-1, -2, … unless given.
    resume
        Go on with the run in `out` from its newest checkpoint, with its own settings.
    skip_bad_rows
        Leave bad lines out and say how many they are; without it the first one is an error.
    settings
        The settings.
    repeats
        The folder of a run that this one repeats.
    """
    chosen = merge(GenerateSettings, config, settings, out if resume else repeats)
    skipped = Skipped() if skip_bad_rows else None
    text = read_chunks(data, skip_bad_rows=skipped)
    estimator = Generator.of(chosen)

    def train(run: Run, show: Callable[[Any], None]) -> None:
        estimator.fit(text, run=run, show=show, resume=resume, skipped=skipped)

    title = f"{chosen.cell} on {data}"
    run = run_in(out, "generate", title, train, resume, data=data, like=repeats)
    say_skipped(skipped)
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


def evaluate(run: str, data: Data, /, *, skip_bad_rows: bool = False) -> None:
    """Measure a generator on a text it has not seen: nats, bits, perplexity.

    Example: ostinato evaluate runs/b more.txt

    Parameters
    ----------
    run
        The folder of a run.
    data
        A text as for `fit`; `-` is standard input.
    skip_bad_rows
        Leave bad lines out and say how many they are; without it the first one is an error.
    """
    skipped = Skipped() if skip_bad_rows else None
    text = read_chunks(data, skip_bad_rows=skipped)
    measured = Generator.load(run).evaluate(text)
    say_skipped(skipped)
    for name, value in measured.items():
        print(f"{name} {value:.4f}")


def predict(run: str, file: Data = "-", /, *, length: int = 100, format: str | None = None) -> None:
    """Complete lines: each with its most probable next symbols, up to the end of the line.

    At every step the most probable symbol is taken; `ostinato generate` draws, and searches.

    Example: echo "To be, or not" | ostinato predict runs/b -

    Parameters
    ----------
    run
        The folder of a run.
    file
        A file with a prompt on each line, a table with a column text, or `-`.
    length
        The most symbols that a line is given.
    format
        csv, tsv, jsonl, parquet or text, where neither the file's name nor its beginning tells.
    """
    generator = Generator.load(run)
    for prompt in read_texts(file, "text", format=format):
        print(generator.sample(prompt, length, stop=["\n"], greedy=True))
