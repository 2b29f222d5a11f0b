import pytest
from order import SMALL, texts_by_order

from ostinato import Classifier
from ostinato.errors import DataError
from ostinato.tasks import classify

TEXTS, LABELS = texts_by_order(40, seed=0)
QUICK = SMALL | {"train": {"epochs": 1}}


@pytest.fixture
def fit_with(tmp_path):
    """Fits with extra texts from a file of these lines."""

    def fit(*lines):
        file = tmp_path / "extra.csv"
        file.write_text("\n".join(["text,label", *lines]))
        data = QUICK["data"] | {"extra": str(file)}
        return Classifier("gru", baseline=False, **QUICK | {"data": data}).fit(TEXTS, LABELS)

    return fit


def test_extra_texts_are_learnt_from_and_never_held_out(fit_with, monkeypatch):
    sizes, made = [], classify.ClassifyLearner

    def spy(network, settings, training, validation, weights):
        sizes.append((len(training[0]), validation[1].tolist()))
        return made(network, settings, training, validation, weights)

    monkeypatch.setattr(classify, "ClassifyLearner", spy)
    Classifier("gru", baseline=False, **QUICK).fit(TEXTS, LABELS)
    fitted = fit_with(*["zebra zebra p,a"] * 30)
    (before, held), (after, still_held) = sizes
    assert after == before + 30
    assert held == still_held
    assert "zebra" in fitted.vocabulary_.symbols


def test_extra_texts_of_another_class_are_refused(fit_with):
    with pytest.raises(DataError, match=r"extra\.csv"):
        fit_with("p q,c")


def test_extra_texts_of_a_source_with_other_classes_are_refused():
    data = QUICK["data"] | {"extra": "film-sentences"}
    with pytest.raises(DataError, match="film-sentences: its label 'neg' is none of a, b"):
        Classifier("gru", **QUICK | {"data": data}).fit(TEXTS, LABELS)
