import pytest
import torch

from every import assert_near
from ostinato.errors import UnknownName
from ostinato.nn import POOLINGS, pooling
from results import normal
from tolerances import ORACLE, SAME

LENGTHS = torch.tensor([3, 1, 5, 4])
FEATURES = 6
every_pooling = pytest.mark.parametrize("name", POOLINGS)


def attention(outputs, module):
    scores = [module.score.weight[0] @ torch.tanh(module.hidden(h)) for h in outputs]
    weights = [score.exp() / sum(s.exp() for s in scores) for score in scores]
    return sum(a * h for a, h in zip(weights, outputs, strict=True))


BY_HAND = {
    "last": lambda outputs, last, _: last,
    "max": lambda outputs, last, _: torch.stack([column.max() for column in outputs.T]),
    "mean": lambda outputs, last, _: sum(outputs) / len(outputs),
    "attention": lambda outputs, last, module: attention(outputs, module),
    "first_last": lambda outputs, last, _: torch.cat([outputs[0], outputs[-1]]),
    "max_mean": lambda outputs, last, _: torch.cat([outputs.amax(0), outputs.mean(0)]),
}


def poisoned(fill):
    outputs = normal(6, len(LENGTHS), FEATURES)
    for b, n in enumerate(LENGTHS):
        outputs[n:, b] = fill
    return outputs.requires_grad_()


@every_pooling
@pytest.mark.parametrize("fill", [torch.nan, torch.inf, 1e300, 0.0])
def test_each_sequence_by_hand_and_nothing_of_its_padding(name, fill):
    torch.manual_seed(0)
    module = pooling(name, FEATURES).double()
    last = normal(len(LENGTHS), FEATURES, seed=1).requires_grad_()
    outputs, clean = poisoned(fill), poisoned(0.0)
    leaves = [last, *module.parameters()]

    found = module(outputs, LENGTHS, last)
    expected = torch.stack(
        [BY_HAND[name](clean[:n, b], last[b], module) for b, n in enumerate(LENGTHS)]
    )
    assert found.shape == (len(LENGTHS), module.output_size)
    assert_near(found, expected, ORACLE)

    d = normal(*found.shape, seed=2)
    options = {"allow_unused": True, "materialize_grads": True}
    gradients = torch.autograd.grad((found * d).sum(), [outputs, *leaves], **options)
    wanted = torch.autograd.grad((expected * d).sum(), [clean, *leaves], **options)
    assert_near(gradients, wanted, ORACLE)
    for b, n in enumerate(LENGTHS):
        assert not gradients[0][n:, b].any()


def test_attention_on_padding_is_exactly_zero_and_sums_to_one():
    module = pooling("attention", FEATURES).double()
    weights = module.weights(poisoned(0.0), LENGTHS)
    assert_near(weights.sum(0), torch.ones_like(weights[0]), ORACLE)
    for b, n in enumerate(LENGTHS):
        assert_near(weights[n:, b], torch.zeros_like(weights[n:, b]), SAME)
        assert weights[:n, b].min() > 0


def test_an_unknown_pooling_is_refused():
    with pytest.raises(UnknownName, match="unknown pooling 'maxmean'; did you mean 'max_mean'"):
        pooling("maxmean", FEATURES)
