"""Commands that are ended from outside: at any moment in order, with one line and a status."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

from ostinato.cli import main
from ostinato.train import Run

SMALL = "--model.hidden 8 --train.epochs 12 --train.patience 99".split()
GENERATE = ["fit", "generate", "book.txt", *SMALL, "--data.streams", "4", "--data.steps", "20"]
TASKS = {
    "classify": ["reviews.csv", "--data.batch-tokens", "100", "--train.average", "0.9"],
    "generate": ["book.txt", "--data.streams", "4", "--data.steps", "20"],
    "regress": ["stars.csv", "--data.batch-tokens", "100"],
    "tag": ["book.txt", "--data.batch-tokens", "60"],
    "transduce": ["pairs.csv", "--format", "csv", "--data.batch-tokens", "60"],
    "forecast": ["my series.csv", "--data.lookback", "12", "--data.horizon", "4"],
}
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(scope="module")
def place(terminal):
    rows = [f"{k} apples,{k} Äpfel" for k in range(40)]
    (terminal.folder / "pairs.csv").write_text("\n".join(["source,target", *rows]) + "\n")
    rows = [f"it was {k} films,{k / 4}" for k in range(80)]
    (terminal.folder / "stars.csv").write_text("\n".join(["text,target", *rows]) + "\n")
    rows = [f"2024-01-01 {k // 60:02d}:{k % 60:02d},{(k % 12) / 12}" for k in range(400)]
    (terminal.folder / "my series.csv").write_text("\n".join(["time,value", *rows]) + "\n")
    return terminal


def command(*words, wrap=()):
    return [*wrap, sys.executable, "-m", "ostinato", *words]


def ended(process, number):
    """What a process says and gives when it has been ended."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def until(happened):
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.002)


def outcome(run):
    times = ("seconds", "tokens_per_second")
    metrics = [{k: v for k, v in r.items() if k not in times} for r in run.metrics()]
    return (run.path / "model.safetensors").read_bytes(), metrics


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
@pytest.mark.parametrize("module", ["cyclopts", "numpy", "torch", "sklearn"])
def test_while_a_command_is_loaded(place, module, number):
    if module != "torch" and number != signal.SIGINT:
        pytest.skip("once is enough")
    words = [
        sys.executable,
        "-X",
        "importtime",
        "-m",
        "ostinato",
        *GENERATE,
        "--out",
        "runs/loaded",
    ]
    process = subprocess.Popen(words, cwd=place.folder, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if re.search(rf"\| +{module}\.\w", line):
            break
    status, _, err = ended(process, number)
    said = [line for line in err.splitlines() if not line.startswith("import time:")]
    says = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert (status, said) == (STATUS[number], [f"ostinato: {says}"])
    assert not (place.folder / "runs/loaded").exists()


@pytest.mark.parametrize(
    "task", [pytest.param(t, marks=[pytest.mark.slow] * (t != "classify")) for t in TASKS]
)
def test_training_leaves_a_checkpoint_and_says_how_to_go_on(place, task):
    words = ["fit", task, *TASKS[task], *SMALL]
    stopped, whole = (Run(place.folder / f"runs/{task} {name}") for name in ("stopped", "whole"))
    number = signal.SIGTERM if task == "tag" else signal.SIGHUP if task == "forecast" else 2
    child = place.start(*words, "--out", f"runs/{task} stopped")
    until((stopped.path / "metrics.jsonl").exists)
    os.kill(child, number)
    done = place.wait()
    assert done.status == 128 + number
    says = re.search(
        r"^Stopped; the checkpoint is saved in .*\. To continue: ostinato (.*)$", done.err, re.M
    )
    assert says, done.err
    assert not list(stopped.path.rglob("*.part"))
    before = len(stopped.metrics())
    assert before < 12
    place.text(*shlex.split(says[1]))
    place.text(*words, "--out", f"runs/{task} whole")
    assert outcome(stopped) == outcome(whole)


def test_it_is_said_that_standard_input_is_to_be_given_again(place):
    given = (place.folder / "book.txt").read_text()
    child = place.start("fit", "generate", "-", *GENERATE[3:], "--out", "runs/in", given=given)
    until((place.folder / "runs/in/metrics.jsonl").exists)
    os.kill(child, signal.SIGINT)
    says = "To continue: cat DATA | ostinato fit generate - --resume --out runs/in\n"
    assert says in place.wait().err


AFTER = {  # what is broken off after training, and what of a run it leaves out
    "linear baseline": ("ostinato.tasks.classify.prepare.fit_baseline", "baseline.json"),
    "calibration": ("ostinato.tasks.classify.estimator.Decision.fit", "decision.json"),
}


@pytest.mark.parametrize(("part", "file"), AFTER.values(), ids=AFTER)
def test_what_follows_training_is_all_that_is_done_again(
    tmp_path, place, monkeypatch, capsys, part, file
):
    def fit(out, *more):
        words = ["fit", "classify", str(place.folder / "reviews.csv"), *more]
        with pytest.raises(SystemExit) as end:
            main([*words, "--out", str(out)])
        return end.value.code, capsys.readouterr().err

    def stop(*arguments):
        signal.raise_signal(signal.SIGINT)

    quick = ["--train.epochs", "2", "--model.hidden", "4"]
    stopped, whole = (Run(tmp_path / name) for name in ("stopped", "whole"))
    with monkeypatch.context() as broken:
        broken.setattr(part, stop)
        status, err = fit(stopped.path, *quick)
    assert status == 130
    assert "Stopped; the checkpoint is saved in" in err
    assert not (stopped.path / file).exists()
    trained = (stopped.path / "metrics.jsonl").read_bytes()
    status, err = fit(stopped.path, "--resume")
    assert (status, err) == (0, "")  # without a line of an epoch
    assert (stopped.path / "metrics.jsonl").read_bytes() == trained
    assert fit(whole.path, *quick)[0] == 0
    assert outcome(stopped) == outcome(whole)
    assert {path.name for path in stopped.path.iterdir()} == {
        path.name for path in whole.path.iterdir()
    }
    for name in ("decision.json", "labels.json", "vocabulary.json"):
        assert (stopped.path / name).read_bytes() == (whole.path / name).read_bytes()
    stopped.say_state()  # which has nothing to say
    assert capsys.readouterr().err == ""


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["beginning", "workers start", "a worker works"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_a_comparison_leaves_no_process_behind(place, tmp_path, number, moment):
    words = ["compare", "generate", "book.txt", "--cells", "rnn,gru", "--seeds", "1", *SMALL]
    words += ["--train.seconds", "600", "--out", str(tmp_path / "c")]
    process = subprocess.Popen(
        command(*words), cwd=place.folder, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    if moment == "workers start":
        until(lambda: len(children(process.pid)) >= 3)  # two, and who cleans up after them
    elif moment == "a worker works":
        until(lambda: list(tmp_path.glob("c/*/metrics.jsonl")))
    time.sleep(0.3)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.kill()
    _, err = process.communicate(timeout=60)  # which waits for all who could write there
    assert "Traceback" not in err
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert err.endswith("ostinato: interrupted\n")
    group = ["pgrep", "-g", str(process.pid)]
    until(lambda: not subprocess.run(group, capture_output=True).stdout)


@pytest.mark.slow
@pytest.mark.parametrize("words", ["verify rnn", "predict runs/a reviews.csv"])
def test_at_any_delay_it_ends_in_a_line(place, words):
    for delay in range(6):
        process = subprocess.Popen(
            command(*words.split()),
            cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(0.2 + 0.4 * delay)
        status, out, err = ended(process, signal.SIGINT)
        late = out and (status, err) == (-signal.SIGINT, "")  # Python takes itself down
        assert late or (status, err) in ((130, "ostinato: interrupted\n"), (0, ""))
