import torch
from torch.nn.functional import cross_entropy

from every import assert_near
from ostinato.nn import SampledSoftmax
from tolerances import FLOAT32

V, H = 40, 6
COUNTS = torch.arange(V) ** 2


def layer(seed=0):
    torch.manual_seed(seed)
    return torch.randn(V, H, requires_grad=True), torch.randn(V, requires_grad=True)


def test_with_every_symbol_drawn_it_is_the_cross_entropy():
    weight, bias = layer()
    outputs = torch.randn(5, 3, H, requires_grad=True)
    targets = torch.randint(V, (5, 3))
    found = SampledSoftmax(COUNTS, 5000)(outputs, targets, weight, bias)
    exact = cross_entropy((outputs @ weight.T + bias).flatten(0, 1), targets.flatten())
    assert_near(found, exact, FLOAT32)
    wanted = torch.autograd.grad(exact, [outputs, weight, bias])
    for own, other in zip(torch.autograd.grad(found, [outputs, weight, bias]), wanted, strict=True):
        assert_near(own, other, FLOAT32)


def test_of_few_symbols_the_sum_is_that_of_all_on_average():
    """One target is fixed, the others come as often as they were counted."""
    weight, bias = layer()
    sampled, outputs = SampledSoftmax(COUNTS, 6), torch.randn(1, H).expand(5, H)
    sums = []
    for _ in range(4000):
        others = torch.multinomial(sampled.frequency, 4, replacement=True)
        targets = torch.cat([torch.tensor([2]), others])
        logits, places = sampled.logits(outputs, targets, weight, bias)
        assert_near(logits[0, places[0]], weight[2] @ outputs[0] + bias[2], FLOAT32)
        sums.append(logits[0].detach().exp().sum())
    exact = (weight @ outputs[0] + bias).exp().sum()
    found = torch.stack(sums)
    error = found.std() / len(found) ** 0.5
    assert abs(found.mean() - exact) < 4 * error
    assert error < 0.02 * exact
