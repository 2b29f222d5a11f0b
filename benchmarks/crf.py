"""Time of a step of our CRF beside pytorch-crf's: `python benchmarks/crf.py [--quick]`.

Both get the same weights, emissions, labels and masks. First values, gradients and decoded labels
are compared, and where they differ no speed is printed; then both take turns, of which the fastest
counts. One thread.
"""

import sys
import time
import warnings
from functools import partial

import torch

from ostinato.nn import CRF

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its masks are asked for in a way that is long deprecated
    import torchcrf

SIZES = [(30, 32, 9), (30, 32, 17), (60, 32, 17), (30, 32, 50), (20, 200, 17)]
TURNS, CLOSE = 15, 1e-4


def case(steps, batch, labels):
    """Emissions, labels and a mask; lengths from `steps` down to a quarter of it."""
    torch.manual_seed(0)
    lengths = torch.linspace(steps, max(1, steps // 4), batch).long()
    mask = torch.arange(steps)[:, None] < lengths
    return torch.randn(steps, batch, labels), torch.randint(labels, (steps, batch)), mask


def step(crf, emissions, labels, mask):
    """Loss and gradients, as in training."""
    x = emissions.clone().requires_grad_()
    crf.zero_grad()
    loss = -crf(x, labels, mask)
    loss.backward()
    return [loss.detach(), x.grad, *(weight.grad for weight in crf.parameters())]


def check(ours, theirs, given):
    """Exits if the two differ."""
    for one, other in zip(step(ours, *given), step(theirs, *given), strict=True):
        if (one - other).abs().max() > CLOSE * max(1.0, float(other.abs().max())):
            sys.exit("the results differ: no speed is printed")
    if ours.decode(given[0], given[2]) != theirs.decode(given[0], given[2]):
        sys.exit("the decoded labels differ: no speed is printed")


def milliseconds(run):
    """How long a run takes."""
    began = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - began)


def main():
    """Prints the table."""
    quick = "--quick" in sys.argv[1:]
    torch.set_num_threads(1)
    heads = ["steps × sequences × labels"]
    for what in ("loss and gradient", "Viterbi"):
        heads += [f"{what}, ms", "pytorch-crf", "× faster"]
    print(f"| {' | '.join(heads)} |\n| --- |{' ---: |' * 6}")
    for size in [(4, 3, 5)] if quick else SIZES:
        given = case(*size)
        both = [CRF(size[2]), torchcrf.CRF(size[2])]
        both[1].load_state_dict(both[0].state_dict())
        check(*both, given)
        best = [[float("inf")] * 2, [float("inf")] * 2]
        for _ in range(2 if quick else TURNS):
            for k, crf in enumerate(both):
                taken = milliseconds(partial(step, crf, *given))
                best[0][k] = min(best[0][k], taken)
                taken = milliseconds(partial(crf.decode, given[0], given[2]))
                best[1][k] = min(best[1][k], taken)
        cells = [f"{a:.2f} | {b:.2f} | {b / a:.2f}" for a, b in best]
        print(f"| {'×'.join(map(str, size))} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
