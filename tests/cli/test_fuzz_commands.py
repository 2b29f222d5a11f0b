"""Whole commands on damaged data and damaged runs: an answer, or one clear line; nothing else.

Every case follows from its number alone: `case(7)` is the same case for ever.
"""

import json
import re
from collections import Counter

import pytest
import torch
from safetensors.torch import load_file, save
from workshop import RUNS, opened

from ostinato.data import tokenizer
from ostinato.errors import DataError
from ostinato.train import Run

QUICK, PART, ALL = 200, 2_500, 20_000


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("fuzz") / "work") as workshop:
        yield workshop


def test_commands_answer_or_say_what_is_wrong(workshop):
    assert {workshop.check(number) for number in range(QUICK)} == {0, 1, 2}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("first", range(0, ALL, PART))
def test_thousands_of_commands(workshop, first):
    statuses: Counter[int] = Counter()
    faults = []
    for number in range(first, first + PART):
        try:
            statuses[workshop.check(number)] += 1
        except AssertionError as fault:
            faults.append(str(fault))
    print(
        f"{PART} commands: {statuses[0]} answer, {statuses[1]} say what is wrong with files, "
        f"{statuses[2]} with options; {len(faults)} faults"
    )
    assert faults == []


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 3e38])
def test_no_answer_is_given_that_is_not_finite(workshop, run, weight):
    """Weights are refused where they are read, and outputs where they come out of the network."""
    file = RUNS[run][1]
    path = workshop.folder / "runs" / run / "model.safetensors"
    manifest = path.with_name("manifest.json")
    was, told = path.read_bytes(), manifest.read_bytes()
    tensors = load_file(path)
    raw = save({name: torch.full_like(tensor, weight) for name, tensor in tensors.items()})
    Run(path.parent).write(path.name, raw)  # and its SHA-256
    for words in (["predict", f"runs/{run}", file], ["evaluate", f"runs/{run}", file]):
        status, out, err = workshop.call(*words)
        if weight < 1e39 and status == 0:  # tanh of the largest numbers is 1, and no more
            assert not re.search(r"\bnan\b|\binf\b", out), out
        else:
            assert status == 1
            assert re.search("not finite|no finite number", err), err
            assert not re.search(r"\bnan\b", out)
    path.write_bytes(was)
    manifest.write_bytes(told)


WRONG = {
    "evaluate runs/pairs prose.txt --format text": "plain text has one column, but 'source', 'ta",
    "fit transduce prose.txt --format text": "plain text has one column, but 'source', 'target'",
    "predict runs/pairs moves.ts": "texts are required, no .ts file",
    "predict runs/pairs moves.ts --skip-bad-rows": "texts are required, no .ts file",
    "predict runs/reviews moves.ts --skip-bad-rows": "texts are required, no .ts file",
    "predict runs/letters moves.ts": "texts are required, no .ts file",
    "predict runs/moves reviews.csv": "series of numbers are required, a .ts file",
    "predict runs/reviews reviews.csv --max-row 10": "line 1: a line of more than 10 characters",
    "predict runs/reviews reviews.csv --max-row=0": "--max-row '0': give an integer of at least 1",
    "--max-expansion": "--max-expansion '': give an integer of at least 1",
    "predict runs/reviews reviews.csv --max-row 1_0": "--max-row '1_0': give an integer",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_does_not_fit_is_said(workshop, words):
    status, out, err = workshop.call(*words.split())
    assert (status, out) == (2 if "give an integer" in WRONG[words] else 1, "")
    assert WRONG[words] in err
    assert len(err.splitlines()) == 1


def test_a_tagger_writes_to_a_stream_of_text(workshop):
    status, out, err = workshop.call("predict", "runs/names", "names.conll")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == len((workshop.folder / "names.conll").read_text().splitlines())


@pytest.mark.parametrize("merges", [None, [["a", "t"], ["at", "zz"]], [["<unk>", "x"]], "x", 3])
def test_a_tokenizer_that_would_panic_is_refused(workshop, merges, capfd):
    path = workshop.folder / "runs/subwords/tokenizer.json"
    manifest = path.with_name("manifest.json")
    was, told = path.read_bytes(), manifest.read_bytes()
    state = json.loads(was)
    longest = max(state["model"]["vocab"], key=len)  # what is longer still is met by a panic
    state["model"]["merges"] = [[longest, longest]] if merges is None else merges
    Run(path.parent).write_json(path.name, state)
    status, _, err = workshop.call("generate", "runs/subwords", "--length", "3")
    path.write_bytes(was)
    manifest.write_bytes(told)
    assert status == 1
    assert re.match("ostinato: runs/subwords", err)
    assert "SHA-256" not in err
    assert len(err.splitlines()) == 1
    assert capfd.readouterr() == ("", "")  # the library writes of its panics by itself


def test_a_panic_is_an_error_like_any_other():
    class PanicException(BaseException):
        pass

    class Panics:
        def encode(self, *arguments, **more):
            raise PanicException("range end index 6\nout of range")

    trained = tokenizer("bpe").train(["a b a b"], 5)
    trained._trained = Panics()
    with pytest.raises(DataError, match="cannot be split into subwords: range end index 6 out of"):
        trained.split("a b")
