"""Native code stays within its memory, writes all of it, and reads none that it has not written."""

import itertools
from collections.abc import Iterator

import fences
import numpy as np
import pytest
import torch
from fences import FENCES
from process import alone

from every import EVERY
from ostinato import cells
from ostinato.levels.native.runtime import buffers, call, context, kernel, stock, target
from ostinato.levels.native.runtime.stream import WEIGHTS
from ostinato.nn import Embedding, Recurrent
from results import first_states, normal
from tolerances import BFLOAT16, FLOAT32, INT8, ORACLE

pytestmark = pytest.mark.skipif(
    not (FENCES and target.available()), reason=str(target.obstacle() or "no pages to forbid")
)

UNITS = {1: 0, 7: 1, 63: 17, 65: 64}
"""Hidden units, and units of a projection, around the width of every vector."""
SIDES = ("begin", "end")
FEATURES, SEQUENCES, STEPS = (1, 3, 17), (1, 2, 9), (1, 5)


def shapes(every: bool) -> Iterator[tuple[int, int, int, int]]:
    """(H, D, B, T): all of them, or so many that H meets every D and every B."""
    if every:
        yield from itertools.product(UNITS, FEATURES, SEQUENCES, STEPS)
    else:
        for (h, H), (d, D) in itertools.product(enumerate(UNITS), enumerate(FEATURES)):
            yield H, D, SEQUENCES[(h + d) % 3], STEPS[(d + h // 2 + (h * d == 2)) % 2]


VARIANTS = ("plain", "noisy", "without bias")


def module(name: str, variant: str, H: int, D: int, bits: int, number: int) -> Recurrent | None:
    """A layer; which way it reads goes round with its number."""
    projected = "R" in cells.find(name).graph.sizes.values()
    if projected and not UNITS[H]:
        return None
    noise = {"zoneout": 0.3}
    if name not in ("indrnn", "min_gru"):  # no state enters a matrix product
        noise["recurrent_dropout"] = 0.5
    torch.manual_seed(0)
    return Recurrent(
        name, D, H, proj_size=UNITS[H] * projected, bidirectional=number % 2 == 1,
        batch_first=number % 3 == 1, bias=variant != "without bias",
        dtype=torch.float32 if bits == 32 else torch.float64,
        **(noise if variant == "noisy" else {}),
    )  # fmt: skip


def batch(made: Recurrent, B: int, T: int, number: int) -> tuple:
    """x, first states, what flows back, and lengths for every other number."""
    dtype = made.all_weights[0][0].dtype
    x = normal(T, B, made.input_size).to(dtype)
    d_outputs = normal(T, B, made.output_size * len(made.directions), seed=1).to(dtype)
    hx = [s.to(dtype) for s in first_states(made, B)]
    given = None
    if number % 4 in (1, 2):  # the shortest 1, in no order; the longest ends before the batch
        given = [1 + (3 * b + 1) % max(1, T - 1) for b in range(B)]
        for b, n in enumerate(given):
            x[n:, b] = torch.nan
    if made.batch_first:
        x, d_outputs = (t.transpose(0, 1).contiguous() for t in (x, d_outputs))
    leaves = [leaf.requires_grad_() for leaf in (x, *hx)]
    return leaves, [d_outputs, *(s.flip(-1).contiguous() for s in hx)], given


def passes(made: Recurrent, leaves: list, d_results: list, given: list | None) -> list:
    """Outputs, last states and all gradients, these twice through one graph; and an inference."""

    def forward() -> list:
        torch.manual_seed(1)
        x, *hx = leaves
        outputs, ends = made(x, hx if len(hx) > 1 else hx[0], lengths=given)
        return [outputs, *(ends if isinstance(ends, tuple) else (ends,))]

    results, parameters = forward(), list(made.parameters())
    gradients = [
        torch.autograd.grad(results, leaves + parameters, d_results, retain_graph=True,
                            allow_unused=True, materialize_grads=True)
        for _ in range(2)
    ]  # fmt: skip
    with torch.no_grad():
        return [*results, *gradients[0], *gradients[1], *forward()]


def kinds(every: bool) -> Iterator[tuple[str, str, int]]:
    """(cell, variant, bits): all of them, or one for each cell, in turn."""
    turns = itertools.cycle(itertools.product((32, 64), VARIANTS))
    for name, turn in zip(EVERY, turns, strict=False):
        for bits, variant in itertools.product((32, 64), VARIANTS) if every else [turn]:
            yield name, variant, bits


def walk(every: bool, sides: int) -> None:
    """Every cell within fences, against the level torch outside of them; tells how often.

    The fence is on so many sides: on both, or on one of them in turn.
    """
    call.WORK = call.ROWS = 1  # a slice for each thread, be there ever so little to do
    context.TILE = kernel.TILE = 5  # so few tokens fill a tile to its end
    count = 0
    for k, (name, variant, bits) in enumerate(kinds(every)):
        for number, (H, D, B, T) in enumerate(shapes(every)):
            made = module(name, variant, H, D, bits, number)
            if made is None:
                continue
            leaves, d_results, given = batch(made, B, T, number)
            torch.set_num_threads(1 + number % 3)
            made.engine = "torch"
            expected = passes(made, leaves, d_results, given)
            made.engine = "native"
            for side in [SIDES[(k + number // 2 + i) % 2] for i in range(sides)]:
                where = f"{variant} {name} float{bits} {H=} {D=} {B=} {T=} {given} {side}"
                with fences.around(side) as fence:
                    for weight in made.parameters():
                        weight.data = fence.copy(weight).data
                    inside = [fence.copy(t) for t in leaves], [fence.copy(t) for t in d_results]
                    before = fence.made
                    found = passes(made, *inside, given)
                    assert fence.made > before + 5  # buffers and results
                    near(found, expected, FLOAT32 if bits == 32 else ORACLE, where)
                    found = None
                count += 1
    print(count)


def tables() -> None:
    """Tokens of an embedding, whose distinct rows are projected once."""
    count = 0
    for name, symbols, E, H in itertools.product(("gru", "lstm"), (3, 200), (65,), (7, 65)):
        made = module(name, "noisy", H, E, 32, number=1)
        made.batch_first = False
        table = Embedding(symbols, E)
        tokens = torch.arange(45).reshape(5, 9) ** 2 % min(symbols, 19)

        def passes_of_tokens(made=made, table=table, tokens=tokens) -> list:
            torch.manual_seed(1)
            outputs, _ = made(table(tokens), lengths=[5, 4, 3, 2, 1, 1, 4, 4, 2])
            leaves = [table.weight, *made.parameters()]
            return [outputs, *torch.autograd.grad(outputs, leaves, outputs.detach().cos())]

        made.engine = "torch"
        expected = passes_of_tokens()
        made.engine = "native"
        for side in SIDES:
            with fences.around(side) as fence:
                table.weight.data = fence.copy(table.weight).data
                near(passes_of_tokens(), expected, FLOAT32, f"{name} {symbols=} {E=} {H=} {side}")
            count += 1
    print(count)


def streams() -> None:
    """One step after the other, with weights of every kind."""
    count = 0
    for name, H, D, kind in itertools.product(EVERY, (63, 65), (3, 17), WEIGHTS):
        made = module(name, "plain", H, D, 32, number=0)
        x = normal(6, D).float()
        made.engine = "torch"
        with torch.no_grad():
            expected = [made(x)[0]]
        for side in SIDES:
            with fences.around(side):
                stream = made.stream(kind)
                found = [torch.tensor(np.array([stream.step(row) for row in x.numpy()]))]
                tolerance = {"same": FLOAT32, "bf16": BFLOAT16, "int8": INT8}[kind]
                near(found, expected, tolerance, f"{name} {H=} {D=} {kind} {side}")
            count += 1
    print(count)


def near(found: list, expected: list, tolerance: float, where: str) -> None:
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert one.shape == other.shape, where
        error = (one - other).abs().max() / max(1, other.abs().max())
        assert error <= tolerance, f"{where}: result {k} is off by {error}"  # NaN is off, too


@pytest.mark.slow
def test_no_number_beyond_a_buffer_is_touched_and_none_is_left_unwritten():
    assert int(alone(walk, False, 1, OMP_WAIT_POLICY="passive")) == 12 * len(EVERY) - 3


def test_buffers_of_huge_pages(monkeypatch):
    monkeypatch.setattr(stock, "idle", type(stock.idle)())
    torch.manual_seed(0)
    made = Recurrent("lstm", 3, 100, engine="native")
    x = normal(60, 40, 3).float()
    for _ in range(2):
        found = passes(made, [x.requires_grad_(), *_states(made)], _flows(made), None)
    made.engine = "torch"
    near(found, passes(made, [x, *_states(made)], _flows(made), None), FLOAT32, "")
    (several,) = stock.idle.free.values()
    assert max(b.numel() * 4 for c in several for b in c.buffers.values()) > buffers.HUGE


def _states(made: Recurrent) -> list[torch.Tensor]:
    return [s.float().requires_grad_() for s in first_states(made, 40)]


def _flows(made: Recurrent) -> list[torch.Tensor]:
    return [normal(60, 40, 100, seed=1).float(), *(s.detach().flip(-1) for s in _states(made))]


@pytest.mark.slow
def test_tables_and_their_rows():
    assert int(alone(tables)) == 2 * 8


@pytest.mark.slow
def test_streams():
    assert int(alone(streams)) == 2 * 12 * len(EVERY)


@pytest.mark.slow
@pytest.mark.timeout(660)
@pytest.mark.parametrize("instructions", ["host", "avx2", "sse2"])
def test_all_shapes_and_narrower_instructions(instructions):
    if target.host().vector_bytes < target.TARGETS.get(instructions, target.host()).vector_bytes:
        pytest.skip("this machine has no wider registers")
    options = {"OMP_WAIT_POLICY": "passive", "OSTINATO_TARGET": instructions}
    sides = 2 if instructions == "host" else 1
    found = alone(walk, True, sides, seconds=600, **options)
    assert int(found) == sides * 6 * (72 * len(EVERY) - 18)
