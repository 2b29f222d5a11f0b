"""`ostinato recall` in a process of its own."""


def test_a_table_and_a_page(terminal):
    quick = "--batches 2 --train.epochs 2 --model.hidden 4".split()
    out = terminal.text("recall", "copying", "--cells", "rnn,gru", "--lengths", "3,1", *quick)
    lines = [line.split() for line in out.splitlines()]
    assert ["copying:", "loss", "1", "steps", "3", "steps"] in lines
    assert ["remembers", "nothing", "0.9902", "0.9041"] in lines  # 10·ln 8 / 21, and over 23
    page = (terminal.folder / "recall.html").read_text()
    assert "The copy task: how far back?" in page
    done = terminal("recall", "sorting")
    assert (done.status, "neither adding nor copying" in done.err) == (1, True)
    done = terminal("recall", "adding", "--lengths", "1,x")
    assert (done.status, "whole numbers" in done.err) == (1, True)
