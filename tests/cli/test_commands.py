"""What the commands do, as the documentation writes them."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import llvmlite.binding as llvm
import pytest

from ostinato import __version__, levels, tasks

STEP = {"latex": r"\begin{align*}", "aten": "def scan(", "native": 'define void @"forward"('}


@pytest.mark.parametrize("level", levels.names())
@pytest.mark.parametrize(
    "cell", ["lstm", pytest.param("gru", marks=pytest.mark.slow), "mgu.py:mgu"]
)
def test_show_prints_code_that_compiles(terminal, cell, level):
    if (cell, level) == ("mgu.py:mgu", "aten"):
        pytest.skip("PyTorch has no such layer")
    forward = terminal.text("show", cell, "--level", level)
    both = terminal.text("show", cell, "--level", level, "--backward")
    for text in (forward, both):
        assert STEP.get(level, "def step(") in text
        if level == "native":
            llvm.parse_assembly(text).verify()
        elif level != "latex":
            compile(text, level, "exec")
    backward = {"native": 'define void @"backward"('}.get(level, "def step_backward(")
    if level in ("python", "numpy", "native"):
        assert backward not in forward
        assert backward in both


@pytest.mark.slow
def test_the_installed_command_in_a_shell(terminal):
    script = """
    set -o pipefail
    ostinato show lstm --level python --backward > shown.py && python -m py_compile shown.py
    echo "a bad film" | ostinato predict runs/a -
    python -m ostinato generate runs/b --length 9000 | head -c 10
    echo " ${PIPESTATUS[*]}"
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=terminal.folder, env=environment, capture_output=True, text=True
    )
    label, sample = done.stdout.split("\n", 1)
    assert re.fullmatch(r"neg\t[01]\.\d{4}", label)
    assert len(sample) == 10 + len(" 0 0\n")
    assert sample.endswith(" 0 0\n")
    assert done.stderr == ""


def test_fit_says_what_it_did_and_where_it_is(terminal):
    classify, generate = terminal.fitted
    assert classify.status == generate.status == 0
    assert re.search(r"^ gru +[01]\.\d{4} .*\n linear baseline +[01]\.\d{4} ", classify.out, re.M)
    assert re.search(
        r"^Held-out part of the text: \d\.\d{3} nats .* perplexity .*\n"
        r"\d+-gram baseline \(Kneser-Ney\): 0\.\d{3} nats per character, counted in 0 s; "
        r"it is better than the network\.$",
        generate.out,
        re.M,
    )
    baseline = json.loads((terminal.folder / "runs/b/baseline.json").read_text())
    assert f" {baseline['nats']:.3f} nats per character, counted" in generate.out
    for done, run in zip(terminal.fitted, ("runs/a", "runs/b"), strict=True):
        assert f"Saved in {run}. Next: ostinato " in done.out
        lines = (terminal.folder / run / "metrics.jsonl").read_text().splitlines()
        assert len(done.err.splitlines()) == len(lines)
        assert all(
            re.search(r"epoch \d+  loss \d\.\d{3}  ", told) for told in done.err.splitlines()
        )


def test_evaluate_measures(terminal):
    out = terminal.text("evaluate", "runs/a", "more.csv")
    assert re.search(r"^accuracy 0\.\d{3}", out)
    assert out.startswith("accuracy 0.75")  # the label of the last of four is wrong
    assert "\ntexts 4\n" in out
    assert re.search(r"^ neg +1 +0 *\n pos +1 +2 *$", out, re.M)
    table = (terminal.folder / "more.csv").read_text()
    assert terminal.text("evaluate", "runs/a", "-", given=table) == out
    measures = dict(map(str.split, terminal.text("evaluate", "runs/b", "book.txt").splitlines()))
    every = {"nats", "bits", "perplexity", "bits_per_character", "unknown"}
    assert set(measures) == every | {"network_nats", "ngram_nats"}
    assert 0 < float(measures["nats"]) < 2


def test_predict_completes_each_line_of_a_generator(terminal):
    out = terminal.text("predict", "runs/b", "-", given="\nKING. To be\n\nthe qu\n")
    blank, first, again, second = out.splitlines()
    assert first.startswith("KING. To be")
    for line, prompt in ((second, "the qu"), (blank, "")):
        drawn = terminal.text("generate", "runs/b", "--greedy", "--prompt", prompt)
        assert line == drawn.split("\n")[0][: len(prompt) + 100]
    assert blank == again != ""
    assert terminal.text("predict", "runs/b", "-", given="\n") == f"{blank}\n"
    done = terminal("predict", "runs/b", "-")
    assert (done.status, done.err) == (1, "ostinato: standard input: the file is empty\n")


def test_predict_labels_each_line(terminal):
    lines = "a good film\na bad film\nnothing, known\n"
    out = terminal.text("predict", "runs/a", "-", given=lines)
    assert re.fullmatch(r"pos\t[01]\.\d{4}\nneg\t[01]\.\d{4}\n(pos|neg)\t[01]\.\d{4}\n", out)
    (terminal.folder / "lines.txt").write_text(lines)
    assert terminal.text("predict", "runs/a", "lines.txt") == out
    assert terminal.text("predict", "runs/a", given=lines) == out
    back = terminal.text("predict", "runs/a", "more.csv").splitlines()
    assert back[0] == "text,label,prediction,confidence"
    assert [line.split(",")[2] for line in back[1:]] == ["pos", "neg", "pos", "neg"]


def test_generate_goes_on_with_a_text(terminal):
    def drawn(*words):
        return terminal.text("generate", "runs/b", "--prompt", "KING", *words)

    words = ["--temperature", "0.7", "--length", "300", "--seed"]
    out = drawn(*words, "1")
    assert out == drawn(*words, "1") != drawn(*words, "2")
    assert out.startswith("KING")
    assert len(out) == len("KING") + 300 + len("\n")
    assert drawn("--greedy", "--seed", "1") == drawn("--top-k", "1", "--seed", "2")
    assert re.search(r"next token after 'KING'\n +\. +█+[▏▎▍▌▋▊▉]? +\d", drawn("--chart"))
    done = terminal("generate", "runs/b", "--prompt", "KING [Ω]", "--length", "1")
    assert done.err == "ostinato: tokens not in the vocabulary, read as unknown: [ ] Ω\n"
    assert done.out.startswith("KING [Ω]")


def test_generate_takes_every_sampler_and_stops(terminal):
    def drawn(*words):
        return terminal.text("generate", "runs/b", "--prompt", "KING", "--length", "60", *words)

    out = drawn("--temperature", "1.5")
    for sampler in ("--min-p 0.4", "--typical 0.3", "--repetition-penalty 5", "--top-p 0.3"):
        assert drawn("--temperature", "1.5", *sampler.split()) != out
    stop, other = out[20:23], out[30:33]
    cut = min(out.index(s, len("KING")) for s in (stop, other))
    found = drawn("--temperature", "1.5", "--stop", stop, "--stop", other)
    assert found == out[:cut] + "\n"


def test_generate_searches_with_a_beam(terminal):
    def searched(*words):
        return terminal.text("generate", "runs/b", "--prompt", "KING", "--length", "8", *words)

    assert searched("--beam", "1") == searched("--greedy")
    found = searched("--beam", "4", "--best", "3")
    rows = re.findall(r"^(-\d+\.\d{3}) nats\t(KING.{8})$", found, re.M | re.S)
    nats = [float(row[0]) for row in rows]
    assert len(rows) == 3
    assert nats == sorted(nats, reverse=True)
    assert searched("--beam", "4") == rows[0][1] + "\n"


def test_a_word_model_tells_how_its_unknown_words_count(terminal):
    words = "--tokenizer word --data.min-count 2 --model.hidden 8 --train.epochs 1".split()
    text = (terminal.folder / "book.txt").read_text() + "odd, even.\n"
    out = terminal.text("fit", "generate", "-", "--out", "runs/w", *words, given=text)
    assert re.search(r"nats \(\d\.\d{3} bits\) per word, perplexity", out)
    assert re.search(
        r"^That is \d\.\d{3} bits per character\. \d\.\d% of the words are unknown; "
        r"their spelling does not count in the loss\.$",
        out,
        re.M,
    )
    out = terminal.text("generate", "runs/w", "--prompt", "KING. To ", "--length", "30")
    assert re.match(r"KING\. To \S", out)


def test_a_users_cell_trains_and_its_run_needs_no_file(terminal):
    cell, words = terminal.folder / "own.py", ["--out", "runs/own", "--train.epochs", "1"]
    cell.write_text((terminal.folder / "mgu.py").read_text())
    terminal.text("fit", "classify", "reviews.csv", "--cell", f"{cell}:mgu", *words)
    cell.unlink()
    assert terminal.text("evaluate", "runs/own", "more.csv").startswith("accuracy ")


def test_verify_proves_and_says_where_a_proof_fails(terminal):
    text = terminal.text("verify", "rnn", "mgu.py:mgu")
    assert "All proofs hold." in text
    columns = text.partition("Derived, x without a gradient")[2].split()[:6]
    assert columns == ["cell", "torch", "aten", "native", "float32", "keras"]
    text = (terminal.folder / "mgu.py").read_text()
    (terminal.folder / "wrong.py").write_text(text.replace("0.7507", "0.7517"))
    done = terminal("verify", "rnn", "wrong.py:mgu")
    assert done.status == 1
    assert re.search(r"^FAILED mgu: values against by hand, one batch: 1\.0e-03 > ", done.out, re.M)
    assert "All proofs hold." not in done.out


def test_verify_says_which_state_cannot_be_any_number(terminal):
    text = "from ostinato import affine, cell, exp, log, tanh\n\n\n{}\ndef own(x, h, v):\n"
    text += "    v = 0.9 * v + 0.1 * h * h\n    return tanh(affine(x, h) * exp(-0.5 * log(v))), v\n"
    (terminal.folder / "squares.py").write_text(text.format("@cell"))
    done = terminal("verify", "squares.py:own")
    assert done.status == 1
    assert "because v cannot be any number: declare the range" in done.out
    assert '@cell(states={"v": (low, high)})' in done.out
    (terminal.folder / "squares.py").write_text(text.format('@cell(states={"v": (0.5, 2.0)})'))
    assert "All proofs hold." in terminal.text("verify", "squares.py:own")


def test_settings_come_from_a_file_and_the_command_line_wins(terminal):
    (terminal.folder / "run.toml").write_text(
        'cell = "rnn"\n[data]\ntext = "t"\nlabel = "l"\n[model]\nhidden = 7\n[train]\nepochs = 9\n'
    )
    table = (terminal.folder / "reviews.csv").read_text().replace("text,label", "t,l")
    words = ["--config", "run.toml", "--train.epochs", "1", "--model.no-bidirectional"]
    terminal.text("fit", "classify", "-", *words, "--out", "runs/c", given=table)
    settings = tomllib.loads((terminal.folder / "runs/c/config.toml").read_text())
    assert (settings["cell"], settings["data"]["text"]) == ("rnn", "t")
    assert (settings["model"]["hidden"], settings["model"]["bidirectional"]) == (7, False)
    assert settings["train"]["epochs"] == 1
    assert len((terminal.folder / "runs/c/metrics.jsonl").read_text().splitlines()) == 1
    assert terminal.text("predict", "runs/c", "-", given="good\n").count("\n") == 1


def test_a_run_without_a_name_gets_the_next_free_one(terminal):
    text = (terminal.folder / "book.txt").read_text()
    words = ["--model.hidden", "4", "--train.epochs", "1", "--data.streams", "2"]
    for k in (1, 2):
        out = terminal.text("fit", "generate", "-", *words, given=text)
        assert f"Saved in runs/generate-{k}." in out


def test_labels_and_paths_may_hold_brackets(terminal):
    rows = ["it was [good],[/b]", "it was [bad],[red]"] * 4
    (terminal.folder / "[red].csv").write_text("\n".join(["text,label", *rows]) + "\n")
    words = ["[red].csv", "--out", "runs/[bold]", "--train.epochs", "1"]
    done = terminal("fit", "classify", *words)
    assert done.err.startswith("lstm on [red].csv  epoch 1  ")
    assert "Saved in runs/[bold]." in done.out
    assert "true \\ predicted  [/b]  [red]" in terminal.text("evaluate", "runs/[bold]", "[red].csv")


TASKS = tasks.names()
EVERY = ["bench", "cache", "compare", "data", "demo", "evaluate", "fit", "generate", "predict"]
EVERY += ["recall", "runs"]
EVERY += ["report", "show", "verify"]
EVERY += [f"{command} {task}" for command in ("compare", "fit") for task in TASKS]


@pytest.mark.parametrize("command", EVERY)
def test_help_has_an_example_and_names_options_that_exist(terminal, command):
    out = terminal.text(*command.split(), "--help")
    example = re.search(r"Example: +(ostinato .*|echo .*)", out)[1]
    assert f"ostinato {command}" in example
    listed = set(" ".join(re.findall(r"^│ *((?:--[\w.-]+ )+)", out, re.M)).split())
    mentioned = set(re.findall(r"(?<!\S)(--[a-z][a-z.-]*[a-z])", out))
    if command == "data":
        listed.add("--task")  # it decides which options there are
    if command in ("fit", "compare"):
        listed |= {"--cell", "--cells", "--seeds", "--out"}  # of the commands below it
    assert mentioned <= listed | {"--help", "--debug"}


def test_the_first_page_lists_every_command(terminal):
    out = terminal.text("--help")
    for command in EVERY:
        assert re.search(rf"^│ {command.split()[0]} +\w", out, re.M)
    assert terminal.text("--version") == f"{__version__}\n"


@pytest.mark.parametrize("task", tasks.names())
def test_help_says_a_default_once(terminal, task, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    rows = terminal.text("fit", task, "--help").lower().splitlines()
    assert len(rows) > 30
    assert not [row for row in rows if row.count("default:") > 1 or "[default: false]" in row]
