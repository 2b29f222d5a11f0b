"""A linear tagger within the network: words, shapes, affixes and neighbours."""

import pytest
import torch

from every import assert_near
from ostinato import Tagger
from ostinato.tasks.tag.indicators import AROUND, IndicatorScores, indicators
from tolerances import FLOAT32, SAME

BUCKETS = 2**12


def test_words_that_look_alike_share_features():
    iraq, iran, ibm, year, other = indicators(["Iraq", "Iran", "IBM", "1996", "2001"], BUCKETS)
    assert (iraq == iran).sum() == 4  # the shape, and the first three letters
    assert (iraq == ibm).sum() == 1  # the first letter
    assert (year == other).all()  # digits are alike
    assert indicators([], BUCKETS).shape == (0, len(iraq))
    assert ((iraq >= 0) & (iraq < BUCKETS)).all()
    assert indicators(["Ä", "é1", "日本", "…", "\ud800"], BUCKETS).shape == (5, len(iraq))
    assert indicators(["Iraq"], 1).tolist() == [[0] * len(iraq)]


def test_scores_are_sums_over_features_of_a_word_and_of_those_around_it():
    torch.manual_seed(0)
    scores = IndicatorScores(BUCKETS, 3, 0.5).eval()
    for table in (scores.own, scores.near):
        torch.nn.init.normal_(table.weight)
    distinct = torch.from_numpy(indicators(["to", "be", "Or"], BUCKETS))
    which = torch.tensor([[0, 1, 2, 0], [2, 2, 0, 0]]).T  # the second has two words
    real = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]).T.bool()
    found = scores(distinct, which, real)
    for b, length in enumerate(real.sum(0).tolist()):
        for t in range(length):
            wanted = scores.own(distinct[which[t, b]]).sum(0)
            for place, step in enumerate(AROUND):
                if 0 <= t + step < length:
                    rows = scores.near(distinct[which[t + step, b], :2]).sum(0)
                    wanted = wanted + rows[3 * place : 3 * place + 3]
            assert_near(found[t, b], wanted, FLOAT32)


@pytest.fixture(scope="module")
def tagger():
    """Names are known by their capital letter and by the word before them."""
    names = ["Ada", "Bo", "Cleo", "Dora", "Eve", "Finn", "Gus", "Hal"]
    sentences = [["we", "saw", "Mr", n, k] for n in names for k in ("today", "again", "twice")]
    tags = [["O", "O", "O", "B-PER", "O"]] * len(sentences)
    model = {"hidden": 4, "embedding": 4, "characters": 0, "indicators": BUCKETS}
    train = {"epochs": 30, "lr": 0.02, "threads": 1}
    return Tagger("gru", model=model, train=train).fit(sentences, tags)


def test_what_is_new_is_known_by_its_looks_and_its_neighbours(tagger):
    assert tagger.predict([["we", "saw", "Mr", "Zoe", "today"]]) == [["O", "O", "O", "B-PER", "O"]]
    assert tagger.predict([["mr", "zoe"]])[0][0] == "O"


def test_a_sentence_alone_is_the_same_in_any_batch_and_in_a_run(tagger, tmp_path):
    some = [["Mr", "Zoe"], ["we", "saw", "Mr", "Ada", "again", "and", "Bo"], ["Hal"]]
    tagger.save(tmp_path / "run")
    again = Tagger.load(tmp_path / "run").predict_proba(some)
    for sentence, together in zip(some, tagger.predict_proba(some), strict=True):
        assert_near(tagger.predict_proba([sentence])[0], together, FLOAT32)
        assert_near(again[some.index(sentence)], together, SAME)


def test_the_diagram_counts_it(tagger):
    network = tagger.network_
    (part,) = (part for part in network.parts() if part.kind == "indicators")
    assert part.parameters == BUCKETS * (1 + len(AROUND)) * len(tagger.model_.labels.classes)
    total = sum(weight.numel() for weight in network.parameters())
    assert sum(part.parameters for part in network.parts()) == total
