"""Standard streams as commands get them: unread, full, closed, in ASCII, and names of any bytes."""

import json
import os
import re
import shutil
import subprocess
import sys
import warnings

import pytest

from ostinato.train import Run

FULL = "/dev/full"
WORDS = "--model.hidden 4 --model.embedding 4 --train.epochs 1 --data.batch-tokens 400".split()
FIT = ["fit", "classify", "reviews.csv", *WORDS]
SHORT = [
    "--help", "show lstm", "predict runs/a more.csv", "generate runs/b --length 3 --chart",
    "evaluate runs/a more.csv", "cache", "report runs/a --out a.html",
]  # fmt: skip
NARROW = (
    "ostinato: standard output is encoded in {}; other characters are written as escapes; set "
    "PYTHONIOENCODING=utf-8 to write them unchanged\n"
)
OWN = "ostinato: the run was trained on these data; the result does not hold for others\n"
CAFE = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize("words", [*SHORT, pytest.param("verify rnn", marks=pytest.mark.slow)])
def test_what_nobody_reads_ends_without_a_word(terminal, words):
    done = terminal(*words.split(), out=terminal.UNREAD)
    assert (done.status, done.err) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("words", ["--help", "predict runs/a long.csv", "bench rnn"])
def test_head_reads_what_it_wants(terminal, words, tmp_path):
    long = (terminal.folder / "reviews.csv").read_text() * 200  # more than a pipe holds
    (terminal.folder / "long.csv").write_text(long)
    if words.startswith("bench"):
        words += " --lines step --peers torch --sizes 2x2x2x2 --repeat 1 --threads 1"
        words += f" --out {tmp_path}/bench"
    command = [sys.executable, "-m", "ostinato", *words.split()]
    with subprocess.Popen(
        command, cwd=terminal.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert len(process.stdout.read(1)) == 1
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("words", ["show lstm", "fit classify --help", "generate runs/b --chart"])
def test_what_an_encoding_does_not_have_is_escaped(terminal, words, encoding):
    done = terminal(*words.split(), encoding=encoding)
    assert (done.status, done.err) == (0, NARROW.format(encoding))
    plain = terminal.text(*words.split())
    read = done.out.encode(encoding).decode("unicode_escape")
    if words == "show lstm":  # where nothing is laid out, the rest is as it was
        assert read.splitlines() == plain.splitlines()
    assert set(read) >= {c for c in plain if ord(c) > 255} - set("█▏▎▍▌▋▊▉─│╭╮╰╯")


@pytest.mark.parametrize(
    "words", ["predict runs/Ä m.csv", "evaluate runs/Ä m.csv", "report runs/Ä"]
)
def test_labels_and_names_in_ascii(terminal, words):
    table = (terminal.folder / "reviews.csv").read_text()
    table = table.replace("pos\n", "schön\n").replace("neg\n", "öde\n")
    (terminal.folder / "m.csv").write_text(table)
    if not (terminal.folder / "runs/Ä").exists():
        terminal.text("fit", "classify", "m.csv", "--out", "runs/Ä", *WORDS)
    more = ["--out", "Ä.html"] if words.startswith("report") else []
    done = terminal(*words.split(), *more, encoding="ascii")
    told = OWN if words.startswith("evaluate") else ""
    assert (done.status, done.err) == (0, told + NARROW.format("ascii"))
    assert ("\\xc4.html" if more else "\\xf6") in done.out


def test_nothing_is_said_where_nothing_is_escaped(terminal):
    done = terminal("evaluate", "runs/a", "more.csv", encoding="ascii")
    assert (done.status, done.err) == (0, "")
    latin = terminal("predict", "runs/b", "-", given="né\n", encoding="latin-1")
    assert latin.status == 0
    assert "né" in latin.out


@pytest.fixture
def out(terminal):
    """A folder that is new for each training."""
    yield terminal.folder / "runs/streams"
    shutil.rmtree(terminal.folder / "runs/streams", ignore_errors=True)


@pytest.fixture(scope="module")
def expected(terminal):
    terminal.text(*FIT, "--out", "runs/expected")
    return (terminal.folder / "runs/expected/model.safetensors").read_bytes()


STREAMS = {
    "error full": ({"err": FULL}, 0),
    "error unread": ({"err": "|"}, 0),
    "all closed": ({"given": None, "out": "", "err": ""}, 0),
    "output closed": ({"out": ""}, 0),
    "output unread": ({"out": "|"}, 0),
    "output full": ({"out": FULL}, 1),
    "both full": ({"out": FULL, "err": FULL}, 1),
}


@pytest.mark.parametrize(("streams", "status"), STREAMS.values(), ids=STREAMS)
def test_training_is_whole_whatever_its_streams(terminal, out, expected, streams, status):
    done = terminal(*FIT, "--out", str(out), **streams)
    assert done.status == status
    lines = [line for line in done.err.splitlines() if not line.startswith("lstm on ")]
    full = streams == {"out": FULL}
    assert lines == ["ostinato: output: No space left on device"] * full
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Run.open(out).say_state()  # nothing to say
    assert (out / "model.safetensors").read_bytes() == expected


@pytest.mark.parametrize("words", ["predict runs/a -", "fit classify -", "evaluate runs/a -"])
def test_a_closed_standard_input_is_an_error_in_a_line(terminal, words):
    done = terminal(*words.split(), given=None)
    said = "ostinato: standard input: cannot be read: it is closed\n"
    assert (done.status, done.out, done.err) == (1, "", said)


def test_an_error_where_standard_error_is_closed_or_full(terminal):
    for err in (terminal.CLOSED, FULL, terminal.UNREAD):
        done = terminal("predict", "runs/none", "more.csv", err=err)
        assert (done.status, done.out) == (1, "")


@pytest.mark.slow
@pytest.mark.parametrize("redirected", ["2>&- <&- >&-", ">/dev/full 2>/dev/full"])
def test_a_shell_gives_such_streams(terminal, out, expected, redirected):
    words = " ".join([sys.executable, "-m", "ostinato", *FIT, "--out", str(out), redirected])
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", words], cwd=terminal.folder, env=environment
    )
    assert done.returncode == ("full" in redirected)
    assert (out / "model.safetensors").read_bytes() == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda environment: " ".join(environment.values()),
)
def test_an_environment_with_another_encoding(terminal, environment):
    (terminal.folder / "Ω.txt").write_text("KING Ω\n")
    for words in (["show", "lstm"], ["predict", "runs/b", "Ω.txt"]):
        done = subprocess.run(
            [sys.executable, "-m", "ostinato", *words],
            cwd=terminal.folder, env=os.environ | environment, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        read = done.stdout.decode("unicode_escape")
        assert read == terminal.text(*words)
        if words == ["show", "lstm"]:
            assert re.fullmatch(NARROW.format(r"[a-z0-9.-]+"), done.stderr.decode())


@pytest.mark.slow
def test_names_of_any_bytes(terminal):
    def bytes_of(name):
        return (terminal.folder / name).read_bytes()

    data, run, again = f"{CAFE}.csv", f"runs/{CAFE}", f"runs/{CAFE} 2"
    shutil.copy(terminal.folder / "reviews.csv", terminal.folder / data)
    said = terminal.text("fit", "classify", data, "--out", run, *WORDS)
    assert "Saved in runs/caf\\udce9. " in said
    terminal.text("fit", "classify", data, "--resume", "--out", run)
    terminal.text("fit", "--like", run, "--out", again)
    assert bytes_of(f"{run}/model.safetensors") == bytes_of(f"{again}/model.safetensors")
    assert terminal.text("evaluate", run, data) == terminal.text("evaluate", run, "reviews.csv")
    assert terminal.text("predict", run, data) == terminal.text("predict", run, "reviews.csv")
    assert "Report: caf\\udce9.html\n" in terminal.text(
        "report", run, again, "--out", f"{CAFE}.html"
    )
    assert b"caf\xe9.html" in os.listdir(os.fsencode(terminal.folder))
    assert "caf\\udce9" in (terminal.folder / f"{CAFE}.html").read_text()
    assert json.loads(bytes_of(f"{run}/manifest.json"))["data"]["given"] == data


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "classify", f"{CAFE}.none"],
        ["fit", "--like", f"runs/{CAFE}.none"],
        ["fit", "classify", "more.csv", "--resume", "--out", f"{CAFE}.none"],
        ["fit", "classify", "more.csv", "--config", f"{CAFE}.none"],
        ["fit", "classify", "more.csv", "--cell", f"{CAFE}.none:mgu"],
        ["fit", "classify", "more.csv", "--data.text", f"{CAFE}.none"],
        ["evaluate", "runs/a", f"{CAFE}.none"],
        ["predict", f"{CAFE}.none", "more.csv"],
        ["report", f"{CAFE}.none"],
        ["show", f"{CAFE}.none"],
        [f"{CAFE}.none"],
    ],
    ids=lambda words: " ".join(words[:-1]) or "command",
)
def test_an_error_about_such_a_name_is_one_line(terminal, words):
    done = terminal(*words)
    assert done.status in (1, 2)
    assert done.out == ""
    assert done.err.startswith("ostinato: ")
    assert done.err.count("\n") == 1
    assert "unexpected" not in done.err
    assert "caf\\udce9.none" in done.err


@pytest.mark.slow
def test_a_comparison_in_a_folder_of_any_bytes(terminal):
    out, data = f"runs/{CAFE} compared", f"{CAFE}.txt"
    shutil.copy(terminal.folder / "book.txt", terminal.folder / data)
    words = ["--cells", "rnn,gru", "--seeds", "1", *WORDS[:6], "--data.streams", "4"]
    words += ["--data.steps", "20", "--out", out]
    assert "Report: runs/caf\\udce9 compared/report.html" in terminal.text(
        "compare", "generate", data, *words
    )
    assert sorted(os.listdir(terminal.folder / out))[:2] == ["baseline.json", "comparison.json"]
