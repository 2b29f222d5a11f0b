"""A context serves one graph at a time, comes back when the graph is dropped, and none is lost."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest
import torch
from process import alone

import ostinato
from every import EVERY, assert_near, sizes
from ostinato.levels.native.runtime import context, layer, stock, target
from ostinato.nn import LSTM, Recurrent
from results import normal
from tolerances import SAME

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))
STATM = Path("/proc/self/statm")


@pytest.fixture(autouse=True)
def leased(monkeypatch):
    """The contexts that are away, and an empty house."""
    away = weakref.WeakSet()
    make = layer.Lease

    class Lease(make):
        def __init__(self, *args):
            super().__init__(*args)
            away.add(self)

    monkeypatch.setattr(stock, "idle", type(stock.idle)())
    monkeypatch.setattr(layer, "Lease", Lease)
    return away


def at_home() -> list[context.Context]:
    return [c for several in stock.idle.free.values() for c in several]


def module(**options) -> LSTM:
    torch.manual_seed(0)
    return LSTM(3, 5, dtype=torch.float64, engine="native", **options)


def batch(seed: int = 0) -> torch.Tensor:
    return normal(4, 2, 3, seed=seed).requires_grad_()


def test_a_graph_that_is_dropped_gives_its_context_back(leased):
    made = module()
    outputs, _ = made(batch())
    assert (len(leased), at_home()) == (1, [])
    del outputs, _
    assert (len(leased), len(at_home())) == (0, 1)


def test_a_graph_in_a_cycle_gives_it_back_when_the_cycle_is_found(leased):
    made, knot = module(), []
    knot += [knot, made(batch())]
    del knot
    gc.collect()
    assert (len(leased), len(at_home())) == (0, 1)


def test_backward_twice_is_the_same_twice_and_gives_back_once(leased):
    made, x = module(), batch()
    outputs, _ = made(x)
    first = torch.autograd.grad(outputs.sum(), [x, *made.parameters()], retain_graph=True)
    second = torch.autograd.grad(outputs.sum(), [x, *made.parameters()])
    assert all(map(torch.equal, first, second))
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        torch.autograd.grad(outputs.sum(), x)
    del outputs, _
    assert (len(leased), len(at_home())) == (0, 1)


def test_without_gradients_nothing_is_held(leased):
    made = module(bidirectional=True)
    with torch.no_grad():
        kept = made(batch())
    assert (len(leased), len(at_home())) == (0, 2)  # two directions at once
    assert kept[0].isfinite().all()


def test_two_graphs_at_once_do_not_share(leased):
    made, xs = module(), [batch(1), batch(2)]
    alone = [torch.autograd.grad(made(x)[0].cos().sum(), x)[0] for x in xs]
    graphs = [made(x)[0].cos().sum() for x in xs]
    assert len({id(lease.context) for lease in leased}) == len(leased) == 2
    for k in (0, 1):
        assert torch.equal(torch.autograd.grad(graphs[k], xs[k])[0], alone[k])


def test_a_graph_that_waits_is_not_disturbed_by_calls_without_gradients():
    made, x = module(), batch(1)
    expected = torch.autograd.grad(made(x)[0].cos().sum(), x)[0]
    loss = made(x)[0].cos().sum()
    with torch.no_grad():
        for seed in range(3):
            made(batch(seed))
    assert torch.equal(torch.autograd.grad(loss, x)[0], expected)


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_an_error_gives_it_back_and_the_next_call_is_right(leased, monkeypatch, where):
    made, x = module(), batch()
    expected = torch.autograd.grad(made(x)[0].sum(), x)[0]
    loss = made(x)[0].sum()
    with monkeypatch.context() as broken:
        broken.setattr(layer.pool, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            made(x) if where == "forward" else loss.backward()
    del loss
    assert (len(leased), len(at_home())) == (0, 1 + (where == "forward"))
    assert torch.equal(torch.autograd.grad(made(x)[0].sum(), x)[0], expected)


def test_a_shape_that_does_not_fit_takes_nothing_along(leased):
    made = module()
    with pytest.raises(ValueError, match="features"):
        made(normal(4, 2, 4))
    assert (len(leased), at_home()) == (0, [])


def test_what_nobody_uses_is_bounded_and_what_was_used_last_stays(monkeypatch):
    monkeypatch.setattr(stock, "IDLE", 2_000_000)
    for units in range(1, 60):
        made = Recurrent("lstm", 3, units, engine="native")
        made(torch.zeros(30, 2, 3))[0].sum().backward()
        assert units in {c.sizes["H"] for c in at_home()}
        assert stock.idle.bytes == sum(c.buffers.bytes for c in at_home())
        assert stock.idle.bytes <= 2_000_000
    assert 1 not in {c.sizes["H"] for c in at_home()}


def held() -> int:
    """Bytes of the buffers of all contexts that there are."""
    alive = [c for c in gc.get_objects() if type(c) is context.Context]
    return sum(b.numel() * b.element_size() for c in alive for b in c.buffers.values())


@pytest.mark.parametrize("layers", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_many_graphs_at_once_leave_no_more_than_the_limit(layers, monkeypatch):
    monkeypatch.setattr(stock, "IDLE", 1_000_000)
    gc.collect()
    before, made, x = held(), module(num_layers=layers, bidirectional=True), batch()
    graphs = [made(x) for _ in range(20)]
    assert held() - before > 2_000_000
    torch.stack([y.sum() for y, _ in graphs]).sum().backward()
    del graphs
    gc.collect()
    assert 0 < held() - before <= 1_000_000
    assert stock.idle.bytes >= held() - before


def test_a_context_that_is_larger_than_the_limit_goes(monkeypatch):
    monkeypatch.setattr(stock, "IDLE", 1000)
    made, x = module(), batch()
    expected = made(x)[0]
    assert at_home() == []
    assert_near(made(x)[0], expected, SAME)
    del expected
    assert at_home() == []
    assert stock.idle.bytes == 0
    assert not stock.idle.free  # nor the names of layers that were


def test_many_threads_leave_no_more_than_the_limit(monkeypatch):
    monkeypatch.setattr(stock, "IDLE", 1_000_000)

    def train(units: int) -> None:
        made = Recurrent("gru", 3, units, engine="native")
        for _ in range(10):
            alive = [made(torch.ones(9, 2, 3))[0] for _ in range(3)]
            torch.stack(alive).sum().backward()

    threads = [threading.Thread(target=train, args=(4 + k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert 0 < stock.idle.bytes <= 1_000_000
    assert stock.idle.bytes == sum(c.buffers.bytes for c in at_home())
    assert not stock.idle.returned


def test_trim_frees_what_nobody_uses():
    made, x = module(), batch()
    expected, _ = made(x)
    made(x, lengths=[4, 2])[0].sum().backward()
    kept = stock.idle.bytes
    assert kept > 0
    assert ostinato.native.trim() == kept
    assert at_home() == []
    assert ostinato.native.trim() == 0
    outputs, _ = made(x)
    assert_near(outputs, expected, SAME)
    gradients = [torch.autograd.grad(y.sum(), made.weight_hh_l0)[0] for y in (outputs, expected)]
    assert_near(*gradients, SAME)


def test_trim_loads_nothing():
    text = "import sys, ostinato; print(ostinato.native.trim(), sorted({'torch', 'numpy'} & "
    text += "set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert found.stdout == "0 []\n"


def collect_inside_a_return() -> None:
    """Garbage with a context in it is found while another context is on its way back."""
    stock.IDLE = 1  # each that returns makes another go
    several, x = [module(), module(bias=False)], batch()
    for k in range(-60, 60):
        gc.disable()
        outputs = several[k % 2](x)[0]
        knot = [several[k % 2](x)]
        knot.append(knot)
        del knot
        used_up = [[] for _ in range(1000)]  # lists that Python keeps at hand
        gc.set_threshold(gc.get_count()[0] + k)  # a collection starts some allocations later
        gc.enable()
        del outputs
    print("done", len(used_up))


@pytest.mark.slow
def test_garbage_that_is_collected_while_a_context_returns_does_not_hang():
    assert alone(collect_inside_a_return, seconds=60) == "done 1000\n"


def end_with_graphs_alive() -> None:
    made, x = module(), batch()
    outputs = [made(x), made(x)]
    outputs.append(outputs)
    print(len(outputs))


@pytest.mark.slow
def test_a_process_that_ends_with_graphs_alive_ends_in_silence():
    assert alone(end_with_graphs_alive) == "3\n"


def growth(name: str, warm: int, turns: int) -> None:
    """Bytes by which the process has grown from one turn to another."""
    made = Recurrent(**sizes(name, 4, 8), engine="native", zoneout=0.1)
    leaves = [torch.randn(5, 3, 4, requires_grad=True), *made.parameters()]

    def turn(k: int) -> None:
        ways = [None, [1 + k % 5, 5, 2]]
        outputs, _ = made(leaves[0][:, : 3 - k % 2], lengths=None if k % 2 else ways[k // 2 % 2])
        if k % 3:
            torch.autograd.grad(outputs.sum(), leaves, retain_graph=k % 3 == 2)

    def resident() -> int:
        gc.collect()
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for k in range(warm):
        turn(k)
    before = resident()
    for k in range(turns):
        turn(k)
    print(resident() - before)


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="no /proc here")
def test_memory_is_flat():
    assert int(alone(growth, "lstm", 300, 3000)) < 1 << 20  # 340 bytes a turn would be seen


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="no /proc here")
@pytest.mark.parametrize("name", EVERY)
def test_memory_is_flat_over_ten_thousand_turns(name):
    assert int(alone(growth, name, 1000, 10_000)) < 1 << 21
