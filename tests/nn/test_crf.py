"""The CRF against all label sequences written out, and against pytorch-crf."""

import itertools
import re
import runpy
import sys
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from every import assert_near
from ostinato.nn import CRF, Constraints
from ostinato.nn.linear_chain import log_partition, log_partition_plain
from tolerances import FLOAT32, GRADCHECK, ORACLE, SAME

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torchcrf


def case(seed, steps=5, batch=3, labels=3, dtype=torch.float64, spread=1.0):
    """A CRF, emissions, tags and a ragged mask; what stands behind the ends is NaN or wrong."""
    draw = torch.Generator().manual_seed(seed)
    crf = CRF(labels).to(dtype)
    for weight in crf.parameters():
        weight.data = spread * torch.randn(weight.shape, generator=draw, dtype=dtype)
    emissions = spread * torch.randn(steps, batch, labels, generator=draw, dtype=dtype)
    lengths = torch.randint(1, steps + 1, (batch,), generator=draw)
    lengths[torch.randint(batch, (1,), generator=draw)] = steps
    mask = torch.arange(steps)[:, None] < lengths
    tags = torch.randint(labels, (steps, batch), generator=draw)
    return crf, emissions.masked_fill(~mask[..., None], torch.nan), tags.where(mask, 77), mask


def score(crf, emissions, path):
    """s(y) of one sequence, term by term."""
    total = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    for t, label in enumerate(path):
        total = total + emissions[t, label]
    for a, b in itertools.pairwise(path):
        total = total + crf.transitions[a, b]
    return total


@torch.no_grad()
def scores(crf, emissions, length, allowed=lambda path: True):
    """Every label sequence of a length that is allowed, with its score."""
    paths = itertools.product(range(crf.num_tags), repeat=length)
    return {path: score(crf, emissions, path) for path in paths if allowed(path)}


def columns(emissions, mask):
    """The emissions of each sequence, and its length."""
    return [(emissions[:, row], int(n)) for row, n in enumerate(mask.sum(0))]


SEEDS = st.integers(0, 2**31)


@given(seed=SEEDS, steps=st.integers(1, 5), batch=st.integers(1, 4), labels=st.integers(1, 4))
def test_it_equals_the_sum_over_all_sequences(seed, steps, batch, labels):
    crf, emissions, tags, mask = case(seed, steps, batch, labels)
    likelihood = crf(emissions, tags, mask, reduction="none")
    marginals = crf.marginals(emissions, mask)
    best = crf.n_best(emissions, mask, n=7)
    for row, (own, n) in enumerate(columns(emissions, mask)):
        every = scores(crf, own, n)
        total = torch.logsumexp(torch.stack(list(every.values())), 0)
        right = tuple(tags[:n, row].tolist())
        assert_near(likelihood[row], every[right] - total, ORACLE)
        for t, k in itertools.product(range(n), range(labels)):
            share = sum((s - total).exp() for path, s in every.items() if path[t] == k)
            assert_near(marginals[t, row, k], share, ORACLE)
        assert not marginals[n:, row].any()
        ranked = sorted((float(s) for s in every.values()), reverse=True)[:7]
        assert_near([s for s, _ in best[row]], ranked, ORACLE)
        for found, path in best[row]:
            assert_near(found, float(every[tuple(path)]), ORACLE)
        assert len({tuple(path) for _, path in best[row]}) == len(ranked)
    assert crf.decode(emissions, mask) == [paths[0][1] for paths in best]


@settings(max_examples=15)
@given(seed=SEEDS, partial=st.booleans())
def test_its_gradient_is_that_of_the_sum_over_all_sequences(seed, partial):
    crf, emissions, tags, mask = case(seed, steps=4, batch=2)
    if partial:
        tags = tags.masked_fill(torch.rand(tags.shape) < 0.5, -1)
    emissions = emissions.where(mask[..., None], 0).requires_grad_()
    parts = [emissions, *crf.parameters()]
    found = torch.autograd.grad(crf(emissions, tags, mask), parts)
    total = 0
    for row, (own, n) in enumerate(columns(emissions, mask)):
        every = scores.__wrapped__(crf, own, n)
        true = tags[:n, row].tolist()
        agreeing = [
            s
            for path, s in every.items()
            if all(a in (-1, b) for a, b in zip(true, path, strict=True))
        ]
        total = total + torch.logsumexp(torch.stack(agreeing), 0)
        total = total - torch.logsumexp(torch.stack(list(every.values())), 0)
    assert_near(found, torch.autograd.grad(total, parts), ORACLE)


def test_slopes_are_the_gradient():
    crf, emissions, _, mask = case(3, steps=3, batch=2)
    emissions = emissions.where(mask[..., None], 0).requires_grad_()
    weights = [w.detach().clone().requires_grad_() for w in crf._scores()]

    def total(*scores):
        return log_partition(scores[0], mask.sum(0), *scores[1:])

    assert torch.autograd.gradcheck(total, (emissions, *weights), atol=GRADCHECK)


PEERS = [(1, 1, 1), (1, 4, 3), (7, 3, 5), (20, 9, 17)]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("sizes", PEERS)
def test_it_equals_pytorch_crf(sizes, batch_first):
    ours, emissions, tags, mask = case(1, *sizes, dtype=torch.float32)
    theirs = torchcrf.CRF(sizes[2], batch_first)
    theirs.load_state_dict(ours.state_dict())
    ours.batch_first = batch_first
    emissions, tags = emissions.where(mask[..., None], 9), tags.where(mask, 0)
    if batch_first:
        emissions, tags, mask = (x.transpose(0, 1) for x in (emissions, tags, mask))
    for reduction in ("none", "sum", "mean", "token_mean"):
        one, other = (crf(emissions, tags, mask, reduction) for crf in (ours, theirs))
        assert_near(one, other, FLOAT32)
    gradients = []
    for crf in (ours, theirs):
        x = emissions.clone().requires_grad_()
        crf.zero_grad()
        crf(x, tags, mask).backward()
        # Of sequences of one step theirs has no gradient of transitions, where ours is zero.
        weights = [torch.zeros_like(w) if w.grad is None else w.grad for w in crf.parameters()]
        gradients.append([x.grad, *weights])
    assert_near(*gradients, FLOAT32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs asks for a mask in a way that is long deprecated
        assert ours.decode(emissions, mask) == theirs.decode(emissions, mask)
        assert ours.decode(emissions) == theirs.decode(emissions)
        byte = theirs(emissions, tags, mask.byte())
    assert_near(ours(emissions, tags, mask.byte()), byte, FLOAT32)
    assert_near(ours(emissions, tags), theirs(emissions, tags), FLOAT32)
    assert repr(ours) == repr(theirs)


def test_it_refuses_what_pytorch_crf_refuses():
    good = {"emissions": torch.zeros(3, 2, 4), "tags": torch.zeros(3, 2).long()}
    bad = [
        {"emissions": torch.zeros(3, 2)},
        {"emissions": torch.zeros(3, 2, 5)},
        {"tags": torch.zeros(2, 2).long()},
        {"mask": torch.ones(3, 3).bool()},
        {"mask": torch.tensor([[1, 0], [1, 1], [1, 1]]).bool()},
        {"reduction": "max"},
    ]
    for change in bad:
        for crf in (CRF(4), torchcrf.CRF(4)):
            with pytest.raises(ValueError):  # noqa: PT011
                crf(**good | change)
    for kind in (CRF, torchcrf.CRF):
        with pytest.raises(ValueError, match="0"):
            kind(0)
    # What pytorch-crf takes, and what has no meaning here:
    with pytest.raises(ValueError, match="gap"):
        CRF(4)(**good, mask=torch.tensor([[1, 1], [0, 1], [1, 1]]).bool())
    with pytest.raises(ValueError, match="nothing to label"):
        CRF(4).decode(torch.zeros(0, 2, 4))
    with pytest.raises(ValueError, match="n must be at least 1"):
        CRF(4).n_best(good["emissions"], n=0)


def constraints(draw, labels):
    def some(*sizes):
        return torch.rand(sizes, generator=draw) < 0.6

    return Constraints(some(labels), some(labels, labels), some(labels))


@given(seed=SEEDS, n=st.integers(1, 6))
def test_what_is_forbidden_cannot_come_out(seed, n):
    crf, emissions, tags, mask = case(seed, steps=4)
    limits = constraints(torch.Generator().manual_seed(seed), 3)
    limited = CRF(3, constraints=limits).double()
    limited.load_state_dict(crf.state_dict())

    def allowed(path):
        pairs = all(limits.transitions[a, b] for a, b in itertools.pairwise(path))
        return limits.start[path[0]] and limits.end[path[-1]] and pairs

    every = [scores(crf, own, n, allowed) for own, n in columns(emissions, mask)]
    if not all(every):
        with pytest.raises(ValueError, match="allow no sequence"):
            limited.decode(emissions, mask)
        return
    best, marginals = limited.n_best(emissions, mask, n), limited.marginals(emissions, mask)
    total = limited.log_partition(emissions, mask)
    for row, own in enumerate(every):
        assert all(tuple(path) in own for _, path in best[row])
        assert len(best[row]) == min(n, len(own))
        assert_near(best[row][0][0], float(max(own.values())), ORACLE)
        assert_near(total[row], torch.logsumexp(torch.stack(list(own.values())), 0), ORACLE)
        for k in range(3):
            share = sum((s - total[row]).exp() for path, s in own.items() if path[0] == k)
            assert_near(marginals[0, row, k], torch.as_tensor(share).double(), ORACLE)
    legal = all(
        tuple(tags[:length, row].tolist()) in every[row]
        for row, (_, length) in enumerate(columns(emissions, mask))
    )
    if legal:
        assert torch.isfinite(limited(emissions, tags, mask))
    else:
        with pytest.raises(ValueError, match="forbid"):
            limited(emissions, tags, mask)


def test_constraints_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"constraints: end is \(2,\), not \(3,\)"):
        CRF(3, constraints=Constraints(torch.ones(3), torch.ones(3, 3), torch.ones(2)))


def test_constraints_are_not_weights():
    free, limited = CRF(2), CRF(2, constraints=Constraints(*map(torch.ones, (2, (2, 2), 2))))
    assert limited.state_dict().keys() == free.state_dict().keys()
    limited.load_state_dict(free.state_dict())


def test_sets_of_labels_and_unknown_labels_are_one_thing():
    crf, emissions, tags, mask = case(5)
    tags[1, :] = -1
    sets = (torch.arange(3) == tags[..., None]) | (tags < 0)[..., None]
    one, other = (crf(emissions, y, mask, "none") for y in (tags, sets))
    assert_near(one, other, SAME)
    assert_near(crf(emissions, torch.full_like(tags, -1), mask), torch.zeros(()).double(), ORACLE)
    with pytest.raises(ValueError, match="forbid"):
        crf(emissions, torch.zeros(*tags.shape, 3).bool(), mask)


@given(seed=SEEDS, spread=st.sampled_from([1e-3, 1.0, 30.0, 1e3, 1e5]))
def test_the_quick_way_equals_the_plain_one(seed, spread):
    crf, emissions, tags, mask = case(seed, 9, 4, 5, spread=spread)
    emissions = emissions.where(mask[..., None], 0)
    values, slopes = [], []
    for way in (log_partition, log_partition_plain):
        x = emissions.clone().requires_grad_()
        weights = [w.detach().clone().requires_grad_() for w in crf._scores()]
        total = way(x, mask.sum(0), *weights)
        values.append(total / spread)
        slopes.append(torch.autograd.grad(total.sum(), [x, *weights]))
    assert_near(*values, ORACLE)
    assert_near(*slopes, ORACLE * max(1, spread))
    assert torch.isfinite(crf(emissions, tags.where(mask, 0), mask))


def test_what_no_number_is_stays_none():
    crf, emissions, tags, mask = case(0)
    emissions[0, 0, 0] = torch.nan
    assert torch.isnan(crf(emissions, tags, mask))


@pytest.mark.filterwarnings("ignore")  # theirs
def test_the_benchmark_checks_and_prints(monkeypatch, capsys):
    script = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "crf.py"))
    monkeypatch.setattr(sys, "argv", ["crf.py", "--quick"])
    script["main"]()
    assert re.fullmatch(r"\| 4×3×5 (\| \d+\.\d\d ){6}\|", capsys.readouterr().out.splitlines()[2])
    given, theirs = script["case"](4, 3, 5), torchcrf.CRF(5)
    with pytest.raises(SystemExit, match="differ"):
        script["check"](CRF(5), theirs, given)  # other weights
