"""float32 is as near to the truth as PyTorch's; what is no number goes where PyTorch sends it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from batch import Batch, distance, results

from every import EVERY, short
from ostinato import cells
from ostinato.equation import affine, cell, exp, log, maximum, relu, sigmoid, tanh
from ostinato.levels.native.runtime import target
from tolerances import BESIDE, EQUAL, SAME

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))
every_cell = pytest.mark.parametrize("name", EVERY, ids=short)
EPS = torch.finfo(torch.float32).eps
LENGTHS, SIZES = (4, 4, 3, 1), {"D": 3, "H": 7, "R": 5}


@every_cell
@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [((20, 20, 20), {"D": 17, "H": 63, "R": 9}), ((30, 7, 1), {"D": 1, "H": 130, "R": 33})],
    ids=["dense", "ragged"],
)
def test_float32_is_as_near_to_float64_as_pytorchs(name, lengths, sizes):
    cell = cells.find(name)
    small = Batch.draw(cell.graph, lengths, sizes).to(torch.float32)
    expected = results("torch", cell, small.to(torch.float64))
    found, other = (results(level, cell, small) for level in ("native", "torch"))
    for key in expected:
        error, usual = (distance({key: r[key]}, {key: expected[key]}) for r in (found, other))
        assert error <= BESIDE * (usual + EPS), key


@cell
def unbounded(x, h, c):
    """What leaves the numbers by itself: overflow, logarithms of nothing, quotients by nothing."""
    a = exp(affine(x, h))
    b = log(relu(affine(x, c)))
    d = c / (relu(affine(x)) * 0.5)
    return tanh(maximum(a, d)) - sigmoid(b), maximum(c, -1e30) * a


@cell
def corners(x, h, c):
    a = affine(x, h)
    return relu(a) + maximum(a, c), maximum(affine(c), 0.5) - relu(c)


WITH_CORNERS = ("relu_rnn", "indrnn", "unbounded", "corners")
"""Whose gradient is zero somewhere, whatever comes back to it."""
CELLS = {short(name): name for name in EVERY} | {"unbounded": unbounded, "corners": corners}


def find(name):
    known = CELLS[name]
    return cells.find(known) if isinstance(known, str) else known


def poisoned(batch: Batch, where: str, value: float) -> Batch:
    """One number of a batch replaced."""
    batch = replace(
        batch, x=batch.x.clone(), states=[s.clone() for s in batch.states],
        weights={k: w.clone() for k, w in batch.weights.items()}, d_outputs=batch.d_outputs.clone(),
    )  # fmt: skip
    kind, _, name = where.partition(" ")
    tensor = {
        "x": batch.x, "d": batch.d_outputs, "h": batch.states[0], "c": batch.states[-1],
        "weight": batch.weights.get(name),
    }[kind]  # fmt: skip
    tensor.view(-1)[tensor.shape[-1] + 1 if tensor.numel() > tensor.shape[-1] else 0] = value
    return batch


def kinds(results: dict, keys: tuple[str, ...]) -> dict:
    """Where tensors are nan (2), inf (1), -inf (-1) or numbers (0)."""
    return {
        key: [t.isnan() * 2.0 + t.isposinf() * 1.0 - t.isneginf() * 1.0 for t in results[key]]
        for key in keys
    }


def numbers(results: dict) -> dict:
    """Results whose other places are zero."""
    return {k: [t.nan_to_num(0.0, 0.0, 0.0) for t in tensors] for k, tensors in results.items()}


VALUES = ("outputs", "states")


def assert_alike(found: dict, expected: dict, tolerance: float = EQUAL) -> None:
    """Values are of one kind, gradients finite in the same places; numbers are near.

    An infinite gradient that meets another is an infinity or no number, by the order of the sums.
    """
    assert distance(kinds(found, VALUES), kinds(expected, VALUES)) == SAME
    one, other = ({k: [t.isfinite() for t in r[k]] for k in r} for r in (found, expected))
    wrong = [k for k in expected if not all(map(torch.equal, one[k], other[k]))]
    assert wrong == []
    assert distance(numbers(found), numbers(expected)) < tolerance


def poisons(batch: Batch) -> Iterator[Batch]:
    """A batch with each of its tensors poisoned in turn."""
    for where in ("x", "h", "c", "d", *(f"weight {key}" for key in batch.weights)):
        for value in (float("nan"), float("inf"), -float("inf")):
            yield poisoned(batch, where, value)


@pytest.mark.parametrize("name", CELLS)
def test_values_that_are_no_numbers_go_where_pytorch_sends_them(name):
    cell, seen = find(name), 0
    for batch in poisons(Batch.draw(cell.graph, LENGTHS, SIZES)):
        found, expected = (results(level, cell, batch) for level in ("native", "torch"))
        assert distance(kinds(found, VALUES), kinds(expected, VALUES)) == SAME
        only = [{k: r[k] for k in VALUES} for r in (found, expected)]
        assert distance(*map(numbers, only)) < EQUAL
        seen += sum(bool(k.any()) for several in kinds(expected, VALUES).values() for k in several)
    assert seen > 6


@pytest.mark.parametrize("name", [name for name in CELLS if name not in WITH_CORNERS])
def test_gradients_that_are_no_numbers_go_where_pytorch_sends_them(name):
    cell = find(name)
    for batch in poisons(Batch.draw(cell.graph, LENGTHS, SIZES)):
        assert_alike(results("native", cell, batch), results("torch", cell, batch))


@pytest.mark.parametrize("name", WITH_CORNERS)
def test_what_is_off_lets_no_gradient_through_be_it_a_number_or_not(name):
    cell = find(name)
    batch = Batch.draw(cell.graph, LENGTHS, SIZES)
    for value in (float("nan"), float("inf")):
        given = poisoned(batch, "d", value)
        assert_alike(results("native", cell, given), results("torch", cell, given))


@pytest.mark.parametrize("name", CELLS)
def test_what_happens_to_a_sequence_happens_to_no_other(name):
    # Sequence 1 of each step is poisoned: no bit of the others moves, forward or backward.
    cell = find(name)
    batch = Batch.draw(cell.graph, LENGTHS, SIZES)
    clean = results("native", cell, batch)
    starts = [sum(batch.batch_sizes[:t]) for t in range(len(batch.batch_sizes))]
    mine = [start + 1 for start, n in zip(starts, batch.batch_sizes, strict=True) if n > 1]
    for value in (float("nan"), float("inf"), 1e300):
        x, d_outputs = batch.x.clone(), batch.d_outputs.clone()
        x[mine], d_outputs[mine[0]] = value, value
        found = results("native", cell, replace(batch, x=x, d_outputs=d_outputs))
        of_states = [key for key in clean if key.startswith("dstate ")]
        assert len(of_states) == len(batch.states)
        own_rows = {"outputs": mine, "dx": mine, "states": [1]} | {key: [1] for key in of_states}
        for key, own in own_rows.items():
            for one, other in zip(found[key], clean[key], strict=True):
                others = [row for row in range(len(one)) if row not in own]
                bits = (t[others].view(torch.int64) for t in (one.detach(), other.detach()))
                assert torch.equal(*bits)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("bits", [32, 64])
def test_what_is_too_large_overflows_as_in_pytorch(name, bits):
    # One input and one unit of a state are large, all others zero: no sum of large numbers of
    # either sign, whose result would depend on the order.
    cell, dtype = find(name), torch.float32 if bits == 32 else torch.float64
    batch = Batch.draw(cell.graph, (1, 1), SIZES).to(dtype)
    largest = torch.finfo(dtype).max ** (0.45 if name == "layer_norm_lstm" else 1)  # it squares
    for factor in (30.0, 1e4, largest / 8, largest):
        for sign in (1, -1):
            x, states = torch.zeros_like(batch.x), [torch.zeros_like(s) for s in batch.states]
            x[0, 0] = states[-1][1, 0] = sign * factor
            given = replace(batch, x=x, states=states)
            found, expected = (results(level, cell, given) for level in ("native", "torch"))
            assert distance(kinds(found, VALUES), kinds(expected, VALUES)) == SAME
            only = [{k: r[k] for k in VALUES} for r in (found, expected)]
            assert distance(*map(numbers, only)) < (EQUAL if bits == 64 else 16 * EPS)
