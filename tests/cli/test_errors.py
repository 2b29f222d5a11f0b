"""Every mistake is one line on standard error, and leaves nothing behind."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
import torch

from ostinato.cli import main
from ostinato.train import Run

BAD = {
    "empty_text.csv": "text,label\ngood,pos\n ,neg\n",
    "one_class.csv": "text,label\ngood,pos\nfine,pos\n",
    "rare.csv": "text,label\ngood,pos\nfine,pos\nbad,neg\n",
    "even.csv": "text,label\ngood,pos\nfine,pos\nbad,neg\npoor,neg\n",
    "other.csv": "text,label\ngood,pos\nfine,meh\n",
    "short.txt": "abc",
    "wrong.toml": "model.hiden = 3\n",
    "broken.toml": "model = = 3\n",
    "broken.py": "from ostinato import cell\n\n@cell\ndef c(x, h):\n    return x / nothing\n",
}
CLASSIFY = "fit classify reviews.csv --out runs/new"
GENERATE = "fit generate book.txt --out runs/new"
TWO_PARTS = "is used for two parts; it can only have one"
WRONG = [
    ("fit classify nope.csv", 1, "nope.csv: no such file"),
    ("fit classify imdv", 1, "imdv: no such file, and .* did you mean 'imdb'"),
    ("fit generate nope.txt", 1, "nope.txt: no such file"),
    ("fit generate short.txt --out runs/new", 1, "a text of 3 tokens is too short"),
    (f"{CLASSIFY} --data.text label", 1, f"reviews.csv: column 'label' {TWO_PARTS}"),
    (f"{CLASSIFY} --data.text a --data.label a", 1, f"reviews.csv: column 'a' {TWO_PARTS}"),
    (f"{CLASSIFY} --data.text body", 1, "reviews.csv, line 1: no column 'body'; the columns are"),
    ("fit classify empty_text.csv", 1, "empty_text.csv, line 3: the text is empty"),
    ("fit classify one_class.csv", 1, "one_class.csv: only one class, 'pos'"),
    ("fit classify rare.csv --out runs/new", 1, "two classes with two texts each, not .*'neg': 1"),
    (
        f"{CLASSIFY} --data.text label --data.label text",
        1,
        r"two texts each, not \{'it was a good film 0': 1, [^{}]{,120}…\}: 120 of 120 labels "
        "occur once; if they are texts or numbers, data.label is the wrong column",
    ),
    (
        "evaluate runs/a other.csv",
        1,
        "other.csv, line 3: its label 'meh' is not in the training data",
    ),
    ("evaluate runs/a book.txt", 1, "book.txt, line 1: no column 'text'"),
    ("evaluate runs/a empty_text.csv", 1, "empty_text.csv, line 3: the text is empty"),
    ("predict runs/a -", 1, "standard input: the file is empty"),
    ("predict runs/a nope.txt", 1, "nope.txt: cannot be read"),
    (f"{CLASSIFY} --model.hiden 3", 2, "--model.hiden. Did you mean --model.hidden"),
    ("show lstm --levl python", 2, "--levl. Did you mean --level"),
    ("fitt classify reviews.csv", 2, r"unknown command 'fitt'; did you mean 'fit'\? See --help$"),
    ("fit clasify reviews.csv", 2, "unknown command 'clasify'; did you mean 'classify'"),
    ("resume", 2, "unknown command 'resume'; --resume is an option of fit; see --help$"),
    ("skip_bad_rows runs/a", 2, "--skip-bad-rows is an option of fit; see --help$"),
    ("like runs/a", 2, "unknown command 'like'; --like is an option of fit; see --help$"),
    ("help", 2, r"unknown command 'help'; did you mean '--help'\?"),
    (
        "compare foo",
        2,
        "unknown command 'foo'; known: classify, forecast, generate, .*; see --help$",
    ),
    ("zzz", 2, r"unknown command 'zzz'; known: bench, \w.*, show, verify; see --help$"),
    (
        "--zzz",
        2,
        r"unknown command '--zzz'; known: --help, -.*, --version; see --help$",
    ),
    ("predict", 2, "RUN requires an argument"),
    ("show lstm gru", 2, "gru"),
    (f"{CLASSIFY} --model.hidden x", 2, "--model.hidden x: .* valid integer"),
    (f"{CLASSIFY} --model.hidden 0", 2, "--model.hidden 0: .* greater than or equal to 1"),
    (f"{CLASSIFY} --model.class-weight.pos 0", 2, "--model.class-weight.pos 0: .* greater than 0;"),
    (f"{CLASSIFY} --model.class-weight x", 2, "--model.class-weight x: .*'balanced'"),
    (f"{CLASSIFY} --model.threshold 2", 2, "--model.threshold 2: .* equal to 1; or: .*'f1'"),
    (f"{CLASSIFY} --train.lr -1", 2, "--train.lr -1: .* greater than 0"),
    (f"{CLASSIFY} --train.schedule liner", 2, "--train.schedule.*liner"),
    (f"{CLASSIFY} --seed 9223372036854775808", 2, "--seed 9223372036854775808: .* less than"),
    (f"{CLASSIFY} --config nope.toml", 1, "nope.toml: No such file"),
    (f"{CLASSIFY} --config broken.toml", 1, "broken.toml: .*line 1"),
    (f"{CLASSIFY} --config wrong.toml", 1, "wrong.toml: .* did you mean 'model.hidden'"),
    (f"{CLASSIFY} --cell lsmt", 1, "unknown cell 'lsmt'; did you mean 'lstm'"),
    (f"{GENERATE} --cell mgu.py:mug", 1, "unknown cell in .*mgu.py 'mug'; did you mean 'mgu'"),
    (f"{CLASSIFY} --cell nope.py:mgu", 1, "nope.py: no such file"),
    (f"{CLASSIFY} --cell broken.py:c", 1, "broken.py:5: cell 'c': NameError"),
    (
        f"{CLASSIFY} --model.pooling maxmean",
        1,
        "unknown pooling 'maxmean'; did you mean 'max_mean'",
    ),
    (f"{CLASSIFY} --model.engine atne", 1, "unknown engine 'atne'; did you mean 'aten'"),
    (f"{GENERATE} --cell mgu.py:mgu --model.engine aten", 1, "'aten' does not have cell 'mgu'"),
    (f"{GENERATE} --tokenizer wrod", 1, "unknown tokenizer 'wrod'; did you mean 'word'"),
    (
        f"{CLASSIFY} --train.lr 1e38 --data.batch-tokens 100",
        1,
        r"epoch \d, batch \d: the loss is .*lower train\.lr",
    ),
    (f"{GENERATE} --model.hidden 10000000", 2, "--model.hidden 10000000: .* equal to 65536"),
    (f"{GENERATE} --model.hidden 65536", 1, "would take 64.1 GiB, and the limit is 4 GiB; "),
    (f"{GENERATE} --data.steps 1000001", 2, "--data.steps 1000001: at most 1,000,000 is allowed"),
    ("show lstm --level pythn", 1, "unknown level 'pythn'; did you mean 'python'"),
    ("show mgu.py:mgu --level aten", 1, "mgu"),
    ("show mgu.py", 1, "mgu.py: a file can contain several cells; choose one, as mgu.py:CELL"),
    (f"{CLASSIFY} --cell mgu.py", 1, "mgu.py: a file can contain several cells; .* mgu.py:CELL"),
    ("verify lsmt", 1, "unknown cell 'lsmt'; did you mean 'lstm'"),
    ("fit classify reviews.csv --out runs/a", 1, "runs/a: the folder is not empty; .* --out"),
    ("fit classify reviews.csv --out book.txt", 1, "book.txt: File exists"),
    ("fit classify reviews.csv --resume", 1, "--resume requires --out"),
    ("fit classify reviews.csv --resume --out runs/nope", 1, "runs/nope"),
    ("fit --like runs/nope", 1, "runs/nope: there is no finished run"),
    ("fit classify even.csv --resume --out runs/a", 1, "runs/a: was trained on different data"),
    ("evaluate runs/nope more.csv", 1, "runs/nope: there is no finished run"),
    ("predict more.csv -", 1, "more.csv: there is no finished run"),
    ("generate runs/a", 1, "runs/a: a run of task 'classify', not 'generate'"),
    ("predict --format runs/b", 1, "--format: give the folder of the run first"),
    ("generate runs/b --temperature=-1", 1, "temperature: -1.0 must be at least 0"),
    ("generate runs/b --top-k 0", 1, "top_k: 0 must be at least 1"),
    ("generate runs/b --top-p 1.5", 1, "top_p: 1.5 must be greater than 0 and at most 1"),
    ("generate runs/b --min-p 2", 1, "min_p: 2.0 must be at least 0 and at most 1"),
    ("generate runs/b --typical 0", 1, "typical: 0.0 must be greater than 0"),
    ("generate runs/b --repetition-penalty 0", 1, "repetition_penalty: 0.0 must be greater"),
    ("generate runs/b --beam 0", 1, "beam: 0 must be at least 1"),
    (f"generate runs/b --beam {10**13}", 1, f"beam: {10**13} must be at most 1,000"),
    (f"generate runs/b --beam 2 --best {10**22}", 1, f"best: {10**22} must be at most 1,000"),
    ("generate runs/b --beam 2 --best 3", 1, "best: 3 must be at least 1 and at most the beam, 2"),
    ("generate runs/b --beam 2 --length 0", 1, "length: 0 must be at least 1"),
    ("generate runs/b --best 3", 1, "--best requires --beam"),
    ("generate runs/b --beam 2 --top-k 3", 1, "--beam does not sample, .*--top-k"),
    ("generate runs/b --prompt KING --stop=", 1, "a stop string must not be empty"),
    ("generate runs/b --interactive", 1, "--interactive requires a terminal"),
    ("generate runs/b --length 0", 1, "length must be at least 1, not 0"),
    ("generate runs/b --length x", 2, '--length: unable to convert "x"'),
    ("generate runs/b --seed -1", 1, "seed must be at least 0"),
    ("demo --part 0", 1, "--part must be above 0 and at most 1, not 0"),
    ("demo --out runs/a", 1, "runs/a: the folder is not empty"),
]


@pytest.fixture
def workplace(terminal):
    for name, text in BAD.items():
        (terminal.folder / name).write_text(text)
    return terminal


def everything(folder: Path) -> dict[Path, float]:
    """Every file and folder, and when it was changed."""
    found = (path for path in folder.rglob("*") if path.name != "__pycache__")
    return {path: path.stat().st_mtime for path in found if path.suffix != ".pyc"}


@pytest.mark.parametrize(("command", "status", "says"), WRONG, ids=[c for c, *_ in WRONG])
def test_a_mistake_is_one_line_and_changes_nothing(workplace, command, status, says):
    before = everything(workplace.folder / "runs")
    done = workplace(*command.split())
    assert re.fullmatch(rf"ostinato: .*{says}.*\n", done.err)
    assert (done.status, done.out) == (status, "")
    assert everything(workplace.folder / "runs") == before


@pytest.mark.parametrize("command", ["generate runs/a", "show lstm --levl python"])
def test_debug_shows_where_an_error_arose(terminal, command):
    done = terminal(*command.split(), "--debug")
    assert done.status == 1
    assert done.err.startswith("Traceback (most recent call last)")


@pytest.mark.parametrize("word", ["--debug", "--max-row=5", "--max-expansion=5"])
def test_an_option_of_all_commands_can_be_said_as_a_word(terminal, word):
    done = terminal("show", "--", word)
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert done.err.startswith(f"ostinato: unknown cell '{word}'")
    told = terminal.text("generate", "runs/b", f"--prompt={word}", "--length", "1")
    assert told.startswith(word)


@pytest.mark.parametrize("sizes", [(10**14,), (10**10, 10**10)])
def test_memory_that_there_is_not_is_one_line(monkeypatch, capfd, sizes):
    monkeypatch.setattr("ostinato.cli.commands.run", lambda words: torch.empty(sizes).numel())
    with pytest.raises(SystemExit, match="1"):
        main(["fit"])
    assert capfd.readouterr().err == "ostinato: not enough memory\n"


def until(happened) -> None:
    while not happened():
        time.sleep(0.005)


def test_an_interrupted_run_without_an_epoch_leaves_nothing(terminal):
    run = terminal.folder / "runs/stopped"
    (terminal.folder / "long.txt").write_text("To be, or not to be. " * 20_000)
    child = terminal.start("fit", "generate", "long.txt", "--out", str(run))
    until(run.exists)
    os.kill(child, signal.SIGINT)
    done = terminal.wait()
    says = f"Stopped before the first step; {run} was removed.\nostinato: interrupted\n"
    assert (done.status, done.out, done.err) == (130, "", says)
    assert not run.exists()


def test_a_run_interrupted_while_its_folder_is_made_leaves_nothing(workplace, monkeypatch, capfd):
    made = Path.mkdir

    def mkdir(path, *args, **more):
        made(path, *args, **more)
        if path.name == "early":
            signal.raise_signal(signal.SIGINT)

    monkeypatch.chdir(workplace.folder)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(SystemExit, match="130"):
        main(["fit", "classify", "reviews.csv", "--out", "early"])
    assert "Stopped before the first step; early was removed." in capfd.readouterr().err
    assert not (workplace.folder / "early").exists()


def test_a_run_interrupted_later_can_be_used_and_resumed(terminal):
    words = (
        "fit classify reviews.csv --model.hidden 8 --train.epochs 25 --train.patience 25".split()
    )
    stopped, whole = (Run(terminal.folder / "runs" / name) for name in ("later", "whole"))
    child = terminal.start(*words, "--out", "runs/later")
    until((stopped.path / "metrics.jsonl").exists)
    os.kill(child, signal.SIGINT)
    done = terminal.wait()
    assert (done.status, done.err.splitlines()[-1]) == (130, "ostinato: interrupted")
    assert len(stopped.metrics()) < 25
    assert terminal.text("evaluate", "runs/later", "more.csv").startswith("accuracy ")

    terminal.text(*words[:3], "--resume", "--out", "runs/later")
    terminal.text(*words, "--out", "runs/whole")
    assert [r["loss"] for r in stopped.metrics()] == [r["loss"] for r in whole.metrics()]
    weights = [(run.path / "model.safetensors").read_bytes() for run in (stopped, whole)]
    assert weights[0] == weights[1]
