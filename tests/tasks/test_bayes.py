import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from every import assert_near
from ostinato.errors import ConfigError
from ostinato.tasks.classify.bayes import NaiveBayesLinear, fit_naive_bayes_linear, ngrams_of
from tolerances import FLOAT32

RANDOM = np.random.default_rng(0)
TEXTS = [RANDOM.integers(0, 8, RANDOM.integers(1, 12)) for _ in range(150)]
TARGETS = np.array([int((text == 3).sum() > (text == 4).sum()) for text in TEXTS])


def test_ratios_worked_by_hand():
    """Texts of class 1 that have 1, 2, 3: two, one, none; of class 0: none, one, two. One added."""
    texts = [np.array(text) for text in ([1, 2], [1, 1], [2, 3], [3])]
    model = fit_naive_bayes_linear(texts, np.array([1, 1, 0, 0]), 2, 1, 4)
    assert model.ngrams.tolist() == [1, 2, 3]
    assert_near(model.ratios, np.log([[3.0, 1.0, 1 / 3]]), FLOAT32)
    assert model.log_probabilities(texts).argmax(1).tolist() == [1, 1, 0, 0]


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 4))
def test_ngrams_are_those_that_one_would_cut_out(text, order):
    cut = {tuple(text[i : i + n]) for n in range(1, order + 1) for i in range(len(text) - n + 1)}
    number = {sum(s * 6**k for k, s in enumerate(reversed(g))) for g in cut if 0 not in g}
    assert ngrams_of(np.array(text, np.int64), order, 6).tolist() == sorted(number)
    assert len(number) == sum(0 not in g for g in cut)


def test_probabilities_are_those_of_scikit_learn_on_the_same_features():
    """The formula once more, dense, over features that scikit-learn counted."""
    words = [" ".join("xabcdefgh"[s] for s in text) for text in TEXTS]
    counter = CountVectorizer(
        token_pattern=r"\w", ngram_range=(1, 2), binary=True, min_df=2, stop_words=None
    )
    has = counter.fit_transform(words).toarray()
    has = has[:, ["x" not in name for name in counter.get_feature_names_out()]].astype(float)
    p, q = (has[k == TARGETS].sum(0) + 1 for k in (1, 0))
    x = has * np.log(p / p.sum() / (q / q.sum()))
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    expected = LogisticRegression(C=10.0, max_iter=300).fit(np.float32(x), TARGETS)
    model = fit_naive_bayes_linear(TEXTS, TARGETS, 2, 2, 9)
    assert_near(np.exp(model.log_probabilities(TEXTS)), expected.predict_proba(x), 1e-2)


def test_of_more_classes_each_is_told_from_all_others():
    targets = np.array([min(int(text.max()), 7) // 3 for text in TEXTS])
    model = fit_naive_bayes_linear(TEXTS, targets, 4, 1, 8)
    log = model.log_probabilities(TEXTS)
    assert log.shape == (150, 4)
    assert_near(np.exp(log).sum(1), np.ones(150), FLOAT32)
    assert (log.argmax(1) == targets).mean() > 0.9
    assert not (log.argmax(1) == 3).any()  # no text was of this class


def test_its_tensors_are_all_of_it():
    model = fit_naive_bayes_linear(TEXTS, TARGETS, 2, 3, 8)
    again = NaiveBayesLinear.of_tensors(model.to_tensors(), 3, 8, 2)
    some = [*TEXTS, np.array([0]), np.array([7, 7, 7, 0, 1])]
    assert (again.log_probabilities(some) == model.log_probabilities(some)).all()
    assert again.parameters == model.parameters == len(model.ngrams) + 1


def test_too_many_ngrams_to_count_are_refused():
    with pytest.raises(ConfigError, match=r"model\.linear: 30000 tokens"):
        fit_naive_bayes_linear(TEXTS, TARGETS, 2, 5, 30_000)


def test_where_no_ngram_is_known_the_answer_is_how_often_each_class_is_there():
    texts = [np.array([0]) for _ in range(8)]
    for classes, expected in ((2, [3 / 10, 7 / 10]), (3, None)):
        model = fit_naive_bayes_linear(texts, np.array([0, 0, *[1] * 6]), classes, 2, 9)
        said = np.exp(model.log_probabilities([np.array([0]), np.array([3, 1])]))
        assert model.parameters == classes - (classes == 2)
        assert (said.argmax(1) == 1).all()
        if expected:
            assert_near(said, [expected] * 2, FLOAT32)
