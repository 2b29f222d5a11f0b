"""Estimators as scikit-learn's own tools use them.

Its suite of checks gives rows of numbers, which are no texts. Here each row is written as words,
so that what the suite asks of every estimator is asked of classifier and regressor too.
"""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas
import pytest
from order import PERIODIC, SMALL, SMALL_GENERATOR, texts_by_order
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from every import MGU
from ostinato import Classifier, Forecaster, Generator, Regressor, Tagger, Transducer, cells
from ostinato.errors import ConfigError, DataError

TEXTS, LABELS = texts_by_order(60, seed=0)
QUICK = SMALL | {"train": {"epochs": 1}, "baseline": False}


class OfNumbers:
    """Reads rows of numbers, each written as a text of whole numbers by column."""

    def written(self, X, reset=False):
        if isinstance(X, list):
            return X
        rows = np.clip(np.round(validate_data(self, X, reset=reset)), -9, 9).astype(int)
        return [" ".join(f"{k}{v}" for k, v in enumerate(row)) for row in rows]

    def fit(self, X, y=None):
        if y is not None:
            X, y = validate_data(self, X, y)
        return super().fit(self.written(X, reset=True), y)

    def score(self, X, y, sample_weight=None):
        return super().score(self.written(X), y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        tags.input_tags.string = False
        own = tags.classifier_tags or tags.regressor_tags
        own.poor_score = True  # rounded, and one epoch
        return tags


class ClassifierOfNumbers(OfNumbers, Classifier):
    def _logits(self, texts):
        check_is_fitted(self)
        return super()._logits(self.written(texts))


class RegressorOfNumbers(OfNumbers, Regressor):
    def predict(self, texts):
        check_is_fitted(self)
        return super().predict(self.written(texts))


CANNOT = {
    "check_requires_y_none": "a table may hold texts and labels: our message says both",
    "check_array_api_input": "texts are in no array of the array API",
}


@parametrize_with_checks(
    [
        kind(
            "rnn",
            data={"min_count": 1, "validation": 0.2},
            model={"embedding": 4, "hidden": 4, "dropout": 0.0},
            train={"epochs": 1, "threads": 1},
            baseline=False,
        )
        for kind in (ClassifierOfNumbers, RegressorOfNumbers)
    ],
    expected_failed_checks=lambda estimator: CANNOT,
    xfail_strict=None,
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_the_tags_say_that_texts_go_in_and_what_labels_come_out():
    tags = get_tags(Classifier())
    assert tags.estimator_type == "classifier"
    assert tags.target_tags.required
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert not tags.classifier_tags.multi_label
    assert get_tags(Classifier(data={"separator": "|"})).classifier_tags.multi_label
    tags = get_tags(Regressor())
    assert (tags.estimator_type, tags.target_tags.required) == ("regressor", True)
    assert tags.input_tags.string
    assert get_tags(Generator()).input_tags.string
    assert not get_tags(Generator()).target_tags.required


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (lambda y: np.array([10 * (k == "a") - 2 for k in y], np.int16), np.int16),
        (lambda y: [float(k == "a") for k in y], np.float64),
        (lambda y: np.array(y) == "a", np.bool_),
        (lambda y: pandas.Series([int(k == "a") + 9 for k in y]), np.int64),
        (lambda y: np.array(y), np.array(["a"]).dtype),
        (lambda y: pandas.Series(y, dtype="category"), np.array(["a"]).dtype),
    ],
)
def test_labels_come_back_as_they_were_given(given, dtype, tmp_path):
    labels = given(LABELS)
    fitted = Classifier("rnn", **QUICK).fit(TEXTS, labels)
    assert fitted.classes_.dtype == fitted.predict(TEXTS).dtype == dtype
    assert fitted.classes_.tolist() == sorted(set(labels))
    fitted.save(tmp_path / "run")
    again = Classifier.load(tmp_path / "run")
    assert again.classes_.tolist() == fitted.classes_.tolist()
    assert again.predict(TEXTS).tolist() == fitted.predict(TEXTS).tolist()


def test_numbers_are_in_the_order_of_numbers():
    texts = [f"{word} film" for word in ("bad", "good", "fine") for _ in range(4)]
    fitted = Classifier("rnn", **QUICK).fit(texts, [2] * 4 + [10] * 4 + [-1] * 4)
    assert fitted.classes_.tolist() == [-1, 2, 10]
    assert fitted.class_names == ["-1", "2", "10"]
    assert fitted.decision_function(texts).shape == (12, 3)


def test_a_grid_varies_parts_and_single_settings():
    grid = [{"model__hidden": [3, 4]}, {"model": [{"hidden": 5}], "cell": ["gru"]}]
    search = GridSearchCV(Classifier("rnn", **QUICK), grid, cv=2, error_score="raise")
    search.fit(TEXTS, np.array(LABELS))
    assert search.cv_results_["params"] == [
        {"model__hidden": 3}, {"model__hidden": 4}, {"cell": "gru", "model": {"hidden": 5}},
    ]  # fmt: skip
    best = search.best_estimator_
    assert best.model["hidden"] == best.network_.recurrent.hidden_size
    assert search.predict(TEXTS[:3]).shape == (3,)


def test_other_scores_than_accuracy():
    scores = cross_val_score(
        Classifier("rnn", **QUICK), TEXTS, LABELS, cv=2, scoring="neg_log_loss", error_score="raise"
    )
    assert (scores < 0).all()
    area = cross_val_score(
        Classifier("lstm", **SMALL | {"baseline": False}), *texts_by_order(200, seed=0),
        cv=2, scoring="roc_auc", error_score="raise",
    )  # fmt: skip
    assert area.min() > 0.9


def test_a_pipeline_from_a_frame_to_labels():
    frame = pandas.DataFrame({"number": range(60), "body": TEXTS})
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pick = make_column_transformer(("passthrough", ["body"]))
    pipeline = make_pipeline(pick, FunctionTransformer(np.ravel), lower, Classifier("rnn", **QUICK))
    pipeline.set_params(classifier__model__hidden=3)
    assert pipeline[-1].model == SMALL["model"] | {"hidden": 3}
    assert 0 <= cross_val_score(pipeline, frame, LABELS, cv=2, error_score="raise").mean() <= 1


def test_single_settings_are_checked_and_leave_the_rest_and_other_estimators_alone():
    one = Classifier(model={"hidden": 3})
    other = clone(one).set_params(model__hidden=4, model__layers=2, seed=5)
    assert one.model == {"hidden": 3}
    assert (other.model, other.seed) == ({"hidden": 4, "layers": 2}, 5)
    assert clone(other).get_params() == other.get_params()
    assert Classifier().set_params(train__lr=0.1).train == {"lr": 0.1}
    with pytest.raises(ConfigError, match=r"'model__hiden'; did you mean 'model\.hidden'"):
        one.set_params(model__hiden=4)
    with pytest.raises(ConfigError, match="'modle__hidden'"):
        one.set_params(modle__hidden=4)
    with pytest.raises(ValueError, match="Invalid parameter 'tokeniser'"):
        one.set_params(tokeniser="char")


def test_a_generator_is_searched_over_texts():
    grid = {"model__hidden": [4, 8]}
    search = GridSearchCV(
        Generator("rnn", **SMALL_GENERATOR | {"train": {"epochs": 1}}), grid, cv=2,
        error_score="raise",
    ).fit([PERIODIC] * 4)  # fmt: skip
    assert search.best_score_ < 0
    assert search.best_estimator_.model["hidden"] in (4, 8)


ELSEWHERE = """
import pickle, sys
for path in sys.argv[1:]:
    estimator = pickle.load(open(path, "rb"))
    print(estimator.predict_proba(["p a q b", "b"]).tobytes().hex())
"""


@pytest.mark.slow
def test_pickled_it_answers_the_same_to_the_bit_in_another_process(tmp_path):
    options = {"bpe": {"tokenizer": "bpe"}, "members": {"model": SMALL["model"] | {"members": 2}}}
    fitted = {
        name: Classifier(cells.find(MGU), **QUICK | more).fit(TEXTS, LABELS)
        for name, more in options.items()
    }
    for name, estimator in fitted.items():
        estimator.predict(TEXTS)  # by native code, which stays at home
        dumped = pickle.dumps(estimator)
        assert b"\x7fELF" not in dumped
        weights = sum(4 * p.numel() for p in estimator.network_.parameters())
        assert len(dumped) < weights + 50_000
        (tmp_path / name).write_bytes(dumped)
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *(str(tmp_path / name) for name in fitted)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [e.predict_proba(["p a q b", "b"]).tobytes().hex() for e in fitted.values()]
    assert found.stdout.splitlines() == expected


@pytest.mark.parametrize("kind", [Classifier, Generator])
def test_untrained_it_is_pickled_as_its_settings(kind):
    estimator = kind("gru", seed=3, model={"hidden": 4})
    again = pickle.loads(pickle.dumps(estimator))
    assert again.get_params() == estimator.get_params()
    assert not hasattr(again, "network_")


def test_a_trained_generator_is_pickled(generator):
    again = pickle.loads(pickle.dumps(generator))
    assert again.sample("ab", 20, seed=1) == generator.sample("ab", 20, seed=1)
    assert again.score(PERIODIC) == generator.score(PERIODIC)


WORDS = [text.split() for text in TEXTS]
ONE = {"model": {"hidden": 4, "embedding": 4}, "train": {"epochs": 1}}
OTHERS = [
    (Tagger("rnn", **ONE), (WORDS, [[word.upper() for word in words] for words in WORDS])),
    (Transducer("rnn", **ONE), (TEXTS, [text.upper() for text in TEXTS])),
    (Regressor("rnn", **ONE), (TEXTS, [float(len(text)) for text in TEXTS])),
]


@pytest.mark.parametrize(("estimator", "data"), OTHERS)
def test_others_can_be_searched_and_pickled(estimator, data):
    grid = {"model__hidden": [2, 6]}
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(*data)
    best = search.best_estimator_
    assert best.model["hidden"] in (2, 6)
    assert estimator.model["hidden"] == 4
    again = pickle.loads(pickle.dumps(best))
    assert [*again.predict(data[0][:5])] == [*best.predict(data[0][:5])]
    assert again.score(*data) == best.score(*data)


def test_a_forecaster_is_cloned_and_pickled():
    forecaster = Forecaster("rnn", data={"lookback": 8, "horizon": 2}, train={"epochs": 1})
    table = {"load": [10.0 + k % 7 for k in range(100)]}
    one, other = (clone(forecaster).fit(table) for _ in range(2))
    again = pickle.loads(pickle.dumps(one))
    assert np.array_equal(again.predict().values, one.predict().values)
    assert one.score(table) == other.score(table)


@pytest.mark.parametrize("texts", [np.zeros((4, 3)), np.array([["a", "b"]] * 4), np.zeros(())])
def test_numbers_in_place_of_texts_are_refused_in_a_line(classifier, texts):
    for use in (lambda: Classifier().fit(texts, [0, 1] * 2), lambda: classifier.predict(texts)):
        with pytest.raises(DataError, match=r"^an array of shape \(.*\) is not a list of texts"):
            use()


def test_numbers_in_a_row_are_refused(classifier):
    with pytest.raises(DataError, match=r"^row 1: .*0\.0.* is not a text$"):
        classifier.predict(np.zeros(3))
