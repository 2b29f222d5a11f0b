"""Series from tables: what is read, what is laid on a grid, what is refused and in which words."""

import gzip
import json
import lzma
from datetime import date, datetime, timedelta

import numpy as np
import pandas
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import Columns, Panel, Skipped, read_series, series_of
from ostinato.data.series.clock import Clock
from ostinato.data.series.times import TimeFault, moment
from ostinato.errors import DataError

HOURS = [datetime(2024, 2, 28, 22) + timedelta(hours=k) for k in range(5)]
VALUES = [1.5, -2.0, 0.0, 4.0, 5.0]
CSV = "time,load\n" + "".join(f"{t},{v}\n" for t, v in zip(HOURS, VALUES, strict=True))


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(place, text, columns=None, **options):
    (place / "a.csv").write_text(text)
    return read_series("a.csv", columns or Columns(), **options)


def test_every_format_and_frame_gives_the_same_series(place):
    (place / "a.csv").write_text(CSV)
    (place / "a.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    (place / "a.csv.xz").write_bytes(lzma.compress(CSV.encode()))
    (place / "a.tsv").write_text(CSV.replace(",", "\t"))
    objects = [{"time": str(t), "load": v} for t, v in zip(HOURS, VALUES, strict=True)]
    (place / "a.jsonl").write_text("\n".join(map(json.dumps, objects)))
    columns = {"time": HOURS, "load": VALUES}
    pandas.DataFrame(columns).to_parquet(place / "a.parquet")
    names = ["a.csv", "a.csv.gz", "a.csv.xz", "a.tsv", "a.jsonl", "a.parquet"]
    panels = [read_series(name, Columns()) for name in names]
    panels += [series_of(pandas.DataFrame(columns), Columns())]
    panels += [series_of(polars.DataFrame(columns), Columns())]
    panels += [
        series_of(polars.DataFrame(columns).lazy(), Columns()),
        series_of(columns, Columns()),
    ]
    for panel in panels:
        (series,) = panel.series
        assert series.values[:, 0].tolist() == VALUES
        assert panel.clock.at(series.start, range(5)) == HOURS
        assert panel.columns.target == ["load"]
        assert panel.fingerprint() == panels[0].fingerprint()


@pytest.mark.parametrize(
    "table", [VALUES, np.array(VALUES), pandas.Series(VALUES), polars.Series(VALUES)]
)
def test_numbers_without_times_are_numbered(table):
    panel = series_of(table, Columns())
    assert panel.series[0].values[:, 0].tolist() == VALUES
    assert panel.clock == Clock("number", 1)
    assert series_of(panel, Columns()) is panel


def test_columns_of_an_array_and_several_series_of_a_table(place):
    panel = series_of(np.arange(6.0).reshape(3, 2), Columns())
    assert panel.columns.target == ["value 1", "value 2"]
    text = "town,date,rain,wind,height\nA,2024-01-01,1,5,200\nB,2024-01-01,2,6,low\n"
    text += "A,2024-01-02,3,,200\nB,2024-01-02,4,8,low\n"
    columns = Columns(id="town", target=["rain"], past=["wind"], static=["height"])
    panel = read(place, text, columns)
    assert [each.name for each in panel.series] == ["A", "B"]
    np.testing.assert_array_equal(panel.series[0].values, [[1, 5], [3, np.nan]])
    assert [each.static for each in panel.series] == [[200.0], ["low"]]
    assert panel.missing == {"wind": 1}
    assert "1 in wind" in panel.summary()


def test_missing_values_in_every_spelling_and_steps_without_a_row(place):
    cells = ["", "NA", "nan", "null", "?", "7"]
    text = "day,x\n" + "".join(f"2024-01-{k + 1:02d},{v}\n" for k, v in enumerate(cells))
    text += "2024-01-09,8\n"
    panel = read(place, text, Columns(time="day"))
    values = panel.series[0].values[:, 0]
    assert len(values) == 9
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(values)), [5, 8])
    assert (panel.gaps, panel.missing) == (2, {"x": 7})
    assert "9 steps of 1 day, 1 to forecast; 2 steps have no row" in panel.summary()


def test_what_is_to_be_foretold_is_not_missing(place):
    text = "s,day,x,p,f\n" + "".join(f"a,2024-01-{k:02d},{k},1,1\n" for k in range(1, 8))
    text = text.replace("03,3,1", "03,,1") + "a,2024-01-08,,,1\na,2024-01-09,,,\n"
    text += "b,2024-01-01,1,1,1\nb,2024-01-02,,,1\nc,2024-01-01,4,1,1\n"
    columns = Columns("day", "s", ["x"], ["p"], ["f"])
    panel = read(place, text, columns)
    assert panel.missing == {"x": 1, "f": 1}  # the f of a day that is to be forecast is not known
    assert panel.ahead == 3
    summary = (
        "3 steps after the last known target are to be forecast; missing values: 1 in x, 1 in f."
    )
    assert panel.summary().endswith(summary)
    nothing = read(place, "day,x\n2024-01-01,\n2024-01-02,\n", Columns("day", target=["x"]))
    assert (nothing.missing, nothing.ahead) == ({"x": 2}, 0)


def test_one_step_is_no_steps(place):
    panel = read(place, "day,x\n2024-01-01,1\n2024-01-03,2\n2024-01-04,2\n", Columns(time="day"))
    assert "4 steps of 1 day, 1 to forecast; 1 step has no row" in panel.summary()
    panel = read(place, "id,x\na,1\n", Columns(id="id"))
    assert panel.summary().startswith("1 step, 1 to forecast")


def test_the_latest_may_come_first_with_signs_beside_numbers(place):
    rows = [f"2024-01-{k:02d},${k}.50,{k}%,{-k} €" for k in range(1, 10)]
    panel = read(place, "\n".join(["date,x,y,z", *reversed(rows)]) + "\n")
    assert panel.series[0].values[:2].tolist() == [[1.5, 1, -1], [2.5, 2, -2]]
    assert "the latest came first" in panel.summary()
    again = read(place, "\n".join(["date,x,y,z", *rows]) + "\n")
    assert (again.fingerprint(), again.backwards) == (panel.fingerprint(), False)


def test_a_first_column_of_dates_in_digits_is_the_time(place):
    rows = "".join(f"20240101{k:02d},20240101\n" for k in range(20))
    panel = read(place, f"stamp,x\n{rows}")
    assert (panel.columns.times, panel.clock.season()) == (["stamp"], 24)


REFUSED = {
    "time,x\n2024-01-02,1\n2024-01-03,1\n2024-01-01,2\n": (
        "a.csv, line 4: its time 2024-01-01 00:00:00 comes before that of line 3"
    ),
    "time,x\n2024-01-02,1\n2024-01-01,1\n2024-01-03,2\n": (
        "a.csv, line 4: its time 2024-01-03 00:00:00 comes after that of line 3"
    ),
    "time,shop,x\n2024-01-02,north,1\n": "the shop is not a number: 'north'.*--data.id 'shop'",
    "time,x\n2024-01-02,1\n2024-01-02,2\n": (
        "line 3: its time .* is repeated, it is already in line 2"
    ),
    "time,x\n2024-01-02,1\n\n2024-01-03,inf\n": "a.csv, line 4: the x is not finite",
    "time,x\n2024-01-02,1\n2024-01-03,1e300\n": "a.csv, line 3: the x is not finite, or too large",
    "time,x\n2024-01-02,1\n2024-01-03,two\n": "a.csv, line 3: the x is not a number: 'two'",
    "time,x\n20240102,1\n20240103,1_000\n": "a.csv, line 3: the x is not a number: '1_000'",
    "time,x\n2024-01-02,1\n2024-01-03\n": "a.csv, line 3: 1 field, but the header has 2",
    "time,x\n2024-13-02,1\n": "a.csv, line 2: the time '2024-13-02' is not a time",
    "time,x\n,1\n": "a.csv, line 2: the time is missing",
    "time,x\n5,1\n2024-01-02,2\n": "line 3: its time .* is not like the others",
    "time,x\n2024-01-02 00:00,1\n2024-01-02 01:00,2\n2024-01-02 02:30,2\n": (
        "a.csv, line 4: its time 2024-01-02 02:30:00 is not a whole number of steps .1 hour. from"
    ),
    "time,x\n2024-01-01 00:00,1\n2024-01-01 00:01,2\n2025-01-01 00:00,2\n": "are spread over",
    "x,when\n1,late\n": "line 2: the when is not a number: .*; choose the column of time",
    "time\n2024-01-02\n": "no column is left to be forecast",
    "time,x\n": "a.csv: no rows",
    "": "a.csv: the file is empty",
}


@pytest.mark.parametrize("text", REFUSED)
def test_bad_rows_are_named_in_one_line(place, text):
    with pytest.raises(DataError, match=REFUSED[text]) as error:
        read(place, text)
    assert "\n" not in str(error.value)


def test_times_with_a_zone_and_without_do_not_mix(place):
    days = [f"2024-01-{d:02d}" for d in range(1, 31)]
    zoned = [f"{day}T02:00:00+02:00,1" for day in days[:10]] + [f"{day},1" for day in days[10:]]
    why = r"a date without a zone, where the first is a date with a zone"
    with pytest.raises(DataError, match=rf"a.csv, line 12: its time 2024-01-11 .* {why}"):
        read(place, "\n".join(["time,x", *zoned]))
    bare = [f"{day},1" for day in days]
    bare[8] = "2024-01-09T00:00:00+02:00,1"
    why = "a date with a zone, where the first is a date without a zone"
    with pytest.raises(DataError, match=rf"line 10: its time 2024-01-09 00:00:00\+02:00 .* {why}"):
        read(place, "\n".join(["time,x", *bare]))
    skipped = Skipped()
    panel = read(place, "\n".join(["time,x", *bare]), skip_bad_rows=skipped)
    assert (skipped.rows, panel.gaps) == ([8], 1)
    # of several series too, of which each has one kind
    with pytest.raises(DataError, match=r"line 3: its time .* is not like the others"):
        read(place, "id,time,x\na,2024-01-01,1\nb,2024-01-01T00:00Z,2\n", Columns(id="id"))
    all_zoned = [f"2024-06-01 {h:02d}:00+02:00,{h}" for h in range(12)]
    assert read(place, "\n".join(["time,x", *all_zoned])).series[0].start.hour == 22


DAILY = [str(date(2024, 1, 1) + timedelta(days=k)) for k in range(60)]
ENDS = ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]
MONTHLY = [f"{2020 + k // 12}-{k % 12 + 1:02d}-01" for k in range(20)]


@pytest.mark.parametrize(
    ("times", "place_of_it", "strange", "step"),
    [
        (DAILY, 8, "2024-01-09 05:00", "1 day"),
        (DAILY, 8, "2024-01-09 12:00", "1 day"),
        (DAILY, 0, "2024-01-01 05:00", "1 day"),
        (DAILY[::7], 4, "2024-01-30", "1 week"),
        (MONTHLY, 7, "2020-08-02", "1 month"),
        (MONTHLY, 7, "2020-08-01 05:00", "1 month"),
        (ENDS, 4, "2024-05-30", "1 month"),
        (MONTHLY[::3], 4, "2021-02-01", "3 months"),
        ([str(5 * k) for k in range(20)], 6, "31", "5"),
    ],
)
def test_the_row_between_two_steps_is_the_one_that_is_named(
    place, times, place_of_it, strange, step
):
    times = [*times[:place_of_it], strange, *times[place_of_it + 1 :]]
    text = "time,x\n" + "".join(f"{t},1\n" for t in times)
    found = rf"line {place_of_it + 2}: its time {strange}.* a whole number of steps \({step}\) from"
    with pytest.raises(DataError, match=found):
        read(place, text)


def test_a_row_too_many_does_not_halve_the_step(place):
    times = [*DAILY[:9], "2024-01-09 12:00", *DAILY[9:]]
    with pytest.raises(DataError, match=r"line 11: its time 2024-01-09 12:00:00 .*\(1 day\)"):
        read(place, "time,x\n" + "".join(f"{t},1\n" for t in times))


def test_bad_rows_that_are_skipped_become_gaps_and_are_counted(place):
    text = "time,x\n2024-01-01,1\n2024-01-02,inf\n2024-01-03,3\n2024-01-04,x\n"
    text += "2024-01-05,5\n2024-01-06,6\n"
    skipped = Skipped()
    panel = read(place, text, skip_bad_rows=skipped)
    np.testing.assert_array_equal(panel.series[0].values[:, 0], [1, np.nan, 3, np.nan, 5, 6])
    assert skipped.rows == [1, 3]
    assert panel.gaps == 2
    assert "2 bad rows" in skipped.summary()


def test_columns_that_do_not_fit_are_named(place):
    for columns, message in [
        (Columns(target=["y"]), "a.csv: no column 'y'; the columns are 'time', 'load'"),
        (Columns(target=["load"], past=["load"]), "a.csv: column 'load' is used for two parts"),
        (Columns(id="load", target=["load"]), "'load' is used for two parts"),
    ]:
        with pytest.raises(DataError, match=message):
            read(place, CSV, columns)
    with pytest.raises(DataError, match="line 3: the s is static"):
        read(place, "time,x,s\n1,1,a\n2,2,b\n", Columns(static=["s"]))
    with pytest.raises(DataError, match="contains texts"):
        read_series("imdb", Columns())
    with pytest.raises(DataError, match="the columns have different lengths"):
        series_of({"a": [1], "b": [1, 2]}, Columns())


def test_times_of_all_kinds():
    same = datetime(2024, 7, 1)
    zoned = "2024-07-01T02:00:00+02:00"
    for value in (
        "2024-07-01",
        "2024-07",
        "20240701",
        20240701,
        zoned,
        same,
        date(2024, 7, 1),
        np.datetime64(same),
    ):
        assert moment(value) == same
    assert moment(pandas.Timestamp(same)) == same
    assert moment(3.0) == moment("3") == moment(np.int64(3)) == 3
    for value in (None, "", float("nan"), pandas.NaT, "soon", 2.5, True):
        with pytest.raises(TimeFault):
            moment(value)


@given(
    start=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(
        lambda t: t.replace(microsecond=0)
    ),
    step=st.integers(1, 10**6),
    chosen=st.sets(st.integers(0, 60), min_size=1),
)
def test_a_grid_gives_its_times_back(start, step, chosen):
    kept = sorted({0, 1} | chosen)
    times = [start + timedelta(seconds=k * step) for k in kept]
    clock = Clock.of([times])
    steps = clock.steps(times)
    assert clock.at(times[0], steps) == times
    if clock.kind == "time":
        assert steps.tolist() == kept


@given(st.integers(1900, 2100), st.integers(1, 12), st.integers(1, 31), st.sampled_from([1, 3, 12]))
def test_months_keep_their_day_or_end_where_they_end(year, month, day, step):
    units = [year * 12 + month - 1 + k * step for k in range(30)]
    times = []
    for unit in units:
        y, m = divmod(unit, 12)
        last = (datetime(y + m // 11, (m + 1) % 12 + 1, 1) - timedelta(days=1)).day
        times.append(datetime(y, m + 1, min(day, last)))
    clock = Clock.of([times])
    assert (clock.kind, clock.step) == ("month", step)
    assert clock.at(times[0], clock.steps(times)) == times
    assert clock.season() == {1: 12, 3: 4, 12: 1}[step]


def test_days_are_written_as_dates_and_hours_as_times():
    at, day = datetime(2024, 3, 10), timedelta(days=1)
    for step in (day, 7 * day, 31 * day):
        times = [at + k * step for k in range(3)]
        assert Clock.of([times]).written(times) == [str(t.date()) for t in times]
    months = [datetime(2024, m, 1) for m in (1, 2, 3)]
    assert Clock.of([months]).written(months) == ["2024-01-01", "2024-02-01", "2024-03-01"]
    for start, step in ((at, timedelta(hours=12)), (at + timedelta(hours=5), day)):
        times = [start + k * step for k in range(3)]
        assert Clock.of([times]).written(times) == [str(t) for t in times]
        assert Clock.of([times]).written(times[:1]) == [str(start)]  # midnight too
    assert Clock.of([[3, 4]]).written([5]) == ["5"]


def test_seasons_by_the_clock():
    at = datetime(2024, 1, 1)
    seasons = {timedelta(hours=1): 24, timedelta(days=1): 7, timedelta(minutes=15): 96}
    for step, season in (seasons | {timedelta(seconds=7): 1}).items():
        assert Clock.of([[at + k * step for k in range(9)]]).season() == season


def test_a_panel_comes_back_from_json(place):
    panel = read(place, CSV + "2024-02-29 06:00:00,\n")
    back = Panel.from_json(json.loads(json.dumps(panel.to_json())))
    assert back.fingerprint() == panel.fingerprint()
    assert back.time(0, 8) == HOURS[0] + timedelta(hours=8)
