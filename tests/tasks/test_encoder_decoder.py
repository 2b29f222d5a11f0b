"""Encoder, bridge and decoder against PyTorch's own LSTM, wired by hand, sequence by sequence."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from every import EVERY, assert_near, short
from ostinato import cells
from ostinato.nn import ATTENTIONS, Embedding, Encoder, Recurrent
from ostinato.tasks.transduce.network import (
    TransduceBatch,
    TransduceNetwork,
    TransduceNetworkSettings,
)
from tolerances import FLOAT32, ORACLE, SAME

SOURCE, STEPS = torch.tensor([4, 1, 6]), torch.tensor([3, 5, 2])
V, W = 7, 5
SMALL = {"embedding": 6, "hidden": 8, "layers": 2, "dropout": 0.0}


def network(cell="lstm", **settings):
    torch.manual_seed(0)
    made = TransduceNetwork(cells.find(cell), TransduceNetworkSettings(**SMALL | settings), V, W)
    return made.double().eval()


def batch(fill):
    """Sources and targets whose padding is `fill`."""
    draw = torch.Generator().manual_seed(1)
    source = torch.randint(0, V, (6, 3), generator=draw)
    given = torch.randint(0, W + 1, (5, 3), generator=draw)
    for b in range(3):
        source[SOURCE[b] :, b] = fill
        given[STEPS[b] :, b] = fill
    return source, given


def logits_of(made, *batch):
    return made(TransduceBatch(*batch)).logits


def by_hand(made, source, given):
    """Logits (T, W+1) of one pair, without padding, with PyTorch's layers and the papers' words."""
    width, both = made.recurrent.hidden_size, made.recurrent.bidirectional
    encoder = nn.LSTM(6, width, 2, bidirectional=both).double()
    weights = dict(made.recurrent.named_parameters())
    memory, last = functional_call(encoder, weights, (made.encoder.embedding.weight[source],))
    states = []
    for k, state in enumerate(last):
        layers = [torch.cat(list(pair)) for pair in state.split(2 if both else 1)]
        maps = made.bridge.maps[2 * k : 2 * k + 2] if made.bridge else [lambda s: s] * 2
        states.append(torch.stack([f(s) for f, s in zip(maps, layers, strict=True)]))
    if not made.bridged:
        states = [torch.zeros_like(s) for s in states]
    decoder = made.decoder
    recurrent = nn.LSTM(decoder.recurrent.input_size, 8, 2).double()
    weights = dict(decoder.recurrent.named_parameters())
    table = decoder.embedding.weight
    fed, logits = torch.zeros(6).double(), []
    for symbol in given:
        x = torch.cat([table[symbol], fed]) if decoder.feeding else table[symbol]
        h, states = functional_call(recurrent, weights, (x[None], tuple(states)))
        seen = h[0]
        if decoder.attention:
            keys = decoder.attention.keys(memory[None])
            a = decoder.attention.scores(h[None], keys).softmax(-1)[0, 0]
            seen = torch.cat([a @ memory, seen])
        fed = torch.tanh(decoder.readout(seen))
        output = table if decoder.weight is None else decoder.weight
        logits.append(output @ fed + decoder.bias)
    return torch.stack(logits)


WIRINGS = [
    *({"attention": name} for name in (*ATTENTIONS, "none")),
    {"input_feeding": True},
    {"tied": True, "bridge": "copy"},
    {"bidirectional": False, "bridge": "none", "attention": "additive"},
]


@pytest.mark.parametrize("settings", WIRINGS, ids=str)
@pytest.mark.parametrize("fill", [0, W])
def test_a_padded_batch_is_each_pair_alone_wired_by_hand(settings, fill):
    made, (source, given) = network(**settings), batch(fill)
    logits = logits_of(made, source, SOURCE, given, STEPS)
    alone = [
        by_hand(made, source[: SOURCE[b], b], given[: STEPS[b], b]) for b in range(len(SOURCE))
    ]
    # Logits come step after step, as real steps are true in (T, B).
    expected = torch.stack([alone[b][t] for t in range(5) for b in range(3) if t < STEPS[b]])
    assert_near(logits, expected, ORACLE)
    leaves = list(made.parameters())
    loss, wanted = (x.logsumexp(-1).sum() for x in (logits, expected))
    options = {"allow_unused": True, "materialize_grads": True}
    assert_near(
        torch.autograd.grad(loss, leaves, **options),
        torch.autograd.grad(wanted, leaves, **options),
        ORACLE,
    )


@pytest.mark.parametrize("cell", EVERY, ids=short)
def test_any_cell_encodes_and_decodes_and_padding_does_not_matter(cell):
    projected = "R" in cells.find(cell).graph.sizes.values()
    made = network(cell, projection=4 * projected)
    one, other = (logits_of(made, batch(fill)[0], SOURCE, batch(fill)[1], STEPS) for fill in (0, 3))
    assert_near(one, other, SAME)
    source, given = batch(0)
    for b in range(3):
        n, t = SOURCE[b : b + 1], STEPS[b : b + 1]
        alone = logits_of(made, source[:n, b : b + 1], n, given[:t, b : b + 1], t)
        rows = [row for step in range(5) for row in range(3) if step < STEPS[row]]
        assert_near(one[torch.tensor(rows) == b], alone, ORACLE)


def test_the_encoders_states_are_those_after_the_last_real_symbol():
    torch.manual_seed(0)
    encoder = Encoder(Embedding(V, 4), Recurrent("gru", 4, 3, 2, bidirectional=True))
    source, _ = batch(2)
    outputs, (states,) = encoder(source, SOURCE)
    for b, n in enumerate(SOURCE):
        alone, (state,) = encoder(source[:n, b : b + 1], SOURCE[b : b + 1])
        assert_near(outputs[:n, b : b + 1], alone, FLOAT32)
        assert not outputs[n:, b].any()
        assert_near(states[:, b : b + 1], state, FLOAT32)
        assert_near(states[1, b], torch.cat([outputs[n - 1, b, :3], outputs[0, b, 3:]]), FLOAT32)


@pytest.mark.parametrize("settings", [{}, {"input_feeding": True}], ids=str)
def test_steps_one_by_one_are_the_sequence_at_once(settings):
    made, (source, given) = network(**settings), batch(0)
    first, memory, _ = made(TransduceBatch(source, SOURCE))
    together, weights, _ = made.decoder(given, first, memory)
    before = first
    for t in range(5):
        readout, seen, before = made.decoder(given[t : t + 1], before, memory)
        assert_near(readout[0], together[t], ORACLE)
        assert_near(seen[:, 0], weights[:, t], ORACLE)


def test_without_forcing_a_step_reads_the_most_probable_symbol_before():
    made, (source, given) = network(), batch(0)
    first, memory, _ = made(TransduceBatch(source, SOURCE))
    free, _, _ = made.decoder(given, first, memory, forcing=0.0)
    own = given[:1]
    for _ in range(4):
        readouts, _, _ = made.decoder(own, first, memory)
        own = torch.cat([given[:1], made.decoder.logits(readouts).argmax(-1)])
    readouts, _, _ = made.decoder(own, first, memory)
    assert_near(free, readouts, ORACLE)
    assert not torch.equal(own, given)
    torch.manual_seed(3)
    mixed, _, _ = made.decoder(given, first, memory, forcing=0.5)
    torch.manual_seed(3)
    again, _, _ = made.decoder(given, first, memory, forcing=0.5)
    assert_near(mixed, again, SAME)
