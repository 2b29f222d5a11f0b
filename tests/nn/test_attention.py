import pytest
import torch

from every import assert_near
from ostinato.errors import ConfigError, UnknownName
from ostinato.nn import ATTENTIONS, attention
from results import normal
from tolerances import ORACLE

LENGTHS = torch.tensor([3, 1, 5, 4])
Q, K, T, S = 4, 6, 3, 6
every_attention = pytest.mark.parametrize("name", ATTENTIONS)


def made(name):
    torch.manual_seed(0)
    return attention(name, Q, Q if name == "dot" else K).double()


def score(module, q, h):
    """A score as its paper writes it."""
    match type(module).__name__:
        case "Dot":
            return q @ h
        case "General":
            return q @ (module.key.weight @ h)
        case "Additive":
            inner = module.query.weight @ q + module.query.bias + module.key.weight @ h
            return module.score.weight[0] @ torch.tanh(inner)


def outputs(name, fill):
    found = normal(S, len(LENGTHS), Q if name == "dot" else K, seed=1)
    for b, n in enumerate(LENGTHS):
        found[n:, b] = fill
    return found.requires_grad_()


@every_attention
@pytest.mark.parametrize("fill", [torch.nan, torch.inf, 1e300, 0.0])
def test_each_context_by_hand_and_nothing_of_the_padding(name, fill):
    module, queries = made(name), normal(T, len(LENGTHS), Q).requires_grad_()
    poisoned, clean = outputs(name, fill), outputs(name, 0.0)
    contexts, weights = module(queries, module.remember(poisoned, LENGTHS))
    expected, wanted = torch.zeros_like(contexts), torch.zeros(len(LENGTHS), T, S).double()
    for b, n in enumerate(LENGTHS):
        for t in range(T):
            scores = torch.stack([score(module, queries[t, b], h) for h in clean[:n, b]])
            a = scores.exp() / scores.exp().sum()
            wanted[b, t, :n] = a
            expected[t, b] = a @ clean[:n, b]
    assert_near(contexts, expected, ORACLE)
    assert_near(weights, wanted, ORACLE)
    for b, n in enumerate(LENGTHS):
        assert (weights[b, :, n:] == 0).all()
        assert (weights[b, :, :n] > 0).all()

    d = normal(*contexts.shape, seed=2)
    options = {"allow_unused": True, "materialize_grads": True}
    leaves = [queries, *module.parameters()]
    gradients = torch.autograd.grad((contexts * d).sum(), [poisoned, *leaves], **options)
    wanted = torch.autograd.grad((expected * d).sum(), [clean, *leaves], **options)
    assert_near(gradients, wanted, ORACLE)
    for b, n in enumerate(LENGTHS):
        assert not gradients[0][n:, b].any()


def test_sizes_that_a_dot_product_cannot_bring_together_are_refused():
    with pytest.raises(
        ConfigError, match=r"'dot' requires the same size .* not 4 and 6; use 'general'"
    ):
        attention("dot", 4, 6)


def test_an_unknown_attention_is_refused():
    with pytest.raises(UnknownName, match="unknown attention 'generel'; did you mean 'general'"):
        attention("generel", Q, K)
