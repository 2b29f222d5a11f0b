"""`ostinato recall` in a process of its own."""

import re

import pytest


def test_a_table_and_a_page(terminal):
    quick = "--batches 2 --train.epochs 2 --model.hidden 4 --jobs 1".split()
    out = terminal.text("recall", "copying", "--cells", "rnn,gru", "--lengths", "3,1", *quick)
    lines = [line.split() for line in out.splitlines()]
    assert ["copying:", "loss", "1", "step", "3", "steps"] in lines
    nothing = ["0.9902", "100%", "0.9041", "100%"]  # 10·ln 8 / 21, and over 23
    assert ["no", "memory", *nothing] in lines
    page = (terminal.folder / "recall.html").read_text()
    assert "The copy task: long-term memory" in page
    assert "The RNN solved none of these lengths." in page


@pytest.mark.slow
def test_it_says_who_has_learnt_and_who_has_not(terminal):
    (terminal.folder / "forgets.py").write_text(
        "from ostinato import affine, cell, tanh\n\n\n"
        "@cell\ndef forgets(x, h):\n    return tanh(affine(x))\n"
    )
    quick = "--batches 50 --model.hidden 24 --train.lr 0.02 --train.epochs 5".split()
    words = ["recall", "adding", "--cells", "gru,forgets.py:forgets", "--lengths", "8", *quick]
    done = terminal(*words, "--out", "pages/adding.html", "--jobs", "2")
    assert done.status == 0, done.err
    rows = re.findall(r"^ (\w+) +(✓?) ?0\.\d{4} +(\d+)% *$", done.out, re.M)
    (gru, solved, own), (forgets, failed, others) = rows
    assert (gru, solved, forgets, failed) == ("gru", "✓", "forgets", "")
    assert int(own) < 10
    assert int(others) > 80
    assert re.search(r"^ no memory +0\.1667 +100% *$", done.out, re.M)
    assert "below 10% of that of a model without memory" in done.out
    assert "Training ends there, or after 5 epochs of 1,600 new sequences." in done.out
    assert re.search(
        r"^gru, 8 steps +solved after [1-5] epochs?: loss 0\.\d{4}, \d% of", done.err, re.M
    )
    assert re.search(r"^forgets.py:forgets, 8 steps +not solved in 5 epochs: loss", done.err, re.M)
    page = (terminal.folder / "pages/adding.html").read_text()
    assert "The GRU solved 8 steps. The FORGETS solved none of these lengths." in page
    words = " ".join(re.sub(r"<[^>]*>", " ", page[page.index("<table") :]).split())
    assert re.search(r"GRU ✓ \d(\.\d)?% 0\.\d{4} [1-5] epochs? FORGETS \d\d% 0\.", words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("sorting", "unknown problem 'sorting'; known: adding, copying"),
        ("adding --lengths 1,x", "--lengths 1,x: give integers of at least 1, separated by commas"),
        ("adding --lengths 5,0", "--lengths 5,0: give integers of at least 1, separated by commas"),
        (f"adding --lengths 8,{10**20}", f"--lengths {10**20}: at most 1,000,000 are allowed"),
        ("copying --lengths=-3", "--lengths -3: give integers of at least 1, separated by commas"),
        ("copying --lengths ,", "--lengths ,: give integers of at least 1, separated by commas"),
        (
            "adding --lengths 1 --jobs 1",
            "rnn, 1 step: the adding problem needs at least 2 steps, not 1",
        ),
        ("adding --jobs 0", "--jobs must be at least 1"),
        ("adding --cells gru,nope", "unknown cell 'nope'; known: "),
        ("adding --cells ,", "--cells requires the name of a cell"),
        ("adding --cells gru,gru", "--cells gru,gru: 'gru' is given twice"),
    ],
)
def test_what_cannot_be_is_one_line(terminal, words, says):
    done = terminal("recall", *words.split(), "--out", "nothing.html")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"ostinato: {says}")
    assert done.err.count("\n") == 1
    assert not (terminal.folder / "nothing.html").exists()
