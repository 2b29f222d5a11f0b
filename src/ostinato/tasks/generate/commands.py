"""What `fit`, `compare`, `evaluate` and `predict` do of this task."""

from __future__ import annotations

from collections.abc import Generator as Reading
from collections.abc import Iterator

from ostinato.cells import find
from ostinato.data import Skipped, read_chunks, read_text, read_texts
from ostinato.tasks.base.reading import Comparison, LinesFormat, SkipBadRows, TrainingSet
from ostinato.tasks.base.summary import Fields, Message, Shown, left_out
from ostinato.tasks.generate.estimator import Generator
from ostinato.tasks.generate.held_out import GenerateHeldOut, symbols_of
from ostinato.tasks.generate.network import GenerateNetwork
from ostinato.tasks.generate.settings import GenerateSettings
from ostinato.tasks.generate.summary import trained
from ostinato.train import Run

HELD_OUT = 0.1
"""The last part of a text that is held out to compare by."""


def training(
    data: str, /, *, settings: GenerateSettings, skip_bad_rows: bool
) -> Reading[Shown, None, TrainingSet]:
    """Train a model that continues a text, and an n-gram baseline beside it.

    Example: ostinato fit generate book.txt --tokenizer char --out runs/b

    Parameters
    ----------
    data
        A text file of any size, also .gz or .xz, `-` for standard input, `shakespeare` or
        `python-docs`.
    settings
        The settings.
    """
    yield from ()  # a text is read as it is needed
    skipped = Skipped() if skip_bad_rows else None
    text = read_chunks(data, skip_bad_rows=skipped)
    return TrainingSet((text,), {"skipped": skipped}, trained)


def comparison(data: str, /, *, settings: GenerateSettings) -> Reading[Shown, None, Comparison]:
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
    yield from ()
    text = read_text(data)
    end = len(text) - round(len(text) * HELD_OUT)
    symbols = len(symbols_of(settings, text[:end])[1])

    def network(own: GenerateSettings) -> GenerateNetwork:
        return GenerateNetwork(find(own.cell), own.model, symbols)

    sizes = end, len(text) - end
    return Comparison((text[:end],), GenerateHeldOut(text[end:]), network, sizes)


def evaluation(
    generator: Generator, run: Run, data: str, /, *, skip_bad_rows: SkipBadRows = False
) -> Iterator[Shown]:
    """Measure a generator on a text it has not seen: nats, bits, perplexity.

    Example: ostinato evaluate runs/b more.txt

    Parameters
    ----------
    data
        A text as for `fit`; `-` is standard input.
    """
    skipped = Skipped() if skip_bad_rows else None
    measured = generator.evaluate(read_chunks(data, skip_bad_rows=skipped))
    yield from left_out(skipped)
    for name, value in measured.items():
        yield Message(f"{name} {value:.4f}")


def prediction(
    generator: Generator,
    file: str = "-",
    /,
    *,
    length: int = 100,
    format: LinesFormat = None,
) -> Iterator[Shown]:
    """Complete lines: each with its most probable next symbols, up to the end of the line.

    At every step the most probable symbol is taken; `ostinato generate` draws, and searches. There
    is a line for each line; an empty one is written from the beginning.

    Example: echo "To be, or not" | ostinato predict runs/b -

    Parameters
    ----------
    file
        A file with a prompt on each line, a table with a column text, or `-`.
    length
        The most symbols that a line is given.
    """
    for prompt in read_texts(file, "text", format=format, blank=True):
        yield Fields([generator.sample(prompt, length, stop=["\n"], greedy=True)])
