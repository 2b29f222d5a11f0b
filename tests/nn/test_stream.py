import numpy as np
import pytest
import torch

from every import EVERY, short
from ostinato.errors import ConfigError, UnknownName
from ostinato.nn import LSTM, Recurrent


def outputs(stream, x):
    return np.stack([stream.step(one) for one in x[:, 0].numpy()])


@pytest.mark.parametrize("zoneout", [0.0, 0.3])
@pytest.mark.parametrize("name", EVERY, ids=short)
def test_a_stream_gives_what_one_call_gives(name, zoneout):
    options = {"proj_size": 5} if name == "projected_lstm" else {}
    module = Recurrent(name, 5, 9, 2, zoneout=zoneout, dtype=torch.float64, **options).eval()
    x = torch.randn(7, 1, 5, dtype=torch.float64)
    expected, last = module(x)
    stream = module.stream()
    np.testing.assert_allclose(outputs(stream, x), expected[:, 0].detach(), rtol=1e-12, atol=1e-13)
    last = last if isinstance(last, tuple) else (last,)
    for layer, states in enumerate(stream.states):
        for state, wanted in zip(states, last, strict=True):
            np.testing.assert_allclose(state, wanted[layer, 0].detach(), rtol=1e-12, atol=1e-13)


def test_states_can_be_kept_and_brought_back():
    stream, x = LSTM(4, 6, 2).stream(), torch.randn(9, 1, 4)
    whole = outputs(stream, x)
    stream.reset()
    first = outputs(stream, x[:4])
    kept = stream.states
    outputs(stream, torch.randn(3, 1, 4))
    stream.states = kept
    assert np.array_equal(np.concatenate([first, outputs(stream, x[4:])]), whole)


def test_a_stream_keeps_its_weights():
    module, x = LSTM(4, 6), torch.randn(3, 1, 4)
    stream = module.stream()
    before = outputs(stream, x)
    module.weight_hh_l0.data.zero_()
    stream.reset()
    assert np.array_equal(outputs(stream, x), before)
    assert not np.array_equal(outputs(module.stream(), x), before)


@pytest.mark.parametrize(("weights", "bound"), [("bf16", 0.005), ("int8", 0.015)])
@pytest.mark.parametrize("name", ["lstm", "gru", "cho_gru", "peephole_lstm"])
def test_narrow_weights_lose_little(name, weights, bound):
    torch.manual_seed(0)
    module, x = Recurrent(name, 64, 130, 2), torch.randn(60, 1, 64)
    with torch.no_grad():
        exact = module(x)[0][:, 0].numpy()
    error = np.abs(outputs(module.stream(weights), x) - exact).max()
    assert 0 < error < bound


def narrowed(weight, kind):
    """A weight as a stream keeps it: each row is the weights of one unit of one gate."""
    if kind == "bf16":
        return weight.bfloat16().float()
    scale = weight.abs().amax(1, keepdim=True) / 127
    return torch.round(weight / scale) * scale


@pytest.mark.parametrize("kind", ["bf16", "int8"])
@pytest.mark.parametrize(
    ("D", "H", "layers"), [(2, 3, 1), (64, 130, 2), (17, 63, 2), (257, 512, 1)]
)
@pytest.mark.parametrize("name", ["rnn", "lstm", "layer_norm_lstm", "cho_gru"])
def test_narrow_weights_are_the_weights_rounded_and_nothing_else(name, D, H, layers, kind):
    torch.manual_seed(1)
    module, x = Recurrent(name, D, H, layers, engine="torch"), torch.randn(20, 1, D)
    found = outputs(module.stream(kind), x)
    with torch.no_grad():
        for weight in module.parameters():
            if weight.dim() == 2:
                weight.copy_(narrowed(weight, kind))
        np.testing.assert_allclose(found, module(x)[0][:, 0], rtol=1e-4, atol=1e-5)


def test_what_cannot_stream_says_so():
    with pytest.raises(ConfigError, match="bidirectional must be False"):
        LSTM(3, 4, bidirectional=True).stream()
    with pytest.raises(UnknownName, match="did you mean 'int8'"):
        LSTM(3, 4).stream("int4")
    with pytest.raises(ConfigError, match="converted from float32"):
        LSTM(3, 4).double().stream("int8")
    with pytest.raises(ConfigError, match="at least 2 numbers"):
        LSTM(1, 4).stream("bf16")
    broken = LSTM(3, 4)
    broken.weight_ih_l0.data[0, 0] = float("nan")
    with pytest.raises(ConfigError, match="not finite"):
        broken.stream("int8")
    with pytest.raises(ValueError, match="the input is"):
        LSTM(3, 4).stream().step(np.zeros(5))
