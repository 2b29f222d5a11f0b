"""Native code follows addresses: what does not fit is refused, or goes to the level torch."""

import copy

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from ostinato import affine, cell, layer_norm, nn, tanh
from ostinato.errors import ConfigError
from ostinato.levels.native.runtime import target

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))


def x(*shape):
    return torch.randn(*(shape or (5, 3, 4)), generator=torch.Generator().manual_seed(0))


def weight(name, tensor, layers=1):
    module = nn.LSTM(4, 6, layers)
    setattr(module, name, torch.nn.Parameter(tensor))
    return module


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("weight_hh_l0", torch.zeros(24, 6, dtype=torch.float64)),
        ("bias_ih_l0", torch.zeros(24, dtype=torch.float16)),
        ("weight_hh_l1", torch.zeros(24, 6, dtype=torch.float64)),
        ("weight_ih_l0", torch.zeros(6, 4)),
        ("weight_hh_l0", torch.zeros(1, 1)),
        ("bias_hh_l0", torch.zeros(23)),
        ("weight_hh_l0", torch.zeros(24, 6, device="meta")),
        ("weight_hh_l0", torch.zeros(24, 6).to_sparse()),
    ],
)
def test_a_weight_that_was_replaced_by_one_that_does_not_fit(name, tensor):
    module = weight(name, tensor, layers=2)
    with pytest.raises(ValueError, match=f"{name} is .* native code needs torch.float32"):
        module(x())
    with pytest.raises(ValueError, match=name):
        module.stream()


def test_tensors_without_memory_of_their_own_go_to_the_level_torch():
    from torch.testing._internal.two_tensor import TwoTensor

    module = nn.LSTM(4, 6)
    plain, _ = module(x())
    with pytest.raises(RuntimeError, match="meta"):
        module(x().to("meta"))
    found, _ = module(TwoTensor(x(), 2 * x()))
    torch.testing.assert_close(found.a, plain)
    native = nn.LSTM(4, 6)
    native.engine = "native"
    with pytest.raises(ConfigError, match="plain CPU tensors"):
        native(x().to("meta"))


@pytest.mark.parametrize("sizes", [[2, 3], [0, 3], [2, 2], [1], [3, -1], [3, 0, 1], [1, 2]])
def test_a_packed_sequence_whose_sizes_do_not_fit(sizes):
    with pytest.raises(ValueError, match="batch_sizes"):
        nn.GRU(4, 6)(PackedSequence(x(3, 4), torch.tensor(sizes)))


@pytest.mark.parametrize(
    "change", [torch.Tensor.bfloat16, torch.Tensor.double, lambda t: t[:1].clone()]
)
def test_saved_tensors_that_come_back_as_others(change):
    with torch.autograd.graph.saved_tensors_hooks(change, lambda t: t):
        outputs, _ = nn.LSTM(4, 6)(x())
    with pytest.raises(RuntimeError, match=r"a saved tensor .* was restored as"):
        outputs.sum().backward()


def test_numbers_that_are_negated_when_they_are_read():
    module, given = nn.GRU(4, 6), x().requires_grad_()
    expected, _ = module(-given)
    found, _ = module(torch._neg_view(given))
    assert torch.equal(found, expected)
    flow = x(5, 3, 6)
    (one,) = torch.autograd.grad(expected, given, -flow, retain_graph=True)
    (other,) = torch.autograd.grad(expected, given, torch._neg_view(flow))
    assert torch.equal(one, other)


def test_complex_numbers_are_refused():
    with pytest.raises(ValueError, match="complex64"):
        nn.RNN(4, 6)(x().to(torch.complex64))


def test_a_cell_without_parameters_runs_at_the_level_torch():
    @cell
    def fading(x, h):
        return tanh(h) * 0.5

    module = nn.Recurrent(fading, 3, 3)
    first = x(1, 2, 3)
    outputs, _ = module(x(4, 2, 3), first)
    torch.testing.assert_close(outputs[:1], torch.tanh(first) * 0.5)
    with pytest.raises(ConfigError, match="requires float32 or float64 weights"):
        nn.Recurrent(fading, 3, 3, engine="native")


@pytest.mark.parametrize("size", [3e18, 1e25])
def test_squares_that_overflow_make_no_silent_zeros(size):
    @cell
    def normed(x, h):
        return layer_norm(affine(x)) + 0 * h

    results = []
    for engine in ("torch", "native"):
        module = nn.Recurrent(normed, 3, 3, engine=engine)
        with torch.no_grad():
            module.weight_ih_l0.copy_(torch.eye(3))
            for name in [n for n in module.state_dict() if n.startswith("bias_ih")]:
                getattr(module, name).zero_()
            results.append(module(torch.tensor([[[1.0, -1.0, 2.0]]]) * size)[0])
    assert torch.equal(results[0].isnan(), results[1].isnan())


def test_what_was_looked_up_is_what_the_tokens_were():
    embedding, module = nn.Embedding(10, 64), nn.LSTM(64, 8)
    numbers = np.random.default_rng(0).integers(0, 10, (12, 9))
    expected, _ = module(embedding(torch.from_numpy(numbers.copy())))
    embedded = embedding(torch.from_numpy(numbers))
    numbers[:] = 0  # a buffer that is used for every batch
    assert torch.equal(module(embedded)[0], expected)
    embedded.data = x(12, 9, 64)
    torch.testing.assert_close(module(embedded)[0], module(x(12, 9, 64))[0])


def test_a_stream_takes_one_input_of_its_size_and_is_not_copied():
    stream = nn.LSTM(4, 6).stream()
    for wrong in (0.5, np.zeros(1), np.zeros((1, 4)), np.zeros(5)):
        with pytest.raises(ValueError, match="the input is"):
            stream.step(wrong)
    with pytest.raises(ValueError, match="a state is"):
        stream.states = [[np.zeros(1), np.zeros(6)]]
    with pytest.raises(TypeError, match="create another"):
        copy.deepcopy(stream)
