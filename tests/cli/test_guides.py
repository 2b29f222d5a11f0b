"""Each task has a page for newcomers, and its commands run as they are written.

Packaged sources are large. Where a file has a source's name the file is read, so a few lines
of each source stand in for it here.
"""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from ostinato import tasks
from ostinato.data import read_labelled, read_pairs, read_text
from ostinato.data.sources import temperatures

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
TASKS = tasks.names()


def reviews(folder: Path) -> None:
    """Film reviews of both kinds."""
    examples = read_labelled("imdb")["train"].select(range(0, 19_000, 100))
    quoted = [text[:400].replace('"', '""') for text in examples.texts]
    rows = [f'"{text}",{label}' for text, label in zip(quoted, examples.labels, strict=True)]
    (folder / "imdb").write_text("\n".join(["text,label", *rows]) + "\n", "utf-8")


def plays(folder: Path) -> None:
    """The beginning of the plays."""
    (folder / "shakespeare").write_text(read_text("shakespeare")[:20_000], "utf-8")


def weather(folder: Path) -> None:
    """The first year and a half."""
    columns = temperatures.read().columns
    lines = [",".join(values) for values in zip(*columns.values(), strict=True)]
    (folder / "temperatures").write_text("\n".join([",".join(columns), *lines[:550]]) + "\n")


def prose(folder: Path) -> None:
    """Reviews as text."""
    (folder / "film-prose").write_text(read_text("film-prose")[:20_000], "utf-8")


def dates(folder: Path) -> None:
    """Some dates."""
    pairs = read_pairs(["dates"])["train"].select(range(60))
    rows = [f"{s}\t{t}" for s, t in zip(pairs.sources, pairs.targets, strict=True)]
    (folder / "dates").write_text("\n".join(["source\ttarget", *rows]) + "\n", "utf-8")


SOURCES = {
    "imdb": reviews,
    "film-prose": prose,
    "shakespeare": plays,
    "temperatures": weather,
    "transduce dates": dates,
}


def steps(page: str) -> list[tuple[str, str]]:
    """What a page's `sh` blocks do, in order: lines, each with the text of its here-document."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL):
        lines = iter(block.replace("\\\n", " ").splitlines())
        for line in lines:
            end = re.search(r"<<'(\w+)'", line)
            here = [] if end is None else list(iter(lines.__next__, end[1]))
            if line.strip() and not line.startswith("#"):
                found.append((line, "".join(f"{text}\n" for text in here)))
    return found


@pytest.fixture
def reader(terminal, tmp_path):
    """Does a line as a shell would: `cat > F <<'END'`, `… | ostinato …`, `ostinato … [> F]`."""

    def run(line: str, here: str) -> None:
        if made := re.match(r"cat > (\S+) <<", line):
            (tmp_path / made[1]).write_text(here, "utf-8")
            return
        words, given = shlex.split(line, comments=True), ""
        if "|" in words:
            pipe = words.index("|")
            program, *arguments = words[:pipe]
            text = (
                arguments[0] + "\n" if program == "echo" else (tmp_path / arguments[0]).read_text()
            )
            given, words = text, words[pipe + 1 :]
        out = tmp_path / words[-1] if ">" in words else None
        words = words[: words.index(">")] if out else words
        assert words[0] == "ostinato", line
        done = terminal(*words[1:], given=given)
        assert done.status == 0, f"{line}\n{done.err}"
        assert "Traceback" not in done.err
        assert done.out
        if out:
            out.write_text(done.out, "utf-8")

    before, terminal.folder = terminal.folder, tmp_path
    yield run
    terminal.folder = before


SLOW = ("classify", "forecast", "generate", "regress", "transduce")


@pytest.mark.parametrize(
    "task", [pytest.param(t, marks=[pytest.mark.slow] * (t in SLOW)) for t in TASKS]
)
def test_a_newcomers_commands_run_as_written(task, reader, tmp_path):
    page = (GUIDE / f"{task}.md").read_text("utf-8")
    for name, write in SOURCES.items():
        if re.search(rf"\b{name}\b", page):
            write(tmp_path)
    done = steps(page)
    verbs = {verb for line, _ in done for verb in re.findall(r"\bostinato (\w+)", line)}
    assert verbs >= {"fit", "evaluate", "predict"}
    for line, here in done:
        reader(line, here)


def shows_classify(labels, chances, report):
    (label,), (probabilities, classes), (text,) = labels, chances, report
    assert list(classes) == ["neg", "pos"]
    assert label[0] == classes[probabilities[0].argmax()]
    assert probabilities.sum() == pytest.approx(1)
    assert re.search(r"neg .*\n +pos .*\n\n? +accuracy", text)


def shows_forecast(forecast, backtest):
    points, (series, steps, targets, quantiles) = forecast
    assert (series, steps, targets) == (1, len(points), 1) == (1, 7, 1)
    assert quantiles > 1
    assert np.isfinite([*points, *backtest]).all()


def shows_generate(sample, bits):
    assert re.fullmatch(r"KING(?s:.){100}", *sample)
    assert 0 < bits[0] < 10


def shows_regress(predicted, judged):
    ((value,),), (score, measures) = predicted, judged
    assert np.isfinite(value)
    assert score == measures.r2 <= 1


def shows_tag(tags, best, scores):
    assert [[*map(len, answer)] for answer in tags] == [[3]]
    (((first, tagged), *others),) = best[0]
    assert tagged == tags[0][0]
    assert first >= others[0][0] >= others[1][0]
    assert np.exp([first, *(each[0] for each in others)]).sum() <= 1 + 1e-5
    assert scores[0].keys() == {"PER", "LOC"}


def shows_transduce(predicted, found, exact):
    text, log_probability, alignment = found
    assert len(predicted[0]) == 1
    assert set(text.split()) <= {"AY", "BEE"}
    assert log_probability < 0
    assert alignment.shape == (len(text.split()), len("abba"))
    assert alignment.sum(-1) == pytest.approx(1)
    assert 0 <= exact[0] <= 1


SHOWS = {task: globals()[f"shows_{task}"] for task in TASKS}
"""What each page's first block prints: the arguments of each `print`, in order."""


@pytest.mark.parametrize("task", TASKS)
def test_a_newcomers_python_runs_as_written(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = []
    before = {
        "print": lambda *given: printed.append(given),
        "text": "KING. To be, or not to be: that is the question.\n" * 60,
        "texts": ["a fine film", "a dull film"] * 10,
        "labels": ["pos", "neg"] * 10,
    }
    page = (GUIDE / f"{task}.md").read_text("utf-8")
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, before)
    SHOWS[task](*printed)
