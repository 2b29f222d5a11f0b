"""Forecasting on the command line: what `fit`, `evaluate`, `predict` and `compare` do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ostinato.cells import find
from ostinato.cli.runs import Data, RunOptions, SkipBadRows, TableFormat, bad_rows
from ostinato.cli.screen import as_shown, aside, console, duration, table
from ostinato.cli.trials import Trials, title_of
from ostinato.data import Panel, Skipped, read_series
from ostinato.errors import ConfigError, counted, quoted
from ostinato.observe.architecture import counts
from ostinato.tasks.forecast.estimator import Forecaster
from ostinato.tasks.forecast.held_out import ForecastHeldOut
from ostinato.tasks.forecast.network import ForecastNetwork
from ostinato.tasks.forecast.settings import ForecastSettings
from ostinato.train import Run, write_out


def fit(
    data: Data,
    /,
    *,
    options: RunOptions = RunOptions(),
    format: TableFormat = None,
    settings: Annotated[ForecastSettings | None, Parameter(name="*")] = None,
) -> None:
    """Train a forecaster of series, with seasonal naive beside it.

    Example: ostinato fit forecast temperatures --data.id city --out runs/f

    Parameters
    ----------
    data
        A CSV, TSV, JSON Lines or Parquet file with a row for each time and columns of numbers, `-`
        for standard input, or `temperatures`; .gz and .xz too.
    settings
        The settings.
    """
    chosen = options.settings(ForecastSettings, settings)
    with bad_rows(options.skip_bad_rows) as skipped:
        panel = _read(data, chosen, format, skipped)
    estimator = options.estimator(Forecaster, chosen)
    run = options.train(estimator, [data], panel, named={"format": format}, skipped=skipped)
    spent = sum(record["seconds"] for record in estimator.history_)
    for part in ("validation", "test") if chosen.data.test else ("validation",):
        _tell(estimator, panel, part)
    weights = counts(estimator.network_)["parameters"]
    console.print(f"{weights:,} parameters, trained in {duration(spent)}.")
    console.print(f"Saved in {run.path}. Next: ostinato predict {run.path}", soft_wrap=True)


def evaluate(
    run: str,
    data: Data,
    /,
    *,
    part: str | None = None,
    backtest: int | None = None,
    refit: bool = False,
    format: TableFormat = None,
    skip_bad_rows: SkipBadRows = False,
) -> None:
    """Measure a forecaster: squared and absolute errors, MASE, quantiles; naive beside it.

    Of the very series it was trained on only the test part counts; of others all windows do.

    Example: ostinato evaluate runs/f temperatures --backtest 5

    Parameters
    ----------
    run
        The folder of a run.
    data
        Series as for `fit`; `-` is standard input.
    part
        validation or test, of the series of training.
    backtest
        Rolling origin: this many horizons at the end of the series, one after the other.
    refit
        With --backtest, train anew for each of them on all that lies before it.
    """
    if refit and backtest is None:
        raise ConfigError("--refit goes with --backtest")
    forecaster = Forecaster.load(run)
    with bad_rows(skip_bad_rows) as skipped:
        panel = _read(data, forecaster.settings(), format, skipped)
    _say_strange(forecaster, panel)
    same = panel.fingerprint() == Run(run).manifest.data.get("sha256")
    if backtest is None:
        if part is None and same and forecaster.settings().data.test:
            part = "test"
        _tell(forecaster, panel, part)
        return
    told = table("from", "MSE", "MAE", "MASE", "naive MSE", "naive MAE", "naive MASE")
    for fold in forecaster.backtest(panel, backtest, refit=refit):
        both = fold, fold["naive"]
        told.add_row(fold["from"], *(number(e[k]) for e in both for k in ("mse", "mae", "mase")))
    console.print(told)


def predict(
    run: str,
    file: Data | None = None,
    /,
    *,
    horizon: int | None = None,
    out: Path | None = None,
    format: TableFormat = None,
    skip_bad_rows: SkipBadRows = False,
) -> None:
    """Go on with series: a CSV of times, the forecast and its quantiles.

    A name that a spreadsheet would run, which begins with =, +, - or @, has an apostrophe before
    it.

    Without a file the series of training are gone on with. Future covariates stand in the rows
    after the last known target.

    Example: ostinato predict runs/f --horizon 24 --out tomorrow.csv

    Parameters
    ----------
    run
        The folder of a run.
    file
        Series as for `fit`, `-` for standard input.
    horizon
        How many steps; as trained unless given.
    out
        A file to write to instead of standard output.
    """
    forecaster = Forecaster.load(run)
    panel = None
    if file is not None:
        with bad_rows(skip_bad_rows) as skipped:
            panel = _read(file, forecaster.settings(), format, skipped)
        _say_strange(forecaster, panel)
    text = forecaster.predict(horizon, panel).to_csv()
    if out is None:
        print(as_shown(text), end="")
    else:
        write_out(out, text)
        console.print(f"{text.count(chr(10)) - 1:,} rows in {out}", soft_wrap=True)


def compare(
    data: Data,
    /,
    *,
    trials: Trials = Trials(),
    format: TableFormat = None,
    settings: Annotated[ForecastSettings | None, Parameter(name="*")] = None,
) -> None:
    """Compare cells as forecasters of series, with seasonal naive beside them.

    Example: ostinato compare forecast temperatures --data.id city --cells lstm,gru --seeds 3

    Every cell is trained with every seed on the first part of each series, and judged by the last
    (--data.test). Given again with the same --out, it goes on where it was stopped.

    Parameters
    ----------
    data
        Series as for `fit forecast`, or `-` for standard input.
    settings
        The settings, the same for all cells.
    """
    chosen = trials.settings(ForecastSettings, settings)
    if not chosen.data.test:
        raise ConfigError("--data.test 0: cells are compared by the test part; give it a share")
    panel = _read(data, chosen, format, None)
    prepared = Forecaster.of(chosen).prepare(panel)

    def network(own: ForecastSettings) -> ForecastNetwork:
        return ForecastNetwork(find(own.cell), own.model, prepared.shape_)

    ends = prepared.parts_
    sizes = int(ends.training.sum()), int((ends.test - ends.validation).sum())
    trials.run(
        title_of(data), chosen, (panel,), ForecastHeldOut(panel, "test"), network, sizes=sizes
    )


def _read(
    data: str, settings: ForecastSettings, format: str | None, skipped: Skipped | None
) -> Panel:
    """The series, and a line on standard error that says what they are, missing values too."""
    panel = read_series(data, settings.data.columns(), format=format, skip_bad_rows=skipped)
    carried = panel.missing and settings.data.missing == "carry"
    filled = " Each is read as the last one known before it." if carried else ""
    aside.print(f"{panel.title}: {panel.summary()}{filled}", soft_wrap=True)
    return panel


def _say_strange(forecaster: Forecaster, panel: Panel) -> None:
    """The static words never seen in training, in a line on standard error; nothing without any."""
    strange = forecaster.scale_.unknown(panel)
    if strange:
        shown = ", ".join(
            f"{column} {quoted(word)}" + (f" of series {quoted(name)}" if name else "")
            for name, column, word in strange[:8]
        )
        more = ", …" if len(strange) > 8 else ""
        aside.print(
            f"ostinato: {counted(len(strange), 'static value')} never seen in training, read as "
            f"none of those known: {shown}{more}",
            soft_wrap=True,
        )


def _tell(forecaster: Forecaster, panel: Panel, part: str | None) -> None:
    """The table of a part: the forecaster and seasonal naive, and below it what each column has."""
    cell = forecaster.network_.recurrent.cell.name
    season = forecaster.season_
    own = forecaster.evaluate(panel, part=part)
    naive = forecaster.evaluate(panel, part=part, naive=True)
    rows = {cell: own, f"naive, {season} step{'s' if season > 1 else ''} ago": naive}
    levels = forecaster.settings().model.quantiles
    inner = f"in {levels[-1] - levels[0]:.0%}" if len(levels) > 1 else None
    columns = ["MSE", "MAE", "MASE", *(["pinball"] if levels else []), *([inner] if inner else [])]
    told = table(f"{part or 'all'}: {own['windows']:,} windows", *columns)
    for name, each in rows.items():
        values = [number(each[key]) for key in ("mse", "mae", "mase")]
        if levels:
            values.append(number(each["pinball"]))
        if inner:
            values.append("–" if each is naive else f"{each['coverage']:.1%}")
        told.add_row(name, *values)
    console.print(told)
    if naive["mse"] <= own["mse"]:
        console.print("Seasonal naive is better here.")
    console.print(_own_units(rows))


def _own_units(rows: Mapping[str, Mapping[str, Any]]) -> Any:
    """MAE of each target in its own units; the other measures are in deviations of training."""
    names = list(next(iter(rows.values()))["columns"])
    told = table("MAE in own units", *names[:8])
    for row, each in rows.items():
        told.add_row(row, *(number(each["columns"][name]["mae"]) for name in names[:8]))
    return told


def number(value: float | None) -> str:
    """A measure to four digits; a dash where there is none."""
    return "–" if value is None else f"{value:.4g}" if abs(value) >= 10 else f"{value:.4f}"
