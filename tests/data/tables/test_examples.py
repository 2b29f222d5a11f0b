import pytest

from ostinato.data import Examples

TWO = Examples(["good", "bad"], ["pos", "neg"])


def test_select_keeps_text_and_label_together():
    assert TWO.select([1, 0, 1]) == Examples(["bad", "good", "bad"], ["neg", "pos", "neg"])
    assert len(TWO.select([])) == 0


def test_fingerprint_tells_every_difference():
    variants = [
        TWO,
        TWO.select([1, 0]),
        Examples(["goodbad", ""], ["pos", "neg"]),
        Examples(["good", "bad"], ["neg", "pos"]),
        Examples(["good", "bad", "pos"], ["neg", "x", "y"]),
        Examples([], []),
    ]
    assert len({each.fingerprint() for each in variants}) == len(variants)
    assert TWO.fingerprint() == Examples(["good", "bad"], ["pos", "neg"]).fingerprint()
    assert len(TWO.fingerprint()) == 64


def test_a_text_without_label_is_refused():
    with pytest.raises(ValueError, match="2 texts but 1 labels"):
        Examples(["good", "bad"], ["pos"])
