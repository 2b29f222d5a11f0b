import numpy as np
import pytest
import torch
from order import SMALL, texts_by_order
from sklearn.linear_model import LogisticRegression

from every import assert_near
from ostinato import Classifier
from ostinato.cells import find
from ostinato.data import split_blocks
from ostinato.errors import DataError, RunError
from ostinato.nn import POOLINGS
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.base.pooled.ngrams import NGramFeatures
from ostinato.tasks.classify.learner import ClassifyLearner
from ostinato.tasks.classify.model import ClassifyModel
from tolerances import FLOAT32, ORACLE, SAME

TEXTS, LABELS = texts_by_order(200, seed=1)
QUICK = SMALL | {"train": {"epochs": 1}}


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_learns_an_order_that_the_linear_baseline_cannot(cell):
    model = SMALL["model"] | {"pooling": "last", "bidirectional": False}
    fitted = Classifier(cell, **SMALL | {"model": model}).fit(*texts_by_order(300, seed=0))
    assert fitted.score(TEXTS, LABELS) > 0.97
    assert fitted.baseline_.accuracy(TEXTS, LABELS) < 0.65


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_what_else_is_in_the_batch_does_not_matter(pooling, bidirectional):
    model = SMALL["model"] | {"pooling": pooling, "bidirectional": bidirectional}
    options = QUICK | {"model": model, "data": {"batch_tokens": 10_000}}
    fitted = Classifier("gru", baseline=False, **options).fit(TEXTS, LABELS)
    some = [TEXTS[0], "a", "p q b p a", "a b " * 50]
    together = fitted.predict_proba(some)
    assert_near(together.sum(1), np.ones(4), FLOAT32)
    assert_near(together, np.concatenate([fitted.predict_proba([t]) for t in some]), FLOAT32)


def test_its_answers_agree_with_each_other(classifier):
    logits, probability = (
        f(TEXTS) for f in (classifier.decision_function, classifier.predict_proba)
    )
    assert_near(probability[:, 1], 1 / (1 + np.exp(-logits)), FLOAT32)  # of two classes
    assert_near(probability.sum(1), np.ones(len(TEXTS)), FLOAT32)
    assert_near(np.exp(classifier.predict_log_proba(TEXTS)), probability, FLOAT32)
    best = [classifier.classes_[k] for k in probability.argmax(1)]
    assert classifier.predict(TEXTS).tolist() == best
    right = sum(p == y for p, y in zip(best, LABELS, strict=True)) / len(LABELS)
    assert classifier.score(TEXTS, LABELS) == classifier.evaluate(TEXTS, LABELS).accuracy == right
    assert classifier.predict([]).tolist() == []


def test_the_loss_of_a_batch_is_the_mean_over_its_texts(classifier):
    sequences = classifier.model_.sequences(TEXTS[:10])
    targets = torch.tensor([classifier.class_names.index(label) for label in LABELS[:10]])
    texts = (sequences, targets)
    learner = ClassifyLearner(classifier.model_, texts, texts)
    whole, *parts = (learner.loss(np.arange(*ends)) for ends in ((10,), (0, 3), (3, 10)))
    assert [terms for _, terms, _ in (whole, *parts)] == [10, 3, 7]
    assert whole[2] == parts[0][2] + parts[1][2] == sum(len(text.split()) for text in TEXTS[:10])
    assert_near(whole[0], (3 * parts[0][0] + 7 * parts[1][0]) / 10, FLOAT32)


def test_labels_may_be_of_any_type():
    numbers = [int(label == "a") for label in LABELS]
    fitted = Classifier("gru", **SMALL).fit(TEXTS, numbers)
    assert fitted.classes_.tolist() == [0, 1]
    assert set(fitted.predict(TEXTS).tolist()) == {0, 1}
    assert fitted.score(TEXTS, numbers) == fitted.evaluate(TEXTS, numbers).accuracy > 0.9


@pytest.mark.parametrize("text", ["", "  ", "zzz", "!", "\u200b", "zzz " * 1000])
def test_a_text_without_a_known_word_has_an_answer(classifier, text):
    assert_near(classifier.predict_proba([text]).sum(1), np.ones(1), FLOAT32)


def test_a_long_text_loses_its_beginning(classifier):
    tail = "q " * 200 + "a q b " + "q " * 197
    assert_near(
        classifier.predict_proba(["b a " * 99 + tail]), classifier.predict_proba([tail]), SAME
    )


def test_the_measures_by_hand():
    class Parrot(Classifier):
        def _logits(self, texts):
            return np.float32(20) * (np.array(texts)[:, None] == self.classes_)

    parrot, classes = Parrot(), np.array(["x", "y", "z"])
    parrot.model_ = ClassifyModel(settings=parrot.settings(), cell=find("gru"), classes=classes)
    found = parrot.evaluate(list("xxyyzz"), list("xxxyyz"))
    assert found.accuracy == pytest.approx(4 / 6)
    # precision 2/2, 1/2, 1/2 and recall 2/3, 1/2, 1/1 of x, y, z: F1 is 4/5, 1/2, 2/3
    assert found.f1 == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    assert found.confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert found.classes == ["x", "y", "z"]
    assert "precision" in found.report


def test_the_baseline_is_fitted_on_the_training_part_alone():
    texts, labels = texts_by_order(300, seed=2)
    texts = [f"{text} Only{k}. Every{k % 60}!" for k, text in enumerate(texts)]
    fitted = Classifier("rnn", **QUICK).fit(texts, labels)
    kept, held = split_blocks(labels, share=0.1, seed=0)
    features = fitted.baseline_.model.features
    same = NGramFeatures.fit([texts[i] for i in kept], fitted.tokenizer_, 10**6)
    assert (features.numbers == same.numbers).all()
    x, y = features.matrix([texts[i] for i in kept]), [labels[i] for i in kept]
    regression = LogisticRegression(C=10, max_iter=1000).fit(x, y)
    expected = regression.decision_function(features.matrix(TEXTS))
    assert_near(np.diff(fitted.baseline_.logits(TEXTS))[:, 0], expected, 0.1)
    assert fitted.baseline_.parameters == x.shape[1] + 1
    right = [fitted.baseline_.predict([texts[i]]) == [labels[i]] for i in held]
    assert fitted.baseline_accuracy_ == pytest.approx(np.mean(right), abs=ORACLE)


@pytest.mark.parametrize(
    ("labels", "says"),
    [("aaaa", "needs at least two classes"), ("aaab", "two texts each, not {'a': 3, 'b': 1}")],
)
def test_labels_that_cannot_be_learnt_are_refused(labels, says):
    with pytest.raises(DataError, match=says):
        Classifier(**QUICK).fit(TEXTS[:4], list(labels))


def test_texts_and_labels_that_do_not_pair_are_refused(classifier):
    for use in (Classifier(**QUICK).fit, classifier.evaluate, classifier.score):
        with pytest.raises(ValueError, match=r"\b4\b.*\b3\b|\b3\b.*\b4\b"):
            use(TEXTS[:4], LABELS[:3])


def test_a_label_never_seen_is_refused_with_its_text(classifier):
    with pytest.raises(DataError, match=r"^text 3: its label 'c' is not .* which has a, b$"):
        classifier.evaluate(TEXTS[:4], ["a", "b", "c", "d"])


RICH = {
    "start": "ppmi", "bigrams": 50, "word_dropout": 0.2, "embedding_dropout": 0.1,
    "label_smoothing": 0.05, "embedding": 8, "hidden": 8,
}  # fmt: skip


def test_pairs_and_company_of_words_are_learnt_saved_and_loaded(tmp_path):
    texts = [
        f"this film is {'not ' * (k % 2)}good , {'a' if k % 3 else 'the'} end" for k in range(80)
    ]
    labels = ["neg" if k % 2 else "pos" for k in range(80)]
    train = {"epochs": 8, "lr": 0.02, "average": 0.9, "patience": 8}
    options = {"data": {"batch_tokens": 64}, "model": RICH, "train": train}
    classifier = Classifier("gru", **options).fit(texts, labels)
    assert classifier.score(texts, labels) > 0.95
    network = classifier.network_
    known = {tuple(classifier.vocabulary_.decode(pair)) for pair in classifier.bigrams_.tolist()}
    assert {("is", "good"), ("is", "not"), ("not", "good")} <= known
    assert network.bigrams.weight.abs().sum() > 0
    classifier.save(tmp_path / "run")
    again = Classifier.load(tmp_path / "run")
    assert np.array_equal(again.decision_function(texts), classifier.decision_function(texts))
    assert np.array_equal(
        Classifier("gru", **options).fit(texts, labels).decision_function(texts),
        classifier.decision_function(texts),
    )


def test_members_are_networks_of_their_own_whose_probabilities_are_averaged(tmp_path):
    texts, labels = ["a fine film", "a dull film", "fine , fine"] * 8, ["pos", "neg", "pos"] * 8
    model = {"members": 3, "hidden": 4, "calibrate": False, "alone": True}
    options = {"model": model, "train": {"epochs": 2}}
    classifier = Classifier("rnn", **options).fit(texts, labels)
    ensemble = classifier.network_
    batch, targets = classifier.encode(texts[:5], labels[:5])
    with torch.no_grad():
        each = [member(batch).softmax(-1) for member in ensemble.members]
        assert not torch.equal(each[0], each[1])
        assert_near(ensemble(batch).softmax(-1), sum(each) / 3, FLOAT32)
    assert_near(classifier.predict_proba(texts[:5]), (sum(each) / 3).numpy(), FLOAT32)
    classifier.save(tmp_path / "run")
    again = Classifier.load(tmp_path / "run")
    assert np.array_equal(again.predict_proba(texts), classifier.predict_proba(texts))

    ensemble.train()
    sequences = (classifier.model_.sequences(texts[:5]), targets)
    learner = ClassifyLearner(classifier.model_, sequences, sequences)
    for part in ensemble.modules():
        part.training = not isinstance(part, torch.nn.Dropout)
    loss, *_ = learner.loss(np.arange(5))
    alone = [torch.nn.functional.cross_entropy(m(batch), targets) for m in ensemble.members]
    assert_near(loss, sum(alone) / 3, FLOAT32)


def test_words_are_dropped_in_training_alone():
    texts, labels = ["a fine film", "a dull film"] * 8, ["pos", "neg"] * 8
    options = {"model": {"word_dropout": 0.9, "hidden": 4}, "train": {"epochs": 1}}
    network = Classifier("rnn", **options).fit(texts, labels).network_
    batch = PooledBatch(torch.ones(64, 5, dtype=torch.long), torch.full((64,), 5))
    assert len(network(batch).unique(dim=0)) == 1
    seen = []
    network.embedding.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    network.train()(batch)
    assert 0.05 < seen[0].float().mean() < 0.15


def test_a_run_says_how_it_splits(classifier, tmp_path):
    classifier.save(tmp_path / "run")
    assert Classifier.load(tmp_path / "run").tokenizer_.split("फिल्म") == ["फिल्म"]
    (tmp_path / "run" / "tokenizer.json").unlink()
    with pytest.raises(RunError, match=r"tokenizer\.json: cannot be read"):
        Classifier.load(tmp_path / "run")


def test_texts_without_spaces_are_read_by_their_letters():
    """Clauses that were not in training are told apart by what they are made of."""
    subjects, good, bad = (
        ["这首歌", "汤的味道", "这家店", "这声音"],
        ["真好听", "好极了"],
        ["真难听", "差极了"],
    )
    texts = [a + b for b in [*good, *bad] for a in subjects] * 4
    labels = ["pos"] * 8 + ["neg"] * 8
    fitted = Classifier("gru", **SMALL | {"baseline": False}).fit(texts, labels * 4)
    assert fitted.predict(["今天天气好极了，真好", "今天天气差极了，真差"]).tolist() == [
        "pos",
        "neg",
    ]
    count, tokens = fitted.model_.unknown(["汤好", "天天"])
    assert (count, tokens) == ({"天": 2}, 4)
    assert fitted.unknown_ == 0
