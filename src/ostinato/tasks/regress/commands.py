"""What `fit`, `compare`, `evaluate` and `predict` do of this task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ostinato.data import Examples, Skipped, readers
from ostinato.tasks.base.reading import (
    HELD_OUT,
    Comparison,
    LinesFormat,
    SkipBadRows,
    TableFormat,
    TrainingSet,
)
from ostinato.tasks.base.settings import TextColumns, said_of
from ostinato.tasks.base.summary import Fields, Shown, given_back, learned_from, left_out, not_known
from ostinato.tasks.regress.settings import RegressColumns, RegressData, RegressSettings
from ostinato.tasks.regress.summary import number, shown, trained
from ostinato.train import Run

if TYPE_CHECKING:
    from ostinato.tasks.regress.estimator import Regressor
    from ostinato.tasks.regress.model import RegressModel


def training(
    data: str, /, *, format: TableFormat = None, settings: RegressSettings, skip_bad_rows: bool
) -> Generator[Shown, None, TrainingSet]:
    """Train a regressor of texts or time series, and two baselines.

    Example: ostinato fit regress reviews.csv --data.target stars --out runs/a

    Parameters
    ----------
    data
        A CSV, TSV, JSON Lines or Parquet file with the columns text and target, or `-` for
        standard input; also compressed by gzip or xz. A .ts file holds time series instead, each
        with its target at the end of the line.
    settings
        The settings.
    """
    skipped = Skipped() if skip_bad_rows else None
    splits = _read(data, settings.data, format, skipped)
    yield from left_out(skipped)
    summary = partial(trained, test=splits.get("test"))
    return TrainingSet((splits["train"],), {"skipped": skipped}, summary)


def comparison(
    data: str, /, *, format: TableFormat = None, settings: RegressSettings
) -> Generator[Shown, None, Comparison]:
    """Compare cells as regressors, and with a linear baseline.

    Example: ostinato compare regress reviews.csv --cells rnn,lstm,gru --seeds 3 --out runs/c

    Every cell is trained with every seed on the same examples in the same batches, and evaluated
    on the same held-out set: a fifth of the file, in whole blocks of neighbours. To continue an
    interrupted comparison, run the same command with the same --out.

    Parameters
    ----------
    data
        A table with the columns text and target, a .ts file, or `-` for standard input; as for
        `fit`.
    settings
        Settings of all runs.
    """
    from ostinato.cells import find
    from ostinato.tasks.regress.held_out import RegressHeldOut
    from ostinato.tasks.regress.network import RegressNetwork
    from ostinato.tasks.regress.prepare import prepare, split_examples

    yield from ()
    splits = _read(data, settings.data, format)
    kept, held = splits["train"], splits.get("test")
    if held is None:
        kept, held = split_examples(kept, HELD_OUT, settings.seed)
    model = prepare(settings, find(settings.cell), kept, False).model

    def network(own: RegressSettings) -> RegressNetwork:
        return RegressNetwork(
            find(own.cell), own.model, model.symbols, model.bigrams, model.features
        )

    # in memory: they go into processes
    kept, held = (Examples(list(part.texts), part.labels) for part in (kept, held))
    return Comparison((kept,), RegressHeldOut(held), network, (len(kept), len(held)))


def evaluation(
    regressor: Regressor,
    run: Run,
    data: str,
    /,
    *,
    columns: RegressColumns | None = None,
    format: TableFormat = None,
    skip_bad_rows: SkipBadRows = False,
) -> Iterator[Shown]:
    """Evaluate a regressor on labelled examples: RMSE, MAE, R², Spearman's rank correlation.

    Example: ostinato evaluate runs/a more.csv

    Parameters
    ----------
    data
        Examples with targets as for `fit`; `-` is standard input.
    columns
        The columns of this file and how it is written, where that is not as in training.
    """
    skipped = Skipped() if skip_bad_rows else None
    splits = _read(data, said_of(regressor.settings().data, columns), format, skipped)
    yield from left_out(skipped)
    examples = splits.get("test", splits["train"])
    found = regressor.evaluate(examples)
    yield from learned_from(run, examples.fingerprint())
    yield from shown(regressor, found, examples)
    unknown, tokens = regressor.model_.unknown(examples.texts)
    yield from not_known({"token": unknown}, of=tokens)


def prediction(
    model: RegressModel,
    file: str = "-",
    /,
    *,
    columns: TextColumns | None = None,
    format: LinesFormat = None,
    skip_bad_rows: bool = False,
) -> Iterator[Shown]:
    """Predict a number for each text or time series: one number per line, in order.

    A table is given back with the column prediction. Otherwise there is one line for each text;
    that of a skipped bad row is empty.

    Example: echo "a dull, endless film" | ostinato predict runs/a -

    Parameters
    ----------
    file
        A file with one text per line, a table with the run's text column, or `-`; a .ts file if
        the run was trained on one.
    columns
        The columns of this file and how it is written, where that is not as in training.
    skip_bad_rows
        Skip bad rows and print how many there are. Default: the first bad row is an error.
    """
    own = said_of(model.settings.data, columns)
    skipped, unknown, tokens = Skipped(), Counter[str](), 0
    table, batches = readers.asked(
        file,
        own.text,
        skipped=skipped,
        skip_bad_rows=skip_bad_rows,
        format=format,
        numbers=model.numbers is not None,
        dialect=own.dialect,
    )
    yield from given_back(table)
    for batch in batches:
        known = [each for each in batch if each is not None]
        more, size = model.unknown(known)
        unknown, tokens = unknown + more, tokens + size
        values = iter(model.values(known).tolist())
        for each in batch:
            value = None if each is None else next(values)
            field = "" if value is None else number(value)
            yield Fields([field], {"prediction": field}, {"value": value})
    yield from left_out(skipped)
    yield from not_known({"token": unknown}, of=tokens)


def _read(
    data: str, columns: RegressData, format: str | None, skipped: Skipped | None = None
) -> dict[str, Examples]:
    return readers.read_labelled(
        data,
        columns.text,
        columns.targets,
        format=format,
        skip_bad_rows=skipped,
        dialect=columns.dialect,
    )
