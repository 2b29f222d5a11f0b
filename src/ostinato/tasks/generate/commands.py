"""What `fit`, `compare`, `evaluate` and `predict` do of this task."""

from __future__ import annotations

import hashlib
from collections.abc import Generator as Reading
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from ostinato.data import Skipped, readers
from ostinato.decode import until
from ostinato.tasks.base.reading import Comparison, LinesFormat, SkipBadRows, TrainingSet
from ostinato.tasks.base.settings import FileSettings, TextColumns, said_of
from ostinato.tasks.base.summary import (
    Fields,
    Figures,
    Message,
    Shown,
    given_back,
    learned_from,
    left_out,
)
from ostinato.tasks.generate.settings import GenerateSettings
from ostinato.tasks.generate.summary import trained
from ostinato.train import Run

if TYPE_CHECKING:
    from ostinato.tasks.generate.estimator import Generator
    from ostinato.tasks.generate.model import GenerateModel

HELD_OUT = 0.1
"""The last part of a text that is held out to compare by."""


def training(
    data: str, /, *, settings: GenerateSettings, skip_bad_rows: bool
) -> Reading[Shown, None, TrainingSet]:
    """Train a language model and an n-gram baseline.

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
    text = readers.read_chunks(data, skip_bad_rows=skipped, encoding=settings.data.encoding)
    return TrainingSet((text,), {"skipped": skipped}, trained)


def comparison(data: str, /, *, settings: GenerateSettings) -> Reading[Shown, None, Comparison]:
    """Compare cells as language models, and with an n-gram baseline.

    Example: ostinato compare generate book.txt --cells lstm,gru --seeds 3 --train.epochs 3

    Every cell is trained with every seed on the same text in the same batches, and evaluated on
    the last tenth of it. To continue an interrupted comparison, use the same --out.

    Parameters
    ----------
    data
        A text file, `-` for standard input, `shakespeare` or `python-docs`.
    settings
        The settings, the same for all cells.
    """
    from ostinato.cells import find
    from ostinato.tasks.generate.held_out import GenerateHeldOut, symbols_of
    from ostinato.tasks.generate.network import GenerateNetwork

    yield from ()
    text = readers.read_text(data, encoding=settings.data.encoding)
    end = len(text) - round(len(text) * HELD_OUT)
    symbols = len(symbols_of(settings, text[:end])[1])

    def network(own: GenerateSettings) -> GenerateNetwork:
        return GenerateNetwork(find(own.cell), own.model, symbols)

    sizes = end, len(text) - end
    return Comparison((text[:end],), GenerateHeldOut(text[end:]), network, sizes)


def evaluation(
    generator: Generator,
    run: Run,
    data: str,
    /,
    *,
    columns: FileSettings | None = None,
    skip_bad_rows: SkipBadRows = False,
) -> Iterator[Shown]:
    """Evaluate a generator on a text: nats, bits, perplexity.

    Example: ostinato evaluate runs/b more.txt

    Parameters
    ----------
    data
        A text as for `fit`; `-` is standard input.
    columns
        How this file is written, where that is not as in training.
    """
    from ostinato.tasks.generate.prepare import hashed

    skipped = Skipped() if skip_bad_rows else None
    encoding = said_of(generator.settings().data, columns).encoding
    digest = hashlib.sha256()
    text = readers.read_chunks(data, skip_bad_rows=skipped, encoding=encoding)
    measured = generator.evaluate(hashed(text, digest))
    yield from left_out(skipped)
    yield from learned_from(run, digest.hexdigest())
    for name, value in measured.items():
        yield Message(f"{name} {value:.4f}")
    yield Figures(measured)


def prediction(
    model: GenerateModel,
    file: str = "-",
    /,
    *,
    length: int = 100,
    columns: TextColumns | None = None,
    format: LinesFormat = None,
) -> Iterator[Shown]:
    """Continue each line with the most probable next tokens, up to the end of the line.

    The most probable token is taken at each step; `ostinato generate` can sample and use beam
    search. Prints one line for each line; for an empty line, text is generated from the beginning.

    Example: echo "To be, or not" | ostinato predict runs/b -

    Parameters
    ----------
    file
        A file with one prompt per line, a table with a column text, or `-`.
    length
        The maximum number of tokens added to a line.
    columns
        The column with the prompts and how the file is written.
    """
    own = columns or TextColumns()
    table, batches = readers.asked(
        file, own.text, skipped=Skipped(), format=format, blank=True, dialect=own.dialect
    )
    yield from given_back(table)
    for prompt in chain.from_iterable(batches):
        drawn = (each.text for each in model.session(prompt).generate(length, greedy=True))
        text = prompt + "".join(until(drawn, ["\n"]))
        yield Fields([text], {"prediction": text}, {"text": text})
