"""What `fit`, `compare`, `evaluate` and `predict` do of this task."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ostinato.data import Skipped, readers
from ostinato.data.series.marks import marks_said
from ostinato.errors import ConfigError, counted, quoted
from ostinato.tasks.base.reading import Comparison, SkipBadRows, TableFormat, TrainingSet
from ostinato.tasks.base.settings import said_of
from ostinato.tasks.base.summary import (
    Fans,
    Message,
    Note,
    Shown,
    SummaryTable,
    Verbatim,
    left_out,
)
from ostinato.tasks.forecast.settings import ForecastData, ForecastSettings, SeriesTable
from ostinato.tasks.forecast.summary import measured, number, trained
from ostinato.train import Run, write_out

if TYPE_CHECKING:
    from ostinato.data import Panel
    from ostinato.tasks.forecast.estimator import Forecaster
    from ostinato.tasks.forecast.model import ForecastModel


def training(
    data: str, /, *, format: TableFormat = None, settings: ForecastSettings, skip_bad_rows: bool
) -> Generator[Shown, None, TrainingSet]:
    """Train a forecaster of time series and a seasonal naive baseline.

    Example: ostinato fit forecast temperatures --data.id city --out runs/f

    Parameters
    ----------
    data
        A CSV, TSV, JSON Lines or Parquet file with one row for each time step and numeric columns,
        `-` for standard input, or `temperatures`; may be compressed (.gz, .xz).
    settings
        The settings.
    """
    skipped = Skipped() if skip_bad_rows else None
    panel = yield from _read(data, settings.data, format, skipped)
    return TrainingSet((panel,), {"skipped": skipped}, partial(trained, panel=panel))


def comparison(
    data: str, /, *, format: TableFormat = None, settings: ForecastSettings
) -> Generator[Shown, None, Comparison]:
    """Compare cells as forecasters of time series, and with the seasonal naive baseline.

    Example: ostinato compare forecast temperatures --data.id city --cells lstm,gru --seeds 3

    Every cell is trained with every seed on the first part of each series, and evaluated on the
    last (--data.test). To continue an interrupted comparison, use the same --out.

    Parameters
    ----------
    data
        Series as for `fit forecast`, or `-` for standard input.
    settings
        The settings, the same for all cells.
    """
    from ostinato.cells import find
    from ostinato.tasks.forecast.estimator import Forecaster
    from ostinato.tasks.forecast.held_out import ForecastHeldOut
    from ostinato.tasks.forecast.network import ForecastNetwork

    if not settings.data.test:
        raise ConfigError("--data.test 0: cells are compared on the test set; give it a size")
    panel = yield from _read(data, settings.data, format, None)
    prepared = Forecaster.of(settings).prepare(panel)

    def network(own: ForecastSettings) -> ForecastNetwork:
        return ForecastNetwork(find(own.cell), own.model, prepared.shape_)

    ends = prepared.parts_
    sizes = int(ends.training.sum()), int((ends.test - ends.validation).sum())
    return Comparison((panel,), ForecastHeldOut(panel, "test"), network, sizes)


def evaluation(
    forecaster: Forecaster,
    run: Run,
    data: str,
    /,
    *,
    part: str | None = None,
    backtest: int | None = None,
    refit: bool = False,
    columns: SeriesTable | None = None,
    format: TableFormat = None,
    skip_bad_rows: SkipBadRows = False,
) -> Iterator[Shown]:
    """Evaluate a forecaster and the seasonal naive baseline: MSE, MAE, MASE, pinball loss.

    If the data are those of training, only the test set is used; otherwise all windows are.

    Example: ostinato evaluate runs/f temperatures --backtest 5

    Parameters
    ----------
    data
        Series as for `fit`; `-` is standard input.
    part
        validation or test, if the data are those of training.
    backtest
        Forecast this many horizons at the end of the series, one after the other (rolling origin).
    refit
        With --backtest, train a new network for each of them, on all data before it.
    columns
        How this file is written, where that is not as in training.
    """
    if refit and backtest is None:
        raise ConfigError("--refit requires --backtest")
    settings, skipped = forecaster.settings(), Skipped() if skip_bad_rows else None
    own = said_of(settings.data, columns)
    panel = yield from _read(data, own, format, skipped, forecaster.model_)
    yield from _unknown(forecaster.model_, panel)
    if backtest is None:
        same = panel.fingerprint() == run.manifest.data.get("sha256")
        if part is None and same and settings.data.test:
            part = "test"
        yield from measured(forecaster, panel, part)
        return
    rows = []
    for fold in forecaster.backtest(panel, backtest, refit=refit):
        both = fold, fold["naive"]
        rows.append([fold["from"], *(number(e[k]) for e in both for k in ("mse", "mae", "mase"))])
    heads = "from", "MSE", "MAE", "MASE", "naive MSE", "naive MAE", "naive MASE"
    yield SummaryTable(heads, rows)


def prediction(
    model: ForecastModel,
    file: str | None = None,
    /,
    *,
    horizon: int | None = None,
    out: Path | None = None,
    plot: Path | None = None,
    columns: SeriesTable | None = None,
    format: TableFormat = None,
    skip_bad_rows: SkipBadRows = False,
) -> Iterator[Shown]:
    """Forecast the next steps: a CSV of time steps, the forecast and its quantiles.

    A name that a spreadsheet would run as a formula, because it begins with =, +, - or @, gets an
    apostrophe in front. Without a file, the series of training are forecast. Future covariates are
    in the rows after the last known target.

    Example: ostinato predict runs/f --horizon 24 --out tomorrow.csv

    Parameters
    ----------
    file
        Series as for `fit`, `-` for standard input.
    horizon
        The number of steps. Default: as in training.
    out
        The file to write instead of standard output.
    plot
        Also draw the forecast, with the end of each series and its quantiles, as an HTML page.
    columns
        How this file is written, where that is not as in training.
    """
    panel = None
    if file is not None:
        skipped = Skipped() if skip_bad_rows else None
        own = said_of(model.settings.data, columns)
        table = yield from _read(file, own, format, skipped, model)
        panel = model.panel_of(table)
        yield from _unknown(model, panel)
    forecast = model.forecast(panel, horizon)
    if plot is not None:
        from ostinato.tasks.forecast.fans import fans

        yield Fans(plot, fans(model, panel, forecast))
    text = forecast.to_csv()
    if out is None:
        yield Verbatim(text, records=forecast.records())
    else:
        write_out(out, text)
        yield Message(f"{text.count(chr(10)) - 1:,} rows in {out}")


def _read(
    data: str,
    own: ForecastData,
    format: str | None,
    skipped: Skipped | None,
    model: ForecastModel | None = None,
) -> Generator[Shown, None, Panel]:
    """The series, and a line that says what they are, missing values too.

    Those for a trained model have the columns and the grid of training.
    """
    panel = readers.read_series(
        data,
        model.trained.columns if model else own.columns(),
        format=format,
        skip_bad_rows=skipped,
        dialect=own.dialect,
        usual=model.trained.clock if model else None,
    )
    carried = panel.missing and own.missing == "carry"
    filled = " Each is replaced by the last known value before it." if carried else ""
    yield Note(f"{panel.title}: {panel.summary()}{filled}")
    if said := marks_said(panel):
        yield Note(f"ostinato: {said}")
    yield from left_out(skipped)
    return panel


def _unknown(model: ForecastModel, panel: Panel) -> Iterator[Shown]:
    """The static words never seen in training; nothing where there are none."""
    unknown = model.trained.scale.unknown(panel)
    if unknown:
        shown = ", ".join(
            f"{column} {quoted(word)}" + (f" of series {quoted(name)}" if name else "")
            for name, column, word in unknown[:8]
        )
        more = ", …" if len(unknown) > 8 else ""
        yield Note(
            f"ostinato: {counted(len(unknown), 'static value')} not in the "
            f"training set, read as unknown: {shown}{more}"
        )
