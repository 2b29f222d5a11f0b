import numpy as np
import pytest

from ostinato.data.symbols.cooccurrence import SMOOTHING, WINDOW, ppmi_vectors


def random_texts(seed=0, symbols=8, texts=5, length=30):
    random = np.random.default_rng(seed)
    return [random.integers(0, symbols, length) for _ in range(texts)]


def ppmi(texts, symbols):
    """Counted pair by pair."""
    counts = np.zeros((symbols, symbols))
    for text in texts:
        for i, word in enumerate(text):
            for j, context in enumerate(text):
                if i != j and abs(i - j) <= WINDOW and word and context:
                    counts[word, context] += 1 / abs(i - j)
    words = counts.sum(1)
    contexts = words**SMOOTHING / (words**SMOOTHING).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts / (words[:, None] * contexts))
    return np.where(counts > 0, np.maximum(information, 0), 0)


def test_products_of_vectors_are_those_of_the_whole_decomposition():
    texts = random_texts()
    u, s, _ = np.linalg.svd(ppmi(texts, 8))
    found = ppmi_vectors(texts, 8, 7, seed=0)
    expected = (u[:, :7] * s[:7]) @ u[:, :7].T
    expected *= (found @ found.T).trace() / expected.trace()  # their scale is their own
    np.testing.assert_allclose(found @ found.T, expected, atol=1e-4)
    assert (found**2).mean() == pytest.approx(1)


def test_words_of_like_company_are_alike():
    a, b, c, d = 1, 2, 3, 4
    texts = [np.array([c, a, c]), np.array([c, b, c]), np.array([d, d, d])] * 5
    vectors = ppmi_vectors(texts, 5, 3, seed=0)
    unit = vectors[1:] / np.linalg.norm(vectors[1:], axis=1, keepdims=True)
    assert unit[a - 1] @ unit[b - 1] > 0.99
    assert abs(unit[a - 1] @ unit[d - 1]) < 0.1


@pytest.mark.parametrize("texts", [[], [np.array([1])], [np.array([0, 0, 0])]])
def test_without_neighbours_there_is_nothing_to_say(texts):
    assert not ppmi_vectors(texts, 4, 3, seed=0).any()


def test_more_features_than_symbols_and_the_same_seed():
    texts = random_texts(1, symbols=4)
    found = ppmi_vectors(texts, 4, 6, seed=3)
    assert found.shape == (4, 6)
    assert not found[:, 3:].any()
    assert np.array_equal(found, ppmi_vectors(texts, 4, 6, seed=3))
