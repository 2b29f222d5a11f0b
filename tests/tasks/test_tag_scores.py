"""Entities counted by hand, and by nervaluate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator

from ostinato.tasks.tag.measures import Score, confusion, entity_scores, tag_scores, total

# Worked by hand, by the rules of the CoNLL-2000 task:
# (true, predicted, {type: (correct, found, there)})
CASES = [
    ("B-PER I-PER O", "B-PER I-PER O", {"PER": (1, 1, 1)}),
    ("B-PER I-PER O", "B-PER O O", {"PER": (0, 1, 1)}),  # too short
    ("B-PER I-PER O", "B-LOC I-LOC O", {"LOC": (0, 1, 0), "PER": (0, 0, 1)}),  # of another type
    ("B-PER B-PER O", "B-PER I-PER O", {"PER": (0, 1, 2)}),  # two taken for one
    ("B-PER I-PER O", "I-PER I-PER O", {"PER": (1, 1, 1)}),  # an I after O begins one
    ("O O O", "I-LOC O I-LOC", {"LOC": (0, 2, 0)}),
    ("B-PER I-PER I-PER", "B-PER I-LOC I-PER", {"LOC": (0, 1, 0), "PER": (0, 2, 1)}),
    ("I-ORG I-ORG B-ORG", "B-ORG I-ORG B-ORG", {"ORG": (2, 2, 2)}),  # IOB1 and IOB2
    ("B-LOC E-LOC S-PER", "B-LOC I-LOC B-PER", {"LOC": (1, 1, 1), "PER": (1, 1, 1)}),
]


@pytest.mark.parametrize(("true", "predicted", "counts"), CASES)
def test_by_hand(true, predicted, counts):
    found = entity_scores([true.split()], [predicted.split()])
    assert found == {kind: Score(*each) for kind, each in counts.items()}


def test_measures_by_hand():
    score = Score(correct=3, found=4, there=6)
    assert (score.precision, score.recall, score.f1) == (0.75, 0.5, pytest.approx(0.6))
    assert [Score(0, 0, 0).f1, Score(0, 0, 2).precision, Score(0, 3, 0).recall] == [0, 0, 0]
    true, predicted = ([x.split() for x in column] for column in list(zip(*CASES, strict=True))[:2])
    assert total(entity_scores(true, predicted)) == Score(6, 14, 11)


def test_single_tags_by_hand():
    scores = tag_scores([["N", "V", "N"], ["D"]], [["N", "N", "V"], ["D"]])
    assert scores == {"D": Score(1, 1, 1), "N": Score(1, 2, 2), "V": Score(0, 1, 1)}
    assert total(scores) == Score(2, 4, 4)
    classes, counts = confusion([["N", "V", "N"]], [["N", "N", "X"]], "none")
    assert classes == ["N", "V", "X"]
    assert counts.tolist() == [[1, 0, 1], [1, 0, 0], [0, 0, 0]]
    classes, counts = confusion([["B-PER", "O"]], [["I-PER", "B-LOC"]], "iob2")
    assert (classes, counts.tolist()) == (["LOC", "O", "PER"], [[0, 0, 0], [1, 0, 0], [0, 0, 1]])


TAGS = st.lists(st.sampled_from("O B-PER I-PER B-LOC I-LOC".split()), min_size=6, max_size=6)


@given(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=4))
def test_nervaluate_counts_the_same(pairs):
    from ostinato.data.sentences.schemes import in_scheme

    # Its reading of an I after O is not that of conlleval: both are given clean tags.
    true, predicted = ([in_scheme(tags, "iob2") for tags in column] for column in zip(*pairs))  # noqa: B905
    ours = entity_scores(true, predicted)
    evaluator = Evaluator(true, predicted, tags=["PER", "LOC"], loader="list")
    for kind, score in ours.items():
        theirs = evaluator.evaluate()["entities"][kind]["strict"]
        assert (score.correct, score.found, score.there) == (
            theirs.correct,
            theirs.actual,
            theirs.possible,
        )
        assert score.precision == pytest.approx(theirs.precision)
        assert score.recall == pytest.approx(theirs.recall)
        assert score.f1 == pytest.approx(theirs.f1)
