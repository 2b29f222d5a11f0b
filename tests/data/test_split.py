from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import split_blocks
from ostinato.errors import ConfigError

shares = st.floats(0.01, 0.99)


@given(st.lists(st.sampled_from("abc")), shares, st.integers(0, 99), st.integers(2, 25))
def test_every_index_once_and_every_class_on_both_sides(labels, share, seed, blocks):
    rest, held = split_blocks(labels, share, seed, blocks)
    assert sorted([*rest, *held]) == list(range(len(labels)))
    kept, out = Counter(labels[i] for i in rest), Counter(labels[i] for i in held)
    for label, count in Counter(labels).items():
        assert kept[label] >= 1
        assert (out[label] >= 1) == (count >= 2)


@given(st.lists(st.sampled_from("ab"), min_size=60, max_size=200), shares, st.integers(0, 99))
def test_whole_blocks_are_held_out(labels, share, seed):
    _, held = split_blocks(labels, share, seed, blocks=5)
    for label in set(labels):
        items = [i for i, other in enumerate(labels) if other == label]
        if len(items) < 5:
            continue
        # The oracle: five blocks, the first of which are longer by one.
        size, longer = divmod(len(items), 5)
        ends = [size * (n + 1) + min(n + 1, longer) for n in range(5)]
        blocks = [set(items[a:b]) for a, b in zip([0, *ends], ends, strict=False)]
        chosen = [block for block in blocks if block & set(held)]
        assert set(held) & set(items) == set().union(*chosen)
        assert abs(len(chosen) - 5 * share) <= 0.5 or len(chosen) in (1, 4)


def test_the_share_is_met_in_each_class():
    labels = ["neg"] * 1000 + ["pos"] * 200
    _, held = split_blocks(labels, 0.2, seed=3)
    assert Counter(labels[i] for i in held) == {"neg": 200, "pos": 40}


def test_the_seed_fixes_everything():
    labels = ["neg", "pos"] * 100
    first, again, other = (split_blocks(labels, 0.2, seed) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert set(first[1]) != set(other[1])


def test_the_order_carries_no_class_runs():
    labels = ["neg"] * 500 + ["pos"] * 500
    for indices in split_blocks(labels, 0.2, seed=0):
        changes = sum(labels[i] != labels[j] for i, j in pairwise(indices))
        assert changes > 0.4 * len(indices)


@pytest.mark.parametrize("share", [0, 1, -0.1, 20, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ConfigError, match="share"):
        split_blocks(["a", "b"], share, seed=0)


def test_one_block_cannot_be_split():
    with pytest.raises(ConfigError, match="blocks"):
        split_blocks(["a", "b"], 0.5, seed=0, blocks=1)
