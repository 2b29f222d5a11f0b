"""Native code stays within its memory, writes all of it, and reads none that it has not written."""

import ctypes
import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from results import first_states, normal

import fences
from every import EVERY
from fences import FENCES
from ostinato import cells
from ostinato.levels.native import context, target
from ostinato.nn import Recurrent
from process import alone
from tolerances import FLOAT32, ORACLE

pytestmark = pytest.mark.skipif(
    not (FENCES and target.available()), reason=str(target.obstacle() or "no pages to forbid")
)

UNITS = {1: 0, 7: 1, 63: 17, 65: 64}
"""Hidden units, and units of a projection, around the width of every vector."""
FEATURES, SEQUENCES, STEPS = (1, 3, 17), (1, 2, 9), (1, 5)


def shapes(every: bool) -> Iterator[tuple[int, int, int, int]]:
    """(H, D, B, T): all of them, or so many that H meets every D and every B."""
    if every:
        yield from itertools.product(UNITS, FEATURES, SEQUENCES, STEPS)
    else:
        for (h, H), (d, D) in itertools.product(enumerate(UNITS), enumerate(FEATURES)):
            yield H, D, SEQUENCES[(h + d) % 3], STEPS[(d + h // 2 + (h * d == 2)) % 2]


def lengths(batch: int, steps: int) -> list[int]:
    """In no order, the shortest 1, and none as long as the batch where that can be."""
    return [1 + (3 * b + 1) % max(1, steps - 1) for b in range(batch)]


def module(name: str, H: int, D: int, bits: int, number: int) -> Recurrent | None:
    """A layer whose options go round with its number."""
    projected = "R" in cells.find(name).graph.sizes.values()
    if projected and not UNITS[H]:
        return None
    noise = {"zoneout": 0.3}
    if name not in ("indrnn", "min_gru"):  # no state enters a matrix product
        noise["recurrent_dropout"] = 0.5
    torch.manual_seed(0)
    return Recurrent(
        name, D, H, proj_size=UNITS[H] * projected, bidirectional=number % 2 == 1,
        batch_first=number % 3 == 1, bias=number % 4 != 3, dtype=(torch.float32, torch.float64)[
        bits == 64], **(noise if number % 5 == 2 else {}),
    )  # fmt: skip


def passes(made, x, hx, d_outputs, d_states, given) -> list[torch.Tensor]:
    """Outputs, last states and all gradients, twice through one graph."""
    torch.manual_seed(1)
    outputs, ends = made(x, hx if len(hx) > 1 else hx[0], lengths=given)
    ends = ends if isinstance(ends, tuple) else (ends,)
    leaves = [x, *hx, *made.parameters()]
    both = [
        torch.autograd.grad([outputs, *ends], leaves, [d_outputs, *d_states],
                            retain_graph=True, allow_unused=True, materialize_grads=True)
        for _ in range(2)
    ]  # fmt: skip
    with torch.no_grad():
        torch.manual_seed(1)
        plain, _ = made(x, hx if len(hx) > 1 else hx[0], lengths=given)
    return [outputs, *ends, *both[0], *both[1], plain]


def walk(every: bool) -> None:
    """Every cell within fences, against the level torch outside of them."""
    count = 0
    for name, bits in itertools.product(EVERY, (32, 64)):
        for number, (H, D, B, T) in enumerate(shapes(every)):
            made = module(name, H, D, bits, number)
            if made is None:
                continue
            turn = (1, 0, 2) if made.batch_first else (0, 1, 2)
            x, d_outputs = (
                normal(T, B, n, seed=n).to(made.all_weights[0][0].dtype).permute(turn).contiguous()
                for n in (D, made.output_size * len(made.directions))
            )
            hx = [s.to(x.dtype) for s in first_states(made, B)]
            d_states = [s.flip(-1).contiguous() for s in hx]
            given = lengths(B, T) if number % 4 in (1, 2) else None
            if given:  # what stands behind an end is never read
                for b, n in enumerate(given):
                    (x[b, n:] if made.batch_first else x[n:, b]).fill_(torch.nan)
            for leaf in (x, *hx):
                leaf.requires_grad_()
            made.engine = "torch"
            expected = passes(made, x, hx, d_outputs, d_states, given)
            made.engine = "native"
            for side in ("begin", "end"):
                with fences.around(side) as fence:
                    held = [fence.copy(w) for w in made.parameters()]
                    for weight, copy in zip(made.parameters(), held, strict=True):
                        weight.data = copy.data
                    given_tensors = [x, *hx, d_outputs, *d_states]
                    x_, *rest = [fence.copy(t) for t in given_tensors]
                    hx_, (d_outputs_, *d_states_) = rest[: len(hx)], rest[len(hx) :]
                    before = fence.made
                    found = passes(made, x_, hx_, d_outputs_, d_states_, given)
                    assert fence.made > before + 5  # buffers and results
                    where = f"{name} float{bits} H={H} D={D} B={B} T={T} {given} {side}"
                    near(found, expected, FLOAT32 if bits == 32 else ORACLE, where)
                    del found
            count += 1
    print(count)


def near(found, expected, tolerance, where) -> None:
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert one.shape == other.shape
        error = (one - other).abs().max() / max(1, other.abs().max())
        assert error <= tolerance, f"{where}: result {k} is off by {error}"  # NaN is off, too


def test_no_number_beyond_a_buffer_is_touched_and_none_is_left_unwritten():
    assert int(alone(walk, False)) == 2 * (12 * len(EVERY) - 3)
