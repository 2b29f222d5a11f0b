"""Text of data and runs at a terminal: all of it is seen, and none of it acts."""

import contextlib
import io
import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.cli import main, screen
from ostinato.data.series.clock import Clock
from ostinato.data.tables.spreadsheet import marked, unmarked
from ostinato.tasks.classify.measures import measured
from ostinato.tasks.tag.labels import Labels
from ostinato.visible import field, visible

EVIL = "a\x1b[2J\x9b31m\u202eb\u2066\x07\x00\x7f\ud800[red]c"
LINES = "x\ny\r\tz\x85\u2028w"


def unseen(text):
    return [c for c in text if c != "\n" and not c.isprintable()]


def shown(print_it):
    text = io.StringIO()
    print_it(screen.Screen(file=text, force_terminal=True, color_system=None, width=200))
    return text.getvalue()


def test_what_is_printed_is_text():
    text = shown(lambda console: console.print(EVIL))
    assert unseen(text) == []
    assert "\\x1b[2J\\x9b31m\\u202eb\\u2066\\x07\\x00\\x7f\\ud800[red]c" in text


def test_a_cell_of_a_table_is_one_line():
    def rows(value):
        table = screen.table("label", value, title="all")
        table.add_row(value, "1")
        return shown(lambda console: console.print(table))

    assert unseen(rows(EVIL + LINES)) == []
    assert rows(LINES).count("\n") == rows("plain").count("\n")


def test_ordinary_text_is_as_it_was():
    text = "señal 数\u3000字 ∂ 👩\u200d💻 می\u200cخواهم a\u00a0b \\\\ \\n"
    assert visible(text) == field(text) == text


@given(st.text())
def test_nothing_unseen_and_one_line(text):
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in visible(text))
    assert len(visible(text).splitlines()) <= 1
    assert len(field(text).splitlines()) <= 1
    visible(text).encode()


def test_an_error_is_one_visible_line(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["evaluate", f"{tmp_path}/a\x1b]0;title\x07\nforged: \u202eline", "x.csv"])
    said = capsys.readouterr().err
    assert unseen(said) == []
    assert said.count("\n") == 1


def test_an_answer_is_one_line_of_its_fields(capsys):
    screen.answer("pos\n0.9\tneg", "0.5")
    screen.answer("a\x1b", "1")  # for another program
    assert capsys.readouterr().out == "pos\\n0.9\\tneg\t0.5\na\x1b\t1\n"


def test_a_report_of_classes_is_a_line_for_each():
    classes = ["neg", "pos\n  accuracy 1.000\x1b[31m"]
    truth = np.eye(2, dtype=bool)[[0, 1, 1]]
    found = measured(truth, truth[::-1], classes, multi_label=False)
    assert unseen(found.report) == []
    assert "\n  accuracy 1.000" not in found.report


@pytest.mark.parametrize("name", ["B-X\nforged\tB-Y", "a\tb", "x\u2028y"])
def test_a_tag_that_would_be_several_lines_is_refused(name):
    with pytest.raises(ValueError, match="a line break"):
        Labels.from_json({"classes": ["O", name], "scheme": "none", "unlabelled": ""})


def test_at_a_terminal_answers_are_visible():
    """In a process whose standard output is a terminal."""
    main_end, own_end = pty.openpty()
    code = (
        "from ostinato.cli import screen; screen.answer('a\\x1b[2J'); "
        "print(screen.as_shown('b\\x1b'))"
    )
    subprocess.run([sys.executable, "-c", code], stdout=own_end, check=True)
    os.close(own_end)
    text = b""
    with contextlib.suppress(OSError), os.fdopen(main_end, "rb", 0) as terminal:
        while piece := terminal.read(1000):
            text += piece
    assert b"\x1b" not in text
    assert text.split() == [b"a\\x1b[2J", b"b\\x1b"]


# ---- spreadsheets


@given(st.text() | st.text("'=+-@\t\r1.e", max_size=6))
def test_a_name_comes_back(name):
    cell = marked(name)
    assert unmarked(cell) == name
    number = name.strip() and cell == name and name[0] in "+-"
    assert not cell.startswith(("=", "@", "\t", "\r"))
    if number:
        float(cell)
    else:
        assert not cell.startswith(("+", "-"))


@pytest.mark.parametrize("number", ["-1.5", "+3", "-1e-7", "+.5"])
def test_numbers_stay_numbers(number):
    assert marked(number) == number


def test_a_forecast_is_no_formula_and_reads_back(tmp_path):
    from ostinato.data import Columns, read_series
    from ostinato.tasks.forecast.forecasts import Forecast

    names = ["=HYPERLINK(1)", "@x", "-a", "-2", "'=b", "plain"]
    forecast = Forecast(
        names, "id", ["=value"], [], [[0, 1]] * len(names), np.full((len(names), 2, 1, 1), -1.5),
        Clock("number", 1),
    )  # fmt: skip
    text = forecast.to_csv()
    for row in text.splitlines():
        assert not any(cell[:1] in "=@" and cell for cell in row.replace('"', "").split(","))
    file = tmp_path / "f.csv"
    file.write_text(text)
    panel = read_series(str(file), Columns(id="id", time="time", target=["forecast"]))
    assert {series.name for series in panel.series} == set(names)
    assert ",-1.5" in text


def at_a_terminal(monkeypatch, *arguments):
    """What a command writes at a terminal, its two streams together."""
    written = io.StringIO()
    monkeypatch.setattr(written, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", written)
    monkeypatch.setattr(sys, "stderr", written)
    with contextlib.suppress(SystemExit):
        main(arguments)
    return written.getvalue()


@pytest.mark.parametrize("level", ["python", "latex"])
def test_a_cell_is_shown_as_text(level, monkeypatch):
    """Its name, its notes and its code are those of whoever wrote it."""
    from ostinato.cli import show

    found = f"# {EVIL}\nh = x  # {EVIL}"
    plain = type("Level", (), {"source": staticmethod(lambda *_, **__: found)})
    monkeypatch.setattr(show.levels, "find", lambda name: plain)
    text = re.sub(
        r"\x1b\[[0-9;]*m", "", at_a_terminal(monkeypatch, "show", "rnn", "--level", level)
    )
    assert "\\x1b[2J" in text
    assert unseen(text) == []


def test_stages_of_the_compiler_are_shown_as_text(monkeypatch, capsys):
    from ostinato.levels.native.plan import show

    monkeypatch.setenv("OSTINATO_SHOW", "graph,ir")
    monkeypatch.setattr(show, "graph", lambda memory: f"{EVIL}\n  a")
    show.show(None, lambda: f"; {EVIL}")
    text = capsys.readouterr().err
    assert unseen(text) == []
    assert text.count("\n") == 3
