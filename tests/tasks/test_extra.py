import pytest
from order import SMALL, texts_by_order

from ostinato import Classifier
from ostinato.data import split_blocks
from ostinato.errors import ConfigError, DataError, RunError
from ostinato.tasks.classify import prepare as classify
from ostinato.tasks.classify.held_out import ClassifyHeldOut
from ostinato.train import Run

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

    def spy(model, training, validation, weights):
        sizes.append((len(training[0].lengths), validation[1].tolist()))
        return made(model, training, validation, weights)

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
    with pytest.raises(DataError, match="film-sentences: its label 'neg' is not one of a, b"):
        Classifier("gru", **QUICK | {"data": data}).fit(TEXTS, LABELS)


def test_a_report_counts_what_was_held_out_and_no_text_that_was_learnt_from(tmp_path):
    """Also beside extra texts; and these are no judge at all."""
    own, more = tmp_path / "own.csv", tmp_path / "more.csv"
    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    own.write_text("\n".join(["text,label", *rows]))
    more.write_text("\n".join(["text,label", *rows[:9]]))
    data = QUICK["data"] | {"extra": str(more)}
    classifier = Classifier("gru", baseline=False, **QUICK | {"data": data})
    run = Run.create(tmp_path / "run")
    classifier.fit(TEXTS, LABELS, run=run)
    _, held = split_blocks(LABELS, classifier.settings().data.validation, 0)
    assert len(ClassifyHeldOut.read(str(own), classifier, run)) == len(held)
    with pytest.raises(ConfigError, match="was trained on all of"):
        ClassifyHeldOut.read(str(more), classifier, run)
    more.write_text("text,label\np q,a\n")
    with pytest.raises(RunError, match="was trained on different data"):
        classifier.fit(TEXTS, LABELS, run=run, resume=True)
