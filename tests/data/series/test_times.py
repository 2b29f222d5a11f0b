"""Times as people write them: read by the whole column, or refused with what to do."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas
import pytest

from ostinato.data import Columns, Dialect, Skipped, read_series, series_of
from ostinato.data.series.clock import Clock
from ostinato.errors import DataError

MONTHS = [datetime(2010 + k // 12, k % 12 + 1, 1) for k in range(24)]
DAYS = [datetime(2024, 1, 20) + timedelta(days=k) for k in range(40)]
HOURS = [datetime(2024, 2, 28, 5) + timedelta(hours=k) for k in range(30)]


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(times, name="ds", **options):
        rows = "".join(f'"{t}",{k}\n' for k, t in enumerate(times))
        (tmp_path / "a.csv").write_text(f'"{name}",y\n{rows}')
        return read_series("a.csv", Columns(target=["y"]), **options)

    return read


def following(panel, steps=3):
    end = len(panel.series[0])
    return panel.clock.written(panel.clock.at(panel.series[0].start, range(end, end + steps)))


FORMATS = {
    "%Y%m": (MONTHS, 12, ["201201", "201202", "201203"]),
    "%Y%m%d": (DAYS, 7, ["2024-02-29", "2024-03-01", "2024-03-02"]),
    "%Y%m%d%H": (HOURS, 24, ["2024022911", "2024022912", "2024022913"]),
    "%Y-%m": (MONTHS, 12, ["2012-01-01", "2012-02-01", "2012-03-01"]),
    **dict.fromkeys(["%b %d %Y", "%d-%b-%Y", "%B %d, %Y", "%a %d %b %Y", "%Y/%m/%d", "%d.%m.%Y",
                     "%d/%m/%Y", "%m/%d/%Y", "%m/%d/%y", "%d-%m-%Y", "%d %m %Y"],
                    (DAYS, 7, ["2024-02-29", "2024-03-01", "2024-03-02"])),
    **dict.fromkeys(["%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M:%S"],
                    (HOURS, 24, ["2024-02-29 11:00:00", "2024-02-29 12:00:00"])),
    **dict.fromkeys(["%b %Y", "%m/%Y", "%b-%y"], (MONTHS, 12, ["2012-01-01", "2012-02-01"])),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_formats_are_found(read, form):
    times, season, then = FORMATS[form]
    panel = read([t.strftime(form) for t in times])
    assert panel.clock.at(panel.series[0].start, range(len(times))) == times
    assert (len(panel.series[0]), panel.gaps, panel.clock.season()) == (len(times), 0, season)
    assert following(panel, len(then)) == then
    assert (
        read([t.strftime(form) for t in times], dialect=Dialect(times=form)).series[0].start
        == times[0]
    )


def test_weeks_quarters_and_years(read):
    weeks = [date(2023, 12, 4) + timedelta(weeks=k) for k in range(12)]
    for form, then in (("%G-W%V", "2024-02-26"), ("%G%V", "202409")):
        panel = read([t.strftime(form) for t in weeks], "week")
        assert (panel.clock.step, panel.clock.season(), panel.gaps) == (604_800, 52, 0)
        assert following(panel, 1) == [then]
    for form in ("{}Q{}", "{}-Q{}", "Q{1} {0}"):
        panel = read([form.format(2020 + k // 4, k % 4 + 1) for k in range(9)], "quarter")
        assert (str(panel.clock), panel.clock.season()) == ("3 months", 4)
        assert following(panel, 1) == ["2022-04-01"]
    panel = read(range(1949, 1960), "Year")
    assert following(panel, 2) == ["1960", "1961"]


def test_one_kind_of_day_and_month_decides_or_is_refused(read):
    firsts = [t.strftime("%m/%d/%Y") for t in MONTHS]  # in days they would not be even
    assert str(read(firsts).clock) == "1 month"
    both = [t.strftime("%d/%m/%Y") for t in DAYS[12:24]]  # of February, to the twelfth
    with pytest.raises(DataError, match=r"'01/02/2024' may be %d/%m/%Y or %m/%d/%Y, .*date-format"):
        read(both)
    assert str(read(both, dialect=Dialect(times="%m/%d/%Y")).clock) == "1 month"
    assert str(read(both, dialect=Dialect(times="%d/%m/%Y")).clock) == "1 day"
    dashed = [t.strftime("%d-%m-%Y") for t in DAYS]
    dashed[7] = "2024/01/27"
    with pytest.raises(DataError, match=r"line 9: the ds '2024/01/27' is not a time as '%d-%m-%Y'"):
        read(dashed)
    skipped = Skipped()
    assert read(dashed, skip_bad_rows=skipped).gaps == len(skipped.rows) == 1


@pytest.mark.parametrize(
    ("time", "says"),
    [("08:15", "a time of day without a date"), ("soon", "--data.date-format"), ("", "missing")],
)
def test_what_is_no_time_is_refused(read, time, says):
    with pytest.raises(DataError, match=f"line 2: the ds .*{says}"):
        read([time, time])


def test_numbers_that_are_no_months_stay_numbers(read):
    panel = read(range(201_001, 201_025))
    assert (panel.clock.kind, len(panel.series[0])) == ("number", 24)


def test_business_days_are_without_weekends(read):
    days = [str(t.date()) for t in DAYS if t.weekday() < 5]
    panel = read(days)
    assert (panel.gaps, panel.clock.season(), str(panel.clock)) == (0, 5, "1 business day")
    assert following(panel, 3) == ["2024-02-29", "2024-03-01", "2024-03-04"]
    assert read(days[:3] + days[4:]).gaps == 1  # a holiday
    assert str(read(days, usual=Clock("time", 86_400)).clock) == "1 day"  # as it was trained


@pytest.mark.parametrize("alias", ["ME", "BME", "BMS", "QE", "BQE", "MS", "YE"])
def test_ends_and_beginnings_of_months(read, alias):
    days = pandas.date_range("2019-01-31", periods=20, freq=alias)
    panel = read([str(t.date()) for t in days[:-3]])
    assert panel.gaps == 0
    assert following(panel) == [str(t.date()) for t in days[-3:]]


def test_days_have_local_time_where_summer_time_begins(read):
    zone = ZoneInfo("Europe/Berlin")
    days = [datetime(2024, 3, 20, tzinfo=zone) + timedelta(days=k) for k in range(20)]
    panel = read([str(t) for t in days])
    assert (panel.gaps, str(panel.clock), panel.clock.season()) == (0, "1 day", 7)
    assert following(panel, 1) == ["2024-04-09 00:00:00+02:00"]
    hours = [datetime(2024, 3, 30, 23) + timedelta(hours=k) for k in range(9)]
    panel = read([str(t.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)) for t in hours])
    assert (panel.gaps, following(panel, 1)) == (0, ["2024-03-31 08:00:00+00:00"])
    days = pandas.date_range("2024-10-20", periods=5, tz="Europe/Berlin")  # it ends on the 27th
    panel = series_of(pandas.Series(np.arange(5.0), days), Columns())
    assert following(panel, 4)[2:] == ["2024-10-27 00:00:00+02:00", "2024-10-28 00:00:00+01:00"]
    assert type(panel).from_json(panel.to_json()).clock == panel.clock


def test_an_index_of_pandas_is_the_time():
    days = pandas.date_range("2024-01-01", periods=90)
    frame = pandas.DataFrame({"y": np.arange(90.0)}, index=days)
    shuffled = frame.sample(frac=1, random_state=0)
    named = frame.rename_axis("when")
    for table in (frame, shuffled, named, frame["y"], frame.to_period()):
        panel = series_of(table, Columns())
        assert panel.columns.target == ["y"]
        assert panel.series[0].values[:, 0].tolist() == list(range(90))
        assert (panel.clock.season(), following(panel, 1)) == (7, ["2024-03-31"])
    assert series_of(frame.drop(days[[3, 7]]), Columns()).gaps == 2
    both = pandas.concat({"a": frame, "b": frame}, names=["shop", "day"])
    assert [each.name for each in series_of(both, Columns(id="shop")).series] == ["a", "b"]
    plain = pandas.DataFrame({"y": [1.0, 2.0]}, index=[5, 3])
    assert series_of(plain, Columns()).columns.target == ["y"]


def test_what_pandas_has_for_missing():
    frame = pandas.DataFrame({"y": [1, None, 3], "z": ["1", None, "2"]}).convert_dtypes()
    panel = series_of(frame, Columns())
    np.testing.assert_array_equal(panel.series[0].values, [[1, 1], [np.nan, np.nan], [3, 2]])


def test_a_table_that_pandas_wrote(tmp_path):
    frame = pandas.DataFrame({"y": [1.5, 2.5, 3.5]})
    path = tmp_path / "a.csv"
    frame.to_csv(path)
    panel = read_series(str(path), Columns())
    assert (panel.columns.target, panel.columns.time) == (["y"], None)
    frame.set_axis(pandas.date_range("2024-01-01", periods=3)).to_csv(path)
    panel = read_series(str(path), Columns())
    assert (panel.columns.target, following(panel, 1)) == (["y"], ["2024-01-04"])


def test_the_surest_name_is_that_of_the_times(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("month,week,date,y\n1,1,2024-01-01,5\n1,1,2024-01-02,6\n")
    found = read_series(str(path), Columns()).columns
    assert (found.time, found.target) == ("date", ["month", "week", "y"])
    path.write_text("week,y\n1,5\n1,6\n")  # no times
    assert read_series(str(path), Columns()).columns.target == ["week", "y"]


def test_numbers_of_a_table_have_one_decimal_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("ds;y\n2024-01-01;1,5\n2024-01-02;1.234,5\n2024-01-03;2\n")
    panel = read_series(str(path), Columns())
    assert panel.series[0].values[:, 0].tolist() == [1.5, 1234.5, 2]
    path.write_text("ds;y\n2024-01-01;1.5\n2024-01-02;1,5\n")
    with pytest.raises(DataError, match=r"line 3: the y is unclear: .*--data\.decimal"):
        read_series(str(path), Columns())
    path.write_text("2024-01-01,1.5\n2024-01-02,2.5\n")
    with pytest.raises(DataError, match=r"line 1: only numbers and times .*--data\.header no"):
        read_series(str(path), Columns())
    panel = read_series(str(path), Columns("1"), dialect=Dialect(header=False))
    assert panel.series[0].values[:, 0].tolist() == [1.5, 2.5]


@pytest.mark.parametrize("values", [[3.5, 0.25, 1.5, 7.125], ["low", "high", "low", "mid"]])
@pytest.mark.parametrize("name", ["day", "hour", "index", "period"])
def test_a_column_of_such_a_name_without_times_is_none_of_times(read, name, values):
    panel = read(values * 5, name=name)
    assert panel.columns.time is None
    assert len(panel.series[0]) == 20
