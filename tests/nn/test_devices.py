"""All that a network allocates is made on its own device: results and gradients are the CPU's."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from device import Device, There, from_device, to_device
from every import assert_near, sizes
from ostinato.nn import (
    ATTENTIONS,
    CRF,
    LSTM,
    POOLINGS,
    BigramEmbedding,
    Bridge,
    CharacterEncoder,
    Decoder,
    Embedding,
    Encoder,
    Queries,
    Recurrent,
    Segments,
    attention,
    pooling,
)  # fmt: skip
from tolerances import ORACLE

S, T, B, D, H, V, K = 5, 4, 3, 3, 6, 11, 7
LENGTHS = torch.tensor([2, 4, 1])


def tensors(results):
    return [t for t in torch.utils._pytree.tree_leaves(results) if isinstance(t, torch.Tensor)]


def run(module, call, inputs):
    """Results and gradients, with noise that is the same each time."""
    torch.manual_seed(0)
    results = tensors(call(module, **inputs))
    loss = sum(t.sum() for t in results if t.requires_grad)
    loss.backward()
    return [*results, *(p.grad for p in module.parameters() if p.grad is not None)]


def _wide(value):
    if isinstance(value, list):
        return [_wide(each) for each in value]
    return value.double() if value.is_floating_point() else value


def check(module, call, **inputs):
    """On the device there is what there is on the CPU, and nothing was made elsewhere."""
    module.double()
    inputs = {name: _wide(value) for name, value in inputs.items()}
    other = copy.deepcopy(module)
    expected = run(module, call, inputs)
    with Device() as mode:
        other, given = to_device(other), to_device(inputs)
        mode.elsewhere.clear()
        found = run(other, call, given)
    assert all(isinstance(t, There) for t in found)
    assert mode.elsewhere == []
    assert_near(from_device(found), expected, ORACLE)


@pytest.mark.parametrize("form", ["dense", "lengths", "packed", "single"])
@pytest.mark.parametrize(
    ("name", "engine"), [("gru", "torch"), ("layer_norm_lstm", "auto"), ("lstm", "aten")]
)
def test_recurrent(name, engine, form):
    noise = {"dropout": 0.2, "variational_dropout": 0.2, "zoneout": 0.1}
    noise = noise if engine == "torch" else {}  # engines draw in an order of their own
    module = Recurrent(
        **sizes(name, D, H), num_layers=2, bidirectional=True, engine=engine, **noise
    )
    packed = pack_padded_sequence(torch.randn(T, B, D), LENGTHS, enforce_sorted=False)

    def call(module, x):
        if form == "packed":
            orders = (packed.sorted_indices.to(x.device), packed.unsorted_indices.to(x.device))
            outputs, states = module(PackedSequence(x, packed.batch_sizes, *orders))
            return outputs.data, states
        if form == "single":
            return module(x[:, 0])
        return module(x, lengths=LENGTHS if form == "lengths" else None)

    check(module, call, x=packed.data if form == "packed" else torch.randn(T, B, D))


def test_recurrent_dropout_and_first_states():
    module = LSTM(D, H, batch_first=True, recurrent_dropout=0.3, engine="torch")
    hx = [torch.randn(1, B, H), torch.randn(1, B, H)]
    check(module, lambda m, x, hx: m(x, hx, LENGTHS), x=torch.randn(B, T, D), hx=hx)


@pytest.mark.parametrize("name", POOLINGS)
def test_poolings(name):
    module = nn.ModuleList([pooling(name, H), nn.Linear(D, H)])

    def call(module, x):
        outputs = module[1](x)
        return module[0](outputs, LENGTHS, outputs[-1])

    check(module, call, x=torch.randn(T, B, D))


@pytest.mark.parametrize("feeding", [False, True])
@pytest.mark.parametrize("forcing", [1.0, 0.5])
@pytest.mark.parametrize("name", [*ATTENTIONS, None])
def test_encoder_and_decoder(name, forcing, feeding):
    read = LSTM(D, H // 2, bidirectional=True, engine="torch")
    write = LSTM(2 * D if feeding else D, H, engine="torch")
    attend = attention(name, H, H) if name else None
    module = nn.ModuleDict(
        {
            "encoder": Encoder(Embedding(V, D), read, dropout=0.1),
            "bridge": Bridge(1, [(H, H)] * 2),
            "decoder": Decoder(
                Embedding(V, D), write, attend, H, feeding=feeding, dropout=0.1, readout_dropout=0.1
            ),
        }
    )
    if feeding:
        module["decoder"].readout = nn.Linear(module["decoder"].readout.in_features, D)

    def call(module, source, target):
        encoder, bridge, decoder = module.values()
        outputs, states = encoder(source, LENGTHS)
        memory = decoder.attention.remember(outputs, LENGTHS) if decoder.attention else None
        readouts, weights, carried = decoder(
            target, decoder.start(bridge(states)), memory, LENGTHS, forcing=forcing
        )
        return decoder.logits(readouts), weights, carried.states

    check(module, call, source=torch.randint(V, (S, B)), target=torch.randint(V, (T, B)))


REAL = torch.arange(T)[:, None] < LENGTHS


@pytest.mark.parametrize("what", ["likelihood", "partial", "decode", "n_best", "marginals"])
def test_crf(what):
    module = nn.ModuleList([CRF(K), nn.Linear(D, K)])

    def call(module, x, tags, mask):
        crf, emissions = module[0], module[1](x)
        match what:
            case "likelihood":
                return crf(emissions, tags, mask, "token_mean")
            case "partial":
                return crf(emissions, tags.where(tags > 2, -1), mask)
            case "marginals":
                return crf.marginals(emissions, mask), crf.log_partition(emissions, mask)
            case _:
                found = crf.n_best(emissions, mask, 3 if what == "n_best" else 1)
                scores = [score for paths in found for score, _ in paths]
                return emissions * sum(scores), crf.log_partition(emissions)

    tags = torch.randint(K, (T, B))
    check(module, call, x=torch.randn(T, B, D), tags=tags, mask=REAL)


def test_characters():
    module = CharacterEncoder(Recurrent("gru", D, H).cell, V, D, H, engine="torch")
    words, which = torch.randint(V, (B, T)), torch.tensor([0, 2, 2, 1])
    check(module, lambda m, words, which: m(words, LENGTHS, which), words=words, which=which)


def test_pairs_and_segments():
    module = nn.ModuleList(
        [
            BigramEmbedding(torch.tensor([[1, 2], [3, 4]]).numpy(), V, D),
            Segments(D, 2, H),
            Queries(2, 1, 4, 3, H),
        ]
    )

    def call(module, tokens, steps, known, static):
        return module[0](tokens), module[1](steps), module[2](known, static)

    inputs = {"tokens": torch.randint(5, (T, B)), "steps": torch.randn(B, T + 1, D)}
    inputs |= {"known": torch.randn(2, B, 4), "static": torch.randn(B, 3)}
    check(module, call, **inputs)
