"""A linear model that answers together with the network, on the command line."""

import re

QUICK = "--model.hidden 8 --model.embedding 8 --train.epochs 1 --cell gru".split()


def test_what_each_part_does_alone_is_told_and_the_run_answers_with_both(terminal):
    out = terminal.text(
        "fit", "classify", "reviews.csv", "--model.linear", "2", "--out", "runs/both", *QUICK
    )
    names = ("gru", "linear baseline", "linear model of n-grams", "gru and linear model")
    for name in names:
        assert re.search(rf"^ {name} +[01]\.\d{{4}}", out, re.M)
    lines = "it was a good film\nit was a bad film\n"
    said = terminal.text("predict", "runs/both", "-", given=lines)
    assert re.fullmatch(r"pos\t[01]\.\d{4}\nneg\t[01]\.\d{4}\n", said)
    (terminal.folder / "runs/both/linear.json").write_text("{}")
    done = terminal("predict", "runs/both", "-", given=lines)
    assert done.status == 1
    assert re.search(r"linear\.json: damaged", done.err)
    assert "Traceback" not in done.err
