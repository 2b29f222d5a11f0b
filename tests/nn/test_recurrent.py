import copy
import io
import pickle
from dataclasses import replace

import pytest
import torch

from every import EVERY, MGU, assert_near, short, sizes
from ostinato import cells
from ostinato.equation import affine, cell, tanh
from ostinato.errors import CellError, ConfigError, UnknownName
from ostinato.nn import GRU, LSTM, RNN, Recurrent
from ostinato.weights.torch import from_torch
from results import normal
from tolerances import SAME

every_cell = pytest.mark.parametrize("name", EVERY, ids=short)


@every_cell
def test_first_weights_are_as_the_cell_says_and_within_one_over_root_h(name):
    module = Recurrent(**sizes(name, 4, 64))
    vectors = cells.find(name).graph.parameters
    for key, weight in module.named_parameters():
        own = vectors.get(key.removesuffix("_l0"))
        low, high = (own and own.init) or (-0.125, 0.125)
        assert weight.min() >= low
        assert weight.max() <= high
        assert low == high or weight.std() > 0.2 * (high - low)


@every_cell
def test_bias_init_sets_the_bias_that_counts_and_no_other(name):
    graph = cells.find(name).graph
    biases = {node.label: node.bias for _, node in graph.affines() if node.bias}

    def start(**bias_init):
        torch.manual_seed(0)
        module = Recurrent(**sizes(name), bidirectional=True, bias_init=bias_init)
        weights = {k: w.detach() for k, w in module.named_parameters()}
        for suffix in ("_l0", "_l0_reverse"):
            own = {k.removesuffix(suffix): w for k, w in weights.items() if k.endswith(suffix)}
            yield from_torch(graph, own)

    for signal, bias in biases.items():
        for plain, started in zip(start(), start(**{signal: 1.5}), strict=True):
            assert_near(started, plain | {bias: torch.full_like(plain[bias], 1.5)}, SAME)


def pickled(module):
    return pickle.loads(pickle.dumps(module))


def saved(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@every_cell
@pytest.mark.parametrize("copied", [copy.deepcopy, pickled, saved])
def test_a_copy_computes_the_same(name, copied):
    module = Recurrent(**sizes(name), num_layers=2, zoneout=0.1, bidirectional=True).eval()
    x = normal(4, 2, 3).float()
    assert_near(copied(module)(x), module(x), SAME)


@pytest.mark.parametrize(
    ("options", "training", "evaluation"),
    [
        ({"cell": "lstm"}, "native", "native"),
        ({"cell": "cho_gru", "zoneout": 0.1}, "native", "native"),
        ({"cell": "lstm", "engine": "native"}, "native", "native"),
        ({"cell": "lstm", "engine": "torch"}, "torch", "torch"),
        ({"cell": "lstm", "engine": "aten"}, "aten", "aten"),
        ({"cell": "lstm", "engine": "aten", "bias": False}, "aten", "aten"),
        ({"cell": "lstm", "dtype": torch.bfloat16}, "aten", "aten"),
        ({"cell": "lstm", "dtype": torch.bfloat16, "recurrent_dropout": 0.5}, "torch", "aten"),
        ({"cell": "lstm", "dtype": torch.bfloat16, "zoneout": 0.1}, "torch", "torch"),
        ({"cell": "cho_gru", "device": "meta"}, "torch", "torch"),
    ],
)
def test_which_level_runs(options, training, evaluation):
    module = Recurrent(input_size=3, hidden_size=4, **options)
    assert (module.level(training=True), module.level(training=False)) == (training, evaluation)


def test_it_says_what_it_is():
    assert repr(LSTM(3, 5, 2, dropout=0.5)) == "LSTM(lstm, 3, 5, num_layers=2, dropout=0.5)"
    assert repr(Recurrent(MGU, 3, 5)) == "Recurrent(mgu, 3, 5)"
    assert (LSTM(3, 5).output_size, LSTM(3, 5, proj_size=2).output_size) == (5, 2)


@cell(sizes={"h": "R"})
def of_other_size(x, h):
    return tanh(affine(x, h, size="R"))


def in_letters(cell, **letters):
    """A cell whose graph has other size letters than `@cell` would take."""
    nodes = tuple(replace(n, size=letters.get(n.size, n.size)) for n in cell.graph.nodes)
    return replace(cell, graph=replace(cell.graph, nodes=nodes))


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"input_size": 0}, ConfigError, "input_size must be at least 1, not 0"),
        ({"hidden_size": -1}, ConfigError, "hidden_size must be at least 1, not -1"),
        ({"num_layers": 0}, ConfigError, "num_layers must be at least 1, not 0"),
        ({"dropout": 1.5}, ConfigError, "dropout must be a probability, not 1.5"),
        ({"variational_dropout": -0.1}, ConfigError, "variational_dropout must be a probability"),
        ({"recurrent_dropout": 2}, ConfigError, "recurrent_dropout must be a probability"),
        ({"dropout": float("nan")}, ConfigError, "dropout must be a probability, not nan"),
        ({"zoneout": -1}, ConfigError, "zoneout must be a probability, not -1"),
        ({"zoneout": {"d": 0.1}}, UnknownName, "unknown state of lstm 'd'"),
        ({"zoneout": {"c": 1.1}}, ConfigError, "zoneout must be a probability"),
        ({"bias_init": {"forget": 1}}, UnknownName, "unknown biased signal of lstm 'forget'"),
        ({"bias_init": {"f": 1}, "cell": "layer_norm_lstm"}, UnknownName, "biased signal"),
        ({"engine": "attn"}, UnknownName, "unknown engine 'attn'; did you mean 'aten'"),
        ({"engine": "numpy"}, UnknownName, "unknown engine 'numpy'"),
        ({"cell": "lsmt"}, UnknownName, "unknown cell 'lsmt'; did you mean 'lstm'"),
        ({"cell": "own.py:lstm"}, CellError, "own.py: no such file"),
        ({"cell": "cho_gru", "engine": "aten"}, ConfigError, "'aten' does not have cell 'cho_gru'"),
        ({"engine": "aten", "zoneout": 0.1}, ConfigError, "'lstm' with noise on its states"),
        ({"engine": "aten", "recurrent_dropout": 0.1}, ConfigError, "with noise on its states"),
        ({"proj_size": 2}, ConfigError, "'lstm' has no use for proj_size"),
        ({"cell": "projected_lstm"}, ConfigError, "'projected_lstm' needs proj_size"),
        ({"cell": "projected_lstm", "proj_size": 5}, ConfigError, "must be smaller than hidden_s"),
        (
            {"cell": in_letters(of_other_size, R="P")},
            ConfigError,
            "'of_other_size' has states of size P",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, says):
    with pytest.raises(error, match=says):
        Recurrent(**{"cell": "lstm", "input_size": 3, "hidden_size": 5} | options)


def test_an_unknown_nonlinearity_is_refused():
    with pytest.raises(UnknownName, match="unknown nonlinearity 'tan'; did you mean 'tanh'"):
        RNN(3, 5, nonlinearity="tan")


BATCH = torch.zeros(4, 2, 3)
PACKED = torch.nn.utils.rnn.pack_sequence([torch.zeros(4, 3), torch.zeros(2, 3)])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"input": BATCH[0, 0]}, "must have 2 or 3 dimensions, not 1"),
        ({"input": BATCH[None]}, "must have 2 or 3 dimensions, not 4"),
        ({"input": BATCH[..., :2]}, "the input has 2 features, not 3"),
        ({"input": BATCH[:0]}, "2 sequences of 0 steps; there is nothing to read"),
        ({"lengths": [0, 4]}, "lengths must be between 1 and 4, the number of steps"),
        ({"lengths": [5, 4]}, "lengths must be between 1 and 4, the number of steps"),
        ({"lengths": [2.0, 4.0]}, "lengths must be 2 integers"),
        ({"lengths": [True, True]}, "lengths must be 2 integers"),
        ({"lengths": [1, 2, 3]}, "lengths must be 2 integers, one for each sequence"),
        ({"input": PACKED, "lengths": [4, 2]}, "a PackedSequence has its own lengths"),
        ({"hx": torch.zeros(1, 2, 5)}, r"hx must contain 2 states \(h, c\)"),
        ({"hx": [torch.zeros(1, 2, 5), torch.zeros(1, 2, 4)]}, r"hx: state c is \(1, 2, 4\), not"),
        ({"hx": [torch.zeros(1, 1, 5), torch.zeros(1, 2, 5)]}, r"hx: state h is \(1, 1, 5\), not"),
        ({"hx": [torch.zeros(2, 5), torch.zeros(2, 5)]}, r"hx: state h is \(2, 5\), not \(1, 2, 5"),
    ],
)
def test_shapes_and_lengths_that_do_not_fit_are_refused(given, says):
    with pytest.raises(ValueError, match=says):
        LSTM(3, 5)(**{"input": BATCH} | given)


def test_a_cell_with_one_state_takes_and_gives_a_tensor():
    module = GRU(3, 5)
    _, state = module(BATCH, torch.zeros(1, 2, 5))
    assert isinstance(state, torch.Tensor)
    assert_near(module(BATCH, (torch.zeros(1, 2, 5),))[1], state, SAME)


def test_memory_of_a_call_in_inference_mode_serves_one_outside_of_it():
    module, x = Recurrent("min_gru", 3, 5), torch.randn(300, 2, 3)
    with torch.inference_mode():
        expected = module(x)[0][:7].clone()
    with torch.no_grad():
        torch.testing.assert_close(module(x[:7])[0], expected)
    module(x[:7])[0].sum().backward()
