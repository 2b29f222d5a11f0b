"""The table of the words that compiled code and Python share says who reads and writes them."""

import numpy as np
import pytest
import torch

from every import EVERY
from ostinato import cells
from ostinato.equation.rewrite import recurrent_dropout, zoneout
from ostinato.levels.native.plan import frame, memory_of
from ostinato.levels.native.runtime import target

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))

UNTOUCHED = -3
"""What no word ever is."""


def graph_of(name: str):
    return zoneout(recurrent_dropout(cells.find(name).graph))


def written(memory, writer: str) -> set[str]:
    """The words that the table says are written by someone."""
    return {name for name, word in memory.frame.items() if writer in word.writers.split()}


def test_compiled_code_writes_and_reads_what_the_table_says(monkeypatch):
    from ostinato.levels.native.emit.function import FrameFunction
    from ostinato.levels.native.runtime.kernel import text

    reads, writes = set[str](), set[str]()
    for method, seen in (("read", reads), ("write", writes)):
        original = getattr(FrameFunction, method)

        def spied(self, name, *value, original=original, seen=seen):
            seen.add(name)
            return original(self, name, *value)

        monkeypatch.setattr(FrameFunction, method, spied)
    named = set[frame.Word]()
    for name in EVERY:
        graph = graph_of(name)
        memory = memory_of(graph)
        reads.clear(), writes.clear()
        text(graph, 32, target.host())
        assert writes <= written(memory, "code"), name
        assert all(memory.frame[word].writers for word in reads), name
        named |= {memory.frame[word] for word in writes}
    unwritten = {word for word in frame.WORDS if "code" in word.writers} - named
    assert not unwritten


@pytest.mark.parametrize("name", ["lstm", "layer_norm_lstm", "indrnn"])
def test_calls_write_what_the_table_says(name):
    from ostinato.levels.native.runtime.context import Context
    from ostinato.levels.native.runtime.rows import Distinct, Order

    graph, sizes = graph_of(name), {"D": 3, "H": 5}
    context = Context(graph, 32, sizes, every=2, parts=2)
    order = Order.of([4, 2])
    rows = np.arange(6)
    distinct = Distinct(rows.astype(np.int32), rows, rows)
    x, y = torch.zeros(6, 3), torch.zeros(6, 5)
    weights = [torch.zeros(shape) for shape in context.layout.shapes(sizes).values()]
    leaves = [graph.nodes[i] for i in graph.noise]
    noise = [torch.zeros(6 if leaf.op == "input" else 4, sizes[leaf.size]) for leaf in leaves]

    def forward():
        context.begin(order, x, y, 0, [], weights, noise, True, distinct)
        context.lift()

    def backward():
        context.begin_backward(None, 0, [None] * len(graph.states))
        context.segments()
        context.after_loop(torch.zeros(6, 3), [torch.zeros_like(w) for w in weights], True)

    forward(), backward()  # buffers are large enough now
    for writer, call in (("forward", forward), ("backward", backward)):
        context.frames[:] = UNTOUCHED
        call()
        touched = (context.frames != UNTOUCHED).any(0)
        found = {word for word, at in context.words.items() if touched[at]}
        assert found == written(context.memory, writer)


def test_the_table_lists_every_word_once():
    printed = frame.table()
    assert all(printed.count(f"\n| `{word.name}` |") == 1 for word in frame.WORDS)
    assert {writer for word in frame.WORDS for writer in word.writers.split()} < {*frame.LIVES}


def test_a_task_has_the_words_of_its_function_in_their_order():
    assert frame.arguments("sums_task") == "tokens *d d_row m *c"
    assert frame.record("sums_task", {"c": 3, "tokens": 1}) == [1, 0, 0, 0, 3]
    assert frame.queue([(5, 6), (7, 8)]) == [0, 2, 5, 6, 7, 8]
    assert frame.ended([(5, 6)]) == [5, 6, 0]
