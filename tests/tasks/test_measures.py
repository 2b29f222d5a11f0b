import jiwer
import pytest
import sacrebleu

from ostinato.data import Pairs
from ostinato.tasks.transduce.measures import measure, nearest


def levenshtein(one, other):
    """The textbook's table."""
    before = list(range(len(other) + 1))
    for k, a in enumerate(one, start=1):
        row = [k]
        for j, b in enumerate(other, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
        before = row
    return before[-1]


SOURCES = ["tomato", "tomato", "a", "b"]
TARGETS = ["T AH M EY T OW", "T AH M AA T OW", "EY", "B IY"]
FOUND = {"tomato": "T AH M AA T OW", "a": "AH", "b": "B IY IY"}


def test_any_of_several_pronunciations_is_right_and_errors_go_by_the_nearest():
    found = measure(FOUND, Pairs(SOURCES, TARGETS))
    assert found.texts == 3
    assert found.exact_match == pytest.approx(1 / 3)
    assert found.token_error_rate == pytest.approx((0 + 1 + 1) / (6 + 1 + 2))


def test_further_references_count_for_the_texts_that_are_asked_for():
    more = Pairs(["a", "zoo"], ["AH", "Z UW"])
    found = measure(FOUND, Pairs(SOURCES, TARGETS), more)
    assert (found.texts, found.exact_match) == (3, pytest.approx(2 / 3))
    assert found.token_error_rate == pytest.approx((0 + 0 + 1) / (6 + 1 + 2))


@pytest.mark.parametrize("text", ["T AH M", "", "X T AH M AA T OW OW", "T T T T T T T T"])
def test_the_nearest_reference_by_the_textbooks_table(text):
    references = TARGETS[:2]
    edits = min(levenshtein(text.split(), r.split()) for r in references)
    assert nearest(text, references) == (edits, 6)


def test_single_references_are_judged_as_jiwer_and_sacrebleu_judge_files():
    pairs = Pairs(["1", "2", "3"], ["A dog runs.", "Two men sit on a bench.", "It rains."])
    found = dict(zip(pairs.sources, ["A dog ran.", "Two men sit on the bench.", "It rains."],
                     strict=True))  # fmt: skip
    written, wanted = list(found.values()), list(pairs.targets)
    measures = measure(found, pairs)
    assert measures.token_error_rate == pytest.approx(jiwer.wer(wanted, written))
    assert measures.bleu == sacrebleu.corpus_bleu(written, [wanted]).score
    assert measures.chrf == sacrebleu.corpus_chrf(written, [wanted]).score
    assert measures.signatures[0].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp")
    assert measures.exact_match == pytest.approx(1 / 3)
