"""The exam of taggers against the same thing done in the plainest way."""

import numpy as np
import pytest

from ostinato import Tagger, tasks
from ostinato.data import Tagged
from ostinato.data.sentences.schemes import spans
from ostinato.errors import DataError
from ostinato.observe.architecture import architecture
from ostinato.observe.gradient_flow import held_out_flow
from ostinato.tasks.tag.baseline import FrequentTag
from ostinato.tasks.tag.held_out import TagHeldOut
from ostinato.train import Run

SIZES = {"embedding": 8, "hidden": 12, "characters": 6, "character_hidden": 6}
WORDS = [["mr", "Lee", "of", "Rome"], ["he", "is", "in", "York"]] * 6
TAGS = [["O", "B-PER", "O", "B-LOC"], ["O", "O", "O", "B-LOC"]] * 6
HELD = Tagged(
    [["mr", "Lee"], ["in", "New", "York", "now"]],
    [["O", "B-PER"], ["O", "B-LOC", "I-LOC", "O"]],
)


@pytest.fixture(scope="module")
def tagger():
    return Tagger("gru", model=SIZES, train={"epochs": 3, "lr": 0.05}).fit(WORDS, TAGS)


def test_it_is_the_exam_of_taggers():
    assert tasks.find("tag").held_out is TagHeldOut
    assert len(TagHeldOut(HELD)) == 2


def test_errors_of_sentences_are_what_f1_counts(tagger):
    judged = TagHeldOut(HELD).judge(tagger)
    predicted = tagger.predict(HELD.words)
    errors = [len(set(spans(a)) ^ set(spans(b))) for a, b in zip(HELD.tags, predicted, strict=True)]
    assert judged["scores"] == [-n for n in errors]
    found = sum(len(spans(tags)) for tags in predicted)
    assert judged["f1"] == pytest.approx(1 - sum(errors) / (found + 2))
    assert judged["f1"] == tagger.score(HELD.words, HELD.tags)
    assert sum(there for _, _, there in judged["kinds"].values()) == 2
    assert np.sum(judged["confusion"]) == 6


def test_the_baseline_is_judged_by_the_same_sentences(tagger):
    exam, training = TagHeldOut(HELD), (WORDS, TAGS)
    found = exam.baseline(tagger.settings(), training)
    fitted = FrequentTag.of(Tagged(*training))
    predicted = [fitted.predict(words) for words in HELD.words]
    assert predicted == [["O", "B-PER"], ["O", fitted.unseen, "B-LOC", fitted.unseen]]
    assert len(found["scores"]) == len(exam)
    assert TagHeldOut.trained_on(training) == Tagged(*training).fingerprint()


def test_tags_that_mark_no_entities_are_judged_by_words():
    kinds = [["a" if w.islower() else "b" for w in words] for words in WORDS]
    tagger = Tagger("gru", model=SIZES, train={"epochs": 1}).fit(WORDS, kinds)
    judged = TagHeldOut(Tagged(WORDS, kinds)).judge(tagger)
    assert judged["f1"] == judged["accuracy"]
    assert sum(judged["scores"]) == pytest.approx(-2 * (1 - judged["accuracy"]) * 48)


def test_gradients_come_back(tagger):
    flow = held_out_flow(TagHeldOut(HELD), tagger, tagger.network_)
    assert len(flow["h"]) == 4
    assert all(size > 0 for size in flow["h"])


def test_sentences_with_errors_are_shown_first(tagger):
    shown = TagHeldOut(HELD).shown(tagger)["tagged"]
    assert sorted(each["words"] for each in shown) == sorted(HELD.words)
    wrong = [each["true"] != each["tags"] for each in shown]
    assert wrong == sorted(wrong, reverse=True)
    for each in shown:
        tags, sure = tagger.tag([each["words"]])[0]
        assert (each["tags"], each["sure"]) == (tags, pytest.approx(sure.tolist(), abs=1e-4))


def test_of_its_own_data_only_what_was_held_out_counts(tmp_path, tagger):
    path = tmp_path / "own.conll"
    lines = ["\n".join(map(" ".join, zip(*s, strict=True))) for s in zip(WORDS, TAGS, strict=True)]
    path.write_text("\n\n".join(lines))
    given = Tagged(WORDS, TAGS)
    run = Run.create(tmp_path / "run")
    Tagger("gru", model=SIZES, train={"epochs": 1}).fit(given, run=run)
    exam = TagHeldOut.read(str(path), Tagger.load(run.path), run)
    assert 0 < len(exam) < len(WORDS)
    path.write_text("\n\n".join([*lines, "Rome B-LOC"]))
    assert len(TagHeldOut.read(str(path), tagger, run)) == len(WORDS) + 1
    path.write_text("\n\n".join(lines))
    apart = Tagger("gru", data={"validation": "dev"})
    apart.model_ = tagger.model_
    with pytest.raises(DataError, match="trained on all of it"):
        TagHeldOut.read(str(path), apart, run)


def test_the_parts_of_the_network(tagger):
    parts = {part["kind"]: part for part in architecture(tagger.network_)}
    assert list(parts) == ["embedding", "spelling", "recurrent", "output", "indicators", "crf"]
    whole = sum(p.numel() for p in tagger.network_.parameters())
    assert sum(part["parameters"] for part in parts.values()) == whole
