import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import bucketed, pad, streams
from ostinato.errors import ConfigError, DataError

lengths_lists = st.lists(st.integers(0, 50))
small = st.integers(0, 9)


@given(lengths_lists, st.integers(1, 200), small, small)
def test_every_sequence_once_and_within_the_budget(lengths, tokens, seed, epoch):
    batches = bucketed(lengths, tokens, seed, epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= tokens


def test_the_budget_is_used_to_the_last_token():
    assert sorted(map(len, bucketed([5] * 30, 50, seed=0, epoch=0))) == [10, 10, 10]


def test_order_is_fixed_by_seed_and_epoch():
    lengths = np.random.default_rng(0).integers(1, 100, 3000)

    def order(seed, epoch):
        return [batch.tolist() for batch in bucketed(lengths, 500, seed, epoch)]

    assert order(1, 0) == order(1, 0)
    variants = [order(1, 0), order(1, 1), order(0, 1), order(2, 0)]
    assert all(one != two for i, one in enumerate(variants) for two in variants[:i])
    # Not only the order of the batches: who stands together changes too.
    sets = [{tuple(sorted(batch)) for batch in batches} for batches in variants[:2]]
    assert len(sets[0] & sets[1]) < 0.1 * len(sets[0])


def test_like_lengths_stand_together_but_not_in_order():
    lengths = np.random.default_rng(0).integers(1, 500, 20_000)
    batches = bucketed(lengths, 8_000, seed=0, epoch=0)
    longest = np.array([lengths[batch].max() for batch in batches])
    padded = sum(len(batch) * top for batch, top in zip(batches, longest, strict=True))
    assert padded < 1.03 * lengths.sum()
    # Shuffled: what a batch's length says about the next one's is next to nothing.
    assert abs(np.corrcoef(longest[:-1], longest[1:])[0, 1]) < 0.2


def test_a_budget_below_one_is_refused():
    with pytest.raises(ConfigError, match="tokens"):
        bucketed([1, 2], 0, seed=0, epoch=0)


@given(st.lists(st.lists(st.integers(0, 99))))
def test_pad_keeps_every_value(sequences):
    values, lengths = pad([np.array(sequence, dtype=np.int64) for sequence in sequences])
    assert values.dtype == lengths.dtype == np.int64
    assert values.shape == (len(sequences), max(map(len, sequences), default=0))
    for row, length, sequence in zip(values, lengths, sequences, strict=True):
        assert row[:length].tolist() == sequence
        assert not row[length:].any()


@given(st.integers(0, 60), st.integers(1, 7), st.integers(1, 9))
def test_streams_go_on_and_targets_are_one_ahead(n, batch, steps):
    text = np.arange(n)
    if n <= batch:
        with pytest.raises(DataError, match=f"{n} tokens is too short for {batch} streams"):
            streams(text, batch, steps)
        return
    windows = list(streams(text, batch, steps))
    for inputs, targets in windows:
        assert inputs.shape == targets.shape
        assert inputs.shape[1] == batch
        np.testing.assert_array_equal(targets, inputs + 1)
    assert all(len(inputs) == steps for inputs, _ in windows[:-1])
    assert 1 <= len(windows[-1][0]) <= steps
    # Read down, stream after stream, the inputs are the text, but for fewer than B symbols.
    read = np.concatenate([inputs for inputs, _ in windows]).T.reshape(-1)
    np.testing.assert_array_equal(read, text[: len(read)])
    assert n - 1 - len(read) < batch
