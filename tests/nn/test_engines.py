"""Engines: their contract, how one is chosen, and that another is one file."""

import sys

import pytest
import torch

from every import EVERY, assert_near, short, sizes
from ostinato import cells
from ostinato.errors import ConfigError, UnknownName
from ostinato.nn import GRU, LSTM, Recurrent, engines
from results import normal
from tolerances import ORACLE, SAME


def test_every_file_is_an_engine_and_no_two_have_one_priority():
    found = engines.by_priority()
    assert [e.name for e in found] == ["native", "aten", "torch"]
    assert {e.name for e in found} == {*engines.names()}
    assert len({e.priority for e in found}) == len(found)
    assert engines.last().priority == 0


@pytest.mark.parametrize("name", EVERY, ids=short)
def test_the_last_engine_is_able_for_everything(name):
    cell, weight = cells.find(name), torch.empty(0, dtype=torch.float16, device="meta")
    assert all(engines.last().able(cell, w) is None for w in (weight, None))
    assert engines.last().refuses(weight) is None


@pytest.mark.parametrize("engine", engines.names())
@pytest.mark.parametrize("name", EVERY, ids=short)
def test_an_engine_gives_what_the_last_one_gives(name, engine):
    """Two layers, both directions, ragged lengths, first states that are not zero."""
    made = Recurrent(**sizes(name), num_layers=2, bidirectional=True, dtype=torch.float64)
    if engines.find(engine).able(made.cell, made.all_weights[0][0]):
        pytest.skip(f"{engine} does not run {made.cell.name}")
    x, lengths = normal(6, 3, 3), torch.tensor([2, 6, 1])
    units = [(made.hidden_size, made.proj_size)[k == "R"] for k in made.cell.graph.sizes.values()]
    hx = tuple(normal(4, 3, n, seed=n) for n in units)
    found = []
    for made.engine in (engine, engines.last().name):
        found.append(made(x, hx if len(hx) > 1 else hx[0], lengths))
    assert_near(found[0][0], found[1][0], ORACLE)
    assert_near(found[0][1], found[1][1], ORACLE)


MINE = '''
"""An engine that runs only GRUs, and only on a few steps."""

from ostinato.nn.engine import Engine
from ostinato.nn.engines.torch import ENGINE as plain

CALLS = []


class Mine(Engine):
    priority = 100

    def able(self, cell, weight):
        return None if cell.name == "gru" else "runs the cell 'gru' alone"

    def refuses(self, x):
        return "takes at most 9 steps" if len(x) > 9 else None

    def run(self, x, call):
        CALLS.append(call.layer.directions)
        return plain.run(x, call)


ENGINE = Mine()
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(tmp_path)])
    engines.find.cache_clear()
    engines.by_priority.cache_clear()
    yield lambda: sys.modules["ostinato.nn.engines.mine"].CALLS
    engines.find.cache_clear()
    engines.by_priority.cache_clear()
    if sys.modules.pop("ostinato.nn.engines.mine", None):
        del engines.mine


def test_another_engine_is_one_file(mine):
    x = torch.randn(5, 2, 3)
    module = Recurrent("gru", 3, 4, 2, bidirectional=True, engine="mine")
    expected, _ = module(x)
    assert mine() == [("_l0", "_l0_reverse"), ("_l1", "_l1_reverse")]
    assert module.level(training=True) == module.level(training=False) == "mine"
    module.engine = "torch"
    assert_near(module(x)[0], expected, SAME)
    with pytest.raises(ConfigError, match=r"^engine 'mine' runs the cell 'gru' alone; use 'auto'$"):
        LSTM(3, 4, engine="mine")
    with pytest.raises(UnknownName, match="unknown engine 'mind'; did you mean 'mine'"):
        GRU(3, 4, engine="mind")


def test_auto_takes_another_engine_where_it_is_able_and_does_not_refuse(mine):
    gru, x = GRU(3, 4), torch.randn(12, 2, 3)
    assert gru.level(training=True) == "mine"
    assert LSTM(3, 4).level(training=True) != "mine"
    gru(x[:9])
    gru(x)
    assert mine() == [("_l0",)]
    gru.engine = "mine"
    with pytest.raises(ConfigError, match=r"^engine 'mine' takes at most 9 steps; use 'auto'$"):
        gru(x)
    with pytest.raises(ConfigError, match="bidirectional"):  # a stream is the native engine's
        GRU(3, 4, bidirectional=True).stream()


def test_without_the_file_it_is_unknown():
    with pytest.raises(UnknownName, match="unknown engine 'mine'"):
        GRU(3, 4, engine="mine")
