"""RNN, LSTM and GRU are those of torch.nn: names, first weights, results and all gradients."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence

from every import assert_near
from ostinato import nn
from results import first_states, normal, results
from tolerances import FLOAT32, ORACLE, SAME

KINDS = {
    "tanh": ("RNN", {"nonlinearity": "tanh"}),
    "relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "projected": ("LSTM", {"proj_size": 2}),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
yes_no = [False, True]
either_engine = pytest.mark.parametrize("engine", ["auto", "torch"])


def both(kind, *sizes, engine="auto", dtype=torch.float64, **options):
    """Ours and theirs, made under the same seed."""
    name, more = KINDS[kind]
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*sizes, **options, **more, dtype=dtype)
    torch.manual_seed(0)
    ours = getattr(nn, name)(*sizes, **options, **more, dtype=dtype, engine=engine)
    return ours, theirs


@every_kind
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("both_ways", yes_no)
@pytest.mark.parametrize("bias", yes_no)
def test_state_dicts_fit_both_ways_and_first_weights_are_the_same(kind, layers, both_ways, bias):
    options = {"num_layers": layers, "bidirectional": both_ways, "bias": bias}
    ours, theirs = both(kind, 3, 5, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert_near(dict(ours.state_dict()), dict(theirs.state_dict()), SAME)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.load_state_dict(ours.state_dict(), strict=True)


@every_kind
@either_engine
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("both_ways", yes_no)
@pytest.mark.parametrize("bias", yes_no)
@pytest.mark.parametrize("batch_first", yes_no)
def test_results_and_gradients(kind, engine, layers, both_ways, bias, batch_first):
    options = {"num_layers": layers, "bidirectional": both_ways, "bias": bias}
    pair = both(kind, 3, 7, engine=engine, batch_first=batch_first, **options)
    compare(*pair, normal(5, 4, 3))


@every_kind
@either_engine
@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 5, 2), (9, 1, 2), (6, 2)], ids=str)
def test_odd_sizes_and_a_single_sequence(kind, engine, shape):
    compare(*both(kind, 2, 63, engine=engine), normal(*shape))


@every_kind
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_float32(kind):
    ours, theirs = both(kind, 3, 7, dtype=torch.float32)
    compare(ours, theirs, normal(6, 4, 3).float(), FLOAT32)


def compare(ours, theirs, x, tolerance=ORACLE):
    batch = 1 if x.dim() == 2 else x.shape[0 if ours.batch_first else 1]
    hx = [s.to(x.dtype) for s in first_states(ours, batch)]
    hx = [s.squeeze(1) for s in hx] if x.dim() == 2 else hx
    outputs, _ = theirs(x)
    d = normal(*outputs.shape, seed=8).to(x.dtype), [s.flip(-1) for s in hx]
    assert_near(results(ours, x, hx, *d), results(theirs, x, hx, *d), tolerance)
    zeros, _ = ours(x)
    assert_near(zeros, outputs, tolerance)


@every_kind
@either_engine
@pytest.mark.parametrize("is_sorted", yes_no)
@pytest.mark.parametrize("both_ways", yes_no)
def test_packed_sequences(kind, engine, is_sorted, both_ways):
    ours, theirs = both(kind, 3, 5, num_layers=2, bidirectional=both_ways, engine=engine)
    lengths = [6, 4, 4, 1] if is_sorted else [4, 1, 6, 4]
    sequences = [normal(n, 3, seed=n + k) for k, n in enumerate(lengths)]
    hx = first_states(ours, 4)
    packed = pack_sequence(sequences, enforce_sorted=is_sorted)
    found, expected = (m(packed, hx if len(hx) > 1 else hx[0]) for m in (ours, theirs))
    assert_near(found[1], expected[1], ORACLE)
    assert type(found[0]) is type(packed)
    assert_near(found[0].data, expected[0].data, ORACLE)
    for one, other in zip(found[0][1:], expected[0][1:], strict=True):
        assert one is other is None or torch.equal(one, other)
    assert_near(*(pad_packed_sequence(p)[0] for p in (found[0], expected[0])), ORACLE)
    gradients = [torch.autograd.grad(f[0].data.cos().sum(), m.parameters(), allow_unused=True)
                 for f, m in ((found, ours), (expected, theirs))]  # fmt: skip
    assert_near(*gradients, ORACLE)


@every_kind
def test_lengths_are_what_packing_is_in_torch(kind):
    ours, theirs = both(kind, 3, 5, num_layers=2, bidirectional=True, batch_first=True)
    x, lengths = normal(3, 6, 3), torch.tensor([2, 6, 1])
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    outputs, states = theirs(packed)
    outputs, _ = pad_packed_sequence(outputs, batch_first=True)
    found = ours(x, lengths=lengths)
    assert_near(found, (outputs, states), ORACLE)


def test_golden_shapes():
    outputs, state = nn.RNN(2, 2, batch_first=True)(torch.zeros(1, 5, 2))
    assert (outputs.shape, state.shape) == ((1, 5, 2), (1, 1, 2))
    _, (h, c) = nn.LSTM(8, 128)(torch.zeros(3, 32, 8))
    assert h[0].shape == c[0].shape == (32, 128)


def test_both_directions_have_twice_the_parameters():
    def count(module):
        return sum(w.numel() for w in module.parameters())

    for kind in KINDS:
        one, two = (both(kind, 4, 6, bidirectional=ways)[0] for ways in (False, True))
        assert count(two) == 2 * count(one)
    assert count(nn.LSTM(4, 6)) == 4 * count(nn.RNN(4, 6))
    assert count(nn.GRU(4, 6)) == 3 * count(nn.RNN(4, 6))
