import pytest
import torch

from every import EVERY, assert_near, short
from ostinato import nn
from ostinato.nn import Embedding, Recurrent, embedding
from tolerances import ORACLE


@pytest.fixture
def found(monkeypatch):
    """Whether tokens were told apart, for each call."""
    seen = []
    distinct = embedding.Lookup.distinct

    def watched(self):
        seen.append(distinct(self))
        return seen[-1]

    monkeypatch.setattr(embedding.Lookup, "distinct", watched)
    return seen


def passes(table, module, tokens, lengths, change=lambda x: x):
    outputs, _ = module(change(table(tokens)), lengths=lengths)
    random = torch.Generator().manual_seed(0)
    outputs.backward(torch.randn(outputs.shape, generator=random, dtype=outputs.dtype))
    weights = [*table.parameters(), *module.parameters()]
    results = [outputs.detach(), *(w.grad for w in weights)]
    for w in weights:
        w.grad = None
    return results


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("symbols", [11, 300], ids=["alphabet", "words"])
@pytest.mark.parametrize("name", EVERY, ids=short)
def test_distinct_tokens_give_what_all_tokens_give(name, symbols, threads, found):
    module = Recurrent(
        name, 97, 9, 2, batch_first=symbols > 11, bidirectional=True, dtype=torch.float64,
        proj_size=5 * (name == "projected_lstm"),
    )  # fmt: skip
    table = Embedding(symbols, 97, dtype=torch.float64)
    lengths = [30, 1, 17, 30, 2, 9, 8, 7] * 3
    shape = (24, 30) if symbols > 11 else (30, 24)
    tokens = torch.randint(symbols, shape) // 3
    torch.set_num_threads(threads)
    try:
        ours = passes(table, module, tokens, lengths)
        plain = passes(table, module, tokens, lengths, change=lambda x: x * 1)
    finally:
        torch.set_num_threads(1)
    assert [f is not None for f in found] == [True]
    for a, b in zip(ours, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "change",
    [lambda x: x * 2, lambda x: x.mul_(2), lambda x: x.detach() + 0, torch.relu],
    ids=["times", "in place", "plus", "relu"],
)
def test_whatever_happens_to_the_result_counts(change, found):
    table, module = Embedding(5, 64), Recurrent("gru", 64, 3)
    tokens = torch.randint(5, (40, 8))
    expected, _ = module(change(table(tokens).clone()))
    outputs, _ = module(change(table(tokens)))
    assert found == []
    torch.testing.assert_close(outputs, expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("symbols", "features", "shape"),
    [(5, 39, (40, 8)), (5, 64, (1, 1)), (100_000, 64, (40, 8))],
    ids=["narrow", "one token", "all differ"],
)
def test_where_it_saves_too_little_all_goes_the_usual_way(symbols, features, shape, found):
    table, module = Embedding(symbols, features), Recurrent("gru", features, 3)
    module(table(torch.randperm(symbols)[: shape[0] * shape[1]].resize_(shape) % symbols))
    assert found == [None]


@pytest.mark.parametrize("options", [{"padding_idx": 0}, {"max_norm": 1.0}, {"sparse": True}])
def test_a_table_with_rules_of_its_own_is_not_traced(options):
    assert embedding.lookup_of(Embedding(5, 64, **options)(torch.tensor([1]))) is None


def test_second_derivatives_go_through_the_table():
    table = Embedding(4, 41, dtype=torch.float64)
    module = Recurrent("lstm", 41, 3, dtype=torch.float64)
    tokens = torch.randint(4, (6, 5))

    def loss(weight):
        table.weight = torch.nn.Parameter(weight, requires_grad=False)
        del table._parameters["weight"]
        table.weight = weight
        return module(table(tokens))[0].sum()

    weight = torch.randn(4, 41, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(loss, weight, fast_mode=True)


def through_data(x):
    x.data[3, 1] = 2.5


def through_numpy(x):
    x.detach().numpy()[::2] *= -1.5


def through_data_ptr(x):
    x.data.set_(x.data.roll(1, 0))


def without_gradients(x):
    with torch.no_grad():
        x[3].mul_(3)


def out_of_another(x):
    with torch.no_grad():
        torch.add(x, 1.0, out=x)


def through_a_view(x):
    x.detach().view(-1)[7] = 4.0


def all_alike(x):
    x.data.fill_(0.5)


EDITS = [
    through_data, through_numpy, through_data_ptr, without_gradients, out_of_another,
    through_a_view, all_alike,
]  # fmt: skip
COUNTED = (
    without_gradients,
    out_of_another,
    through_a_view,
)  # PyTorch refuses these after the fact


WHEN = [("before", e) for e in EDITS] + [("after", e) for e in EDITS if e not in COUNTED]


@pytest.mark.parametrize(("when", "edit"), WHEN)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_whoever_writes_into_the_result_gets_what_torch_gives(kind, when, edit):
    tokens = torch.randint(5, (40, 8), generator=torch.Generator().manual_seed(1))

    def run(library):
        torch.manual_seed(0)
        table = library.Embedding(5, 64, dtype=torch.float64)
        module = getattr(library, kind)(64, 3, bidirectional=True, dtype=torch.float64)
        x = table(tokens)
        if when == "before":
            edit(x)
        outputs, _ = module(x)
        loss = outputs.sin().sum()
        if when == "after":
            edit(x)
        loss.backward()
        return [outputs, *(w.grad for w in (*table.parameters(), *module.parameters()))]

    assert_near(run(nn), run(torch.nn), ORACLE)


def test_a_parametrized_table_is_made_once():
    class Halved(torch.nn.Module):
        count = 0

        def forward(self, weight):
            self.count += 1
            return weight / 2

    table, module, halved = Embedding(5, 64), Recurrent("gru", 64, 3), Halved()
    torch.nn.utils.parametrize.register_parametrization(table, "weight", halved)
    halved.count = 0
    module(table(torch.randint(5, (40, 8))))[0].sum().backward()
    assert halved.count == 1
    assert table.parametrizations.weight.original.grad.abs().sum() > 0
