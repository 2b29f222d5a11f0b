"""Times that stand in several columns."""

from datetime import date, datetime, time, timedelta

import pytest

from ostinato.data.readers.series import read_series, series_of
from ostinato.data.series.marks import marks
from ostinato.data.series.panel import Columns, Panel
from ostinato.data.tables.dialect import Dialect
from ostinato.errors import DataError

BEGIN = datetime(2004, 3, 10, 18)
HOURS = [BEGIN + timedelta(hours=k) for k in range(80)]


def table(form, times=HOURS, **numbers):
    """Columns by name, from the format of each, and two of numbers."""
    columns = {name: [t.strftime(own) for t in times] for name, own in form.items()}
    return columns | {"x": [0.5 + k for k in range(len(times))]} | numbers


@pytest.mark.parametrize(
    "form",
    [
        {"date": "%Y-%m-%d", "time": "%H:%M"},
        {"Time": "%H.%M.%S", "Date": "%d/%m/%Y"},
        {"Datum": "%d.%m.%Y", "Uhrzeit": "%H:%M"},
        {"day": "%Y%m%d", "time": "%I:%M %p"},
        {"dteday": "%Y-%m-%d", "hr": "%H"},
        {"date": "%Y-%m-%d 00:00:00", "time": "%H%M"},
        {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H"},
        {"year": "%Y", "month": "%B", "day": "%d", "hour": "%H", "minute": "%M"},
        {"Year": "%Y", "Month": "%m", "Day": "%d", "clock": "%H:%M:%S"},
    ],
    ids=" ".join,
)
def test_a_day_and_its_hour_are_one_time(form):
    panel = series_of(table(form), Columns())
    assert [panel.time(0, k) for k in (0, 79)] == [HOURS[0], HOURS[-1]]
    assert (panel.gaps, panel.clock.season()) == (0, 24)
    assert (sorted(panel.columns.times), panel.columns.target) == (sorted(form), ["x"])
    assert "the time is in" in panel.summary()
    assert Panel.from_json(panel.to_json()).columns == panel.columns


@pytest.mark.parametrize(
    ("form", "months"),
    [({"year": "%Y", "month": "%m"}, 1), ({"year": "%Y", "month": "%b"}, 1),
     ({"year": "%G", "week": "%V"}, 0)],
    ids=["numbers", "names", "weeks"],
)  # fmt: skip
def test_years_and_their_months_or_weeks(form, months):
    begin = datetime(2000, 1, 3)
    weeks = [begin + timedelta(weeks=k) for k in range(60)]
    times = [datetime(2000 + k // 12, k % 12 + 1, 1) for k in range(30)] if months else weeks
    panel = series_of(table(form, times), Columns())
    assert (panel.clock.season(), panel.gaps) == (12 if months else 52, 0)
    assert panel.time(0, len(times) - 1) == times[-1]


def test_hours_that_end_at_24_and_objects_in_memory():
    ends = [(BEGIN + timedelta(hours=k)) for k in range(40)]
    days = [(t - timedelta(seconds=1)).strftime("%Y-%m-%d") for t in ends]
    hours = [t.hour or 24 for t in ends]
    for columns in (
        {"date": days, "hour": hours},
        {"date": days, "time": [f"{h:02d}:00" for h in hours]},
        {"date": [date.fromisoformat(d) for d in days], "hour": hours},
        {"time": [f"{d} {h:02d}:00" for d, h in zip(days, hours, strict=True)]},
    ):
        assert series_of(columns | {"x": [1.5] * 40}, Columns()).time(0, 39) == ends[-1]
    columns = {"date": [t.date() for t in ends], "at": [time(t.hour) for t in ends]}
    assert series_of(columns | {"x": [1.5] * 40}, Columns()).time(0, 39) == ends[-1]


def test_numbers_that_are_no_hours_stay_numbers():
    days = [date(2020, 1, 1) + timedelta(days=k) for k in range(30)]
    many = {"date": list(map(str, days)), "hours": [k + 30 for k in range(30)], "x": [1.5] * 30}
    panel = series_of(many, Columns())
    assert (panel.columns.times, panel.columns.target) == (["date"], ["hours", "x"])
    instants = {"date": HOURS, "hour": [t.hour for t in HOURS], "x": [1.5] * len(HOURS)}
    assert series_of(instants, Columns()).columns.times == ["date"]  # it has its hours already


def test_columns_of_time_are_named():
    form = {"from": "%Y-%m-%d", "at": "%H:%M", "to": "%H:%M"}
    named = series_of(table(form), Columns("from,at", target=["x"]))
    assert (named.columns.times, named.clock.season()) == (["from", "at"], 24)
    with pytest.raises(
        DataError, match=r"the at is not a number: '18:00'; .*--data.time 'from,at'"
    ):
        series_of(table({"from": "%Y-%m-%d", "at": "%H:%M"}), Columns("from"))
    with pytest.raises(DataError, match=r"is repeated.*tells them apart with --data.id"):
        series_of(table(form), Columns("from", target=["x"]))


def test_a_file_of_measurements(tmp_path):
    """As spreadsheets write them: semicolons, decimal commas, blank columns and rows, -200."""
    rows = [
        f"{t:%d/%m/%Y};{t:%H.%M.%S};{'-200' if k % 9 == 4 else f'{k},5'};{k}0,25;;"
        for k, t in enumerate(HOURS)
    ]
    text = "\r\n".join(["Date;Time;CO(GT);NOx;;", *rows, *[";;;;;"] * 3]) + "\r\n"
    (tmp_path / "air.csv").write_text(text, "latin-1", newline="")
    panel = read_series(str(tmp_path / "air.csv"), Columns())
    assert panel.columns.target == ["CO(GT)", "NOx"]
    assert (len(panel.series[0]), panel.series[0].values[1].tolist()) == (80, [1.5, 10.25])
    assert marks(panel) == {"CO(GT)": -200}
    marked = read_series(str(tmp_path / "air.csv"), Columns(), dialect=Dialect(missing=("-200",)))
    assert (marked.missing, marks(marked)) == ({"CO(GT)": 9}, {})
