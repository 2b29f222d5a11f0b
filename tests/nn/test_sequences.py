"""Over time: ragged batches, directions, chunks. Every cell, two layers."""

import pytest
import torch

from every import EVERY, assert_near, short, sizes
from ostinato.nn import Recurrent
from results import first_states, normal, results
from tolerances import GRADCHECK, ORACLE, SAME

every_cell = pytest.mark.parametrize("name", EVERY, ids=short)
LENGTHS = [2, 5, 1, 4, 4]


def stack(name, **options):
    torch.manual_seed(0)
    return Recurrent(**sizes(name), num_layers=2, dtype=torch.float64, **options)


def ragged(steps=6):
    """A batch whose padding is poisoned, longer than its longest sequence."""
    x = normal(steps, len(LENGTHS), 3)
    for b, n in enumerate(LENGTHS):
        x[n:, b] = torch.nan
    return x


@every_cell
@pytest.mark.parametrize("both_ways", [False, True])
def test_a_padded_batch_gives_what_each_sequence_gives_alone(name, both_ways):
    module, x = stack(name, bidirectional=both_ways), ragged()
    hx = first_states(module, len(LENGTHS))
    d_outputs = normal(6, len(LENGTHS), module.output_size * (1 + both_ways), seed=8)
    d_states = [s.flip(-1) for s in hx]
    whole = results(module, x, hx, d_outputs, d_states, lengths=LENGTHS)
    total = 0
    for b, n in enumerate(LENGTHS):
        one = slice(b, b + 1)
        alone = results(
            module, x[:n, one], [s[:, one] for s in hx],
            d_outputs[:n, one], [d[:, one] for d in d_states],
        )  # fmt: skip
        for key in ("outputs", "dx"):
            assert_near(whole[key][:n, one], alone[key], ORACLE)
            assert not whole[key][n:, b].any()
        for key in ("states", "d_states"):
            assert_near([s[:, one] for s in whole[key]], alone[key], ORACLE)
        total = {k: w + (total[k] if total else 0) for k, w in alone["weights"].items()}
    assert_near(whole["weights"], total, ORACLE)


@every_cell
def test_batch_first_only_turns_the_batch(name):
    outputs, states = stack(name)(ragged(), lengths=LENGTHS)
    turned = stack(name, batch_first=True)
    found, ends = turned(ragged().transpose(0, 1), lengths=torch.tensor(LENGTHS))
    assert_near(found.transpose(0, 1), outputs, SAME)
    assert_near(ends, states, SAME)


@every_cell
def test_the_reverse_direction_is_the_forward_one_on_each_sequence_flipped(name):
    torch.manual_seed(0)
    two = Recurrent(**sizes(name), bidirectional=True, dtype=torch.float64)
    one = Recurrent(**sizes(name), dtype=torch.float64)
    weights = two.state_dict()
    one.load_state_dict({k: weights[f"{k}_reverse"] for k in one.state_dict()})
    x = ragged()

    def flipped(batch):
        batch = batch.clone()
        for b, n in enumerate(LENGTHS):
            batch[:n, b] = batch[:n, b].flip(0)
        return batch

    outputs, states = two(x, lengths=LENGTHS)
    found, ends = one(flipped(x), lengths=LENGTHS)
    assert_near(outputs[..., one.output_size :], flipped(found), SAME)
    both = [states] if isinstance(states, torch.Tensor) else list(states)
    ends = [ends] if isinstance(ends, torch.Tensor) else list(ends)
    assert_near([s[1:] for s in both], ends, SAME)


@every_cell
def test_chunks_equal_one_call(name):
    module, x = stack(name), normal(7, 3, 3)
    hx = first_states(module, 3)
    state = hx if len(hx) > 1 else hx[0]
    whole, last = module(x, state)
    pieces = []
    for chunk in x.split([1, 3, 2, 1]):
        outputs, state = module(chunk, state)
        pieces.append(outputs)
    assert_near(torch.cat(pieces), whole, ORACLE)
    assert_near(state, last, ORACLE)


@every_cell
def test_one_sequence_needs_no_batch(name):
    module, x = stack(name, bidirectional=True), normal(4, 3)
    outputs, states = module(x)
    expected, ends = module(x[:, None])
    assert_near(outputs, expected[:, 0], SAME)
    squeezed = ends.squeeze(1) if isinstance(ends, torch.Tensor) else [s.squeeze(1) for s in ends]
    assert_near(states, squeezed, SAME)


@every_cell
def test_gradcheck(name):
    torch.manual_seed(0)
    module = Recurrent(**sizes(name, 2, 3), bidirectional=True, dtype=torch.float64)
    names = [n for n, _ in module.named_parameters()]
    hx = first_states(module, 2)

    def call(x, *leaves):
        states, weights = leaves[: len(hx)], leaves[len(hx) :]
        given = (x, states if len(hx) > 1 else states[0], torch.tensor([1, 3]))
        outputs, ends = torch.func.functional_call(
            module, dict(zip(names, weights, strict=True)), given
        )
        return outputs, *([ends] if isinstance(ends, torch.Tensor) else ends)

    leaves = [normal(3, 2, 2), *hx, *(w.detach() for w in module.parameters())]
    assert torch.autograd.gradcheck(
        call, [v.requires_grad_() for v in leaves], atol=GRADCHECK, rtol=GRADCHECK, fast_mode=True
    )
