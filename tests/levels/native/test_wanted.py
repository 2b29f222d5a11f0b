"""What is wanted decides what is computed: gradients of some leaves, from inputs of every kind."""

import pytest
import torch
from batch import forget
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import programs
from every import EVERY, assert_near, short, sizes
from ostinato import nn
from ostinato.levels.native.runtime import kernel, layer, target
from ostinato.levels.torch import unwritten_is_nan
from ostinato.nn import Recurrent, embedding
from results import first_states
from tolerances import ORACLE, SAME

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))
SYMBOLS, FEATURES = 5, 6
LENGTHS = [4, 2, 3]

CHAINS = {
    "two maps": "u = tanh(affine(x))\n    return tanh(affine(u, h))",
    "three maps": "u = tanh(affine(sigmoid(affine(x))))\n    return tanh(affine(u, h))",
    "low rank": "u = affine(x, size='R')\n    return tanh(affine(u, h)), tanh(u)",
    "a norm between": "u = layer_norm(affine(x))\n    return tanh(affine(u, h))",
    "a gain of x": "return tanh(affine(scale(x), h))",
    "a norm of x": "return tanh(affine(layer_norm(x), h))",
    "decay by a gap": (  # as in a GRU-D
        "d = exp(-relu(affine(x, size='H')))\n    z = sigmoid(affine(x, d * h, d))\n"
        "    return (1 - z) * (d * h) + z * tanh(affine(x, d * h))"
    ),
    "a step of low rank": (
        "u = affine(x, size='R')\n    t = sigmoid(affine(u))\n"
        "    return h + t * tanh(affine(x, h)), tanh(u + c)"
    ),
}


def chain(name: str):
    states = {"h": "H", "c": "R"} if "'R'" in CHAINS[name] else {"h": "H"}
    head = f"@cell(sizes={states})\ndef drawn(x, {', '.join(states)}):"
    return programs.as_cell(f"{head}\n    {CHAINS[name]}\n")


SOURCES = {
    "data": lambda table, tokens: table(tokens).detach() * 1,
    "another layer": lambda table, tokens: table(tokens) * 1,
    "a table": lambda table, tokens: table(tokens),
    "a frozen table": lambda table, tokens: table.requires_grad_(False)(tokens),
    "a table, and its result is wanted": lambda table, tokens: retained(table(tokens)),
}
LOSSES = {
    "outputs": lambda outputs, ends: outputs.sin().sum(),
    "some outputs": lambda outputs, ends: outputs[1, ..., ::2].sin().sum(),
    "last states": lambda outputs, ends: sum(end.sin().sum() for end in ends),
    "the last state": lambda outputs, ends: ends[-1].sin().sum(),
}


def retained(x: torch.Tensor) -> torch.Tensor:
    x.retain_grad()
    return x


def gradients(
    cell, engine: str, source: str, loss: str, first: str = "none", frozen: int = 0, **options
) -> list:
    """Results, and the gradients of all that is wanted, of a layer's first call and its second."""
    torch.manual_seed(0)
    projection = 2 * ("R" in cell.graph.sizes.values())
    module = Recurrent(
        cell, FEATURES, 7, proj_size=projection, engine=engine, dtype=torch.float64, **options
    )
    for k, weight in enumerate(module.parameters()):
        weight.requires_grad_(not frozen >> k & 1)
    table = nn.Embedding(SYMBOLS, FEATURES, dtype=torch.float64)
    tokens = torch.arange(4 * len(LENGTHS)).reshape(4, -1) ** 2 % SYMBOLS
    found = []
    for _ in ("first", "second"):
        hx = first_states(module, len(LENGTHS)) if first != "none" else None
        if first == "learned":
            hx = tuple(state.requires_grad_() for state in hx)
        x = SOURCES[source](table, tokens)
        with unwritten_is_nan():
            given = hx[0] if hx and len(hx) == 1 else hx
            outputs, ends = module(x, given, lengths=LENGTHS)
            ends = ends if isinstance(ends, tuple) else (ends,)
            value = LOSSES[loss](outputs, ends)
            if value.requires_grad:
                value.backward()
        found += [outputs, *ends]
        watched = [x] if x.grad_fn is not None and x.retains_grad else []
        for leaf in [*watched, table.weight, *(hx or ()), *module.parameters()]:
            if leaf.requires_grad:
                found.append(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad)
            leaf.grad = None
    return [t.detach().clone() for t in found]


@pytest.fixture(autouse=True)
def tokens_are_told_apart(monkeypatch):
    monkeypatch.setattr(embedding, "WORTH", 0)


def same(cell, *arguments, **options) -> None:
    found, expected = (gradients(cell, e, *arguments, **options) for e in ("native", "torch"))
    assert_near(found, expected, ORACLE)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", CHAINS)
def test_weights_behind_another_map_have_their_gradients_whoever_wants_that_of_x(name, source):
    same(chain(name), source, "outputs", bidirectional=True)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", EVERY, ids=short)
def test_every_cell_reads_inputs_of_every_kind(name, source):
    same(Recurrent(**sizes(name)).cell, source, "last states", num_layers=2, zoneout=0.3)


drawn = given(
    programs.programs(), st.sampled_from([*SOURCES]), st.sampled_from([*LOSSES]),
    st.sampled_from(["none", "given", "learned"]), st.integers(0, 2**16 - 1), st.booleans(),
    st.sampled_from([{}, {"recurrent_dropout": 0.4}, {"zoneout": 0.4}]),
)  # fmt: skip
without_shrinking = [Phase.explicit, Phase.reuse, Phase.generate]  # it would take minutes


def check(text, source, loss, first, frozen, both_ways, options) -> None:
    forget()
    same(programs.as_cell(text), source, loss, first, frozen, bidirectional=both_ways, **options)


@settings(max_examples=8, phases=without_shrinking)
@drawn
def test_any_layer_of_any_cell(text, source, loss, first, frozen, both_ways, options):
    check(text, source, loss, first, frozen, both_ways, options)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_layers_of_many_cells():
    settings(max_examples=150, phases=without_shrinking)(drawn(check))()


@pytest.mark.parametrize("name", CHAINS)
def test_tasks_of_a_stage_may_be_done_in_any_order(name, monkeypatch):
    # Threads take them as they come: none may need what another of its stage computes.
    expected = [gradients(chain(name), "native", source, "outputs") for source in SOURCES]
    run = layer.pool.run

    def backwards(work, stages, threads):
        run(work, [stage[::-1] for stage in stages], threads)

    monkeypatch.setattr(layer.pool, "run", backwards)
    found = [gradients(chain(name), "native", source, "outputs") for source in SOURCES]
    assert_near(found, expected, SAME)


def test_what_nobody_wants_is_not_computed(monkeypatch):
    forget()  # what runs then is what `kernel` gives
    done = []
    run = layer.pool.run

    def spied(work, stages, threads):
        done.extend(function for stage in stages for function, _ in stage)
        run(work, stages, threads)

    monkeypatch.setattr(layer.pool, "run", spied)

    def counted(cell, **options) -> tuple[int, int, int]:
        module = Recurrent(cell, 3, 5, engine="native").requires_grad_(options.get("weights", True))
        done.clear()
        x = torch.zeros(2, 4, 3, requires_grad=options.get("x", False))
        hx = torch.zeros(1, 4, 5, requires_grad=True)
        hx = (hx, hx) if len(module.cell.graph.states) > 1 else hx
        module(x, hx)[0].sum().backward()
        code = kernel.kernel(module.cell.graph, 32)
        of_weights = [code.shared_addresses[n] for n in ("gradient_task", "sums_task")]
        passes = [done.count(code.addresses[name]) for name in ("post", "dx")]
        return *passes, sum(map(done.count, of_weights))

    lstm, two = Recurrent("lstm", 3, 5).cell, chain("two maps")
    assert counted(lstm)[:2] == (0, 0)
    assert counted(lstm, x=True)[:2] == (0, 1)
    assert counted(lstm, weights=False) == (0, 0, 0)
    assert counted(two)[:2] == (1, 0)
    assert counted(two, x=True)[:2] == (1, 1)
    assert counted(two, weights=False) == (0, 0, 0)
    assert counted(two, x=True, weights=False) == (1, 1, 0)
