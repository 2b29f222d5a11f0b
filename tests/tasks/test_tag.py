import json

import numpy as np
import pandas
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from names import SMALL_TAGGER, names

from every import assert_near
from ostinato import Tagger
from ostinato.data import Tagged, read_tagged
from ostinato.data.sentences.schemes import in_scheme
from ostinato.data.symbols.spelling import Spelling
from ostinato.data.symbols.vocabulary import Vocabulary
from ostinato.errors import DataError, OstinatoError, RunError
from ostinato.nn import CharacterEncoder
from ostinato.tasks.tag.baseline import FrequentTag
from ostinato.tasks.tag.held_out import TagHeldOut
from ostinato.tasks.tag.labels import Labels
from ostinato.tasks.tag.measures import entity_scores
from ostinato.tasks.tag.sequences import tagged
from ostinato.train import Run
from tolerances import FLOAT32, SAME

WORDS, TAGS = names(60, seed=1)
QUICK = SMALL_TAGGER | {"train": {"epochs": 1}}


def quick(**model):
    return Tagger("gru", **QUICK | {"model": SMALL_TAGGER["model"] | model})


@pytest.fixture(scope="module")
def untaught():
    """A tagger that knows next to nothing: any sequence may seem likely to it."""
    model = SMALL_TAGGER["model"] | {"dropout": 0.0}
    return {
        output: Tagger("gru", **QUICK | {"model": model | {"output": output}}).fit(WORDS, TAGS)
        for output in ("crf", "softmax")
    }


def test_it_learns_names_that_words_alone_do_not_tell(tagger):
    assert tagger.score(WORDS, TAGS) > 0.95
    assert tagger.baseline_score_ < 0.6
    best = max(tagger.history_, key=lambda record: record["f1"])
    assert best["f1"] > 0.9
    assert {"loss", "validation_loss", "accuracy"} <= best.keys()
    # none of these names was in the training data
    unseen = ["mr", "Zorro", "left", "Xanburg", "."]
    assert tagger.predict([unseen]) == [["O", "B-PER", "O", "B-LOC", "O"]]


@pytest.mark.parametrize("output", ["crf", "softmax"])
def test_what_else_is_in_the_batch_does_not_matter(untaught, output):
    tagger = untaught[output]
    some = [WORDS[0], ["."], ["mr", "Q"] * 20, ["☃", ""]]
    together, alone = tagger.predict_proba(some), [tagger.predict_proba([s])[0] for s in some]
    assert [len(p) for p in together] == [len(s) for s in some]
    assert_near(together, alone, FLOAT32)
    assert_near([p.sum(-1) for p in together], [np.ones(len(s)) for s in some], FLOAT32)
    assert tagger.predict(some) == [tagger.predict([s])[0] for s in some]
    assert tagger.predict([]) == []


@pytest.mark.parametrize("output", ["crf", "softmax"])
def test_its_answers_agree_and_are_legal(untaught, output):
    tagger = untaught[output]
    classes = tagger.labels_.classes
    best, proba = tagger.best(WORDS[:9], n=4), tagger.predict_proba(WORDS[:9])
    for (tags, sure), paths, chances in zip(tagger.tag(WORDS[:9]), best, proba, strict=True):
        assert paths[0][1] == tags
        assert in_scheme(tags, "iob2") == tags  # an illegal sequence cannot come out
        inside = in_scheme(tags, "bioes")
        assert_near(sure, [p[classes.index(y)] for p, y in zip(chances, inside, strict=True)], SAME)
        values = [value for value, _ in paths]
        assert values == sorted(values, reverse=True)
        assert sum(np.exp(values)) <= 1 + FLOAT32
        assert len({tuple(path) for _, path in paths}) == 4
    assert tagger.predict(WORDS[:9]) == [paths[0][1] for paths in best]


def test_the_loss_of_a_batch_is_the_mean_over_its_words(untaught):
    from ostinato.tasks.tag.learner import TagLearner

    for tagger in untaught.values():
        tagger.network_.eval()
        model, given = tagger.model_, Tagged(WORDS, TAGS)
        learner = TagLearner(model, (model.sequences(WORDS), given), given)
        whole, *parts = (learner.loss(np.arange(*ends)) for ends in ((20,), (0, 7), (7, 20)))
        assert whole[1] == whole[2] == sum(map(len, WORDS[:20]))
        assert parts[0][1] + parts[1][1] == whole[1]
        means = sum(loss * words for loss, words, _ in parts) / whole[1]
        assert_near(whole[0], means, FLOAT32)
        judged = learner.validate()
        every = learner.loss(np.arange(len(WORDS)))[0]
        assert judged["validation_loss"] == pytest.approx(every.item(), abs=FLOAT32)
        assert judged["f1"] == tagger.score(WORDS, TAGS)


def test_a_tag_that_is_just_a_tag(tmp_path):
    kinds = [["N" if w[:1].isupper() else "x" for w in words] for words in WORDS]
    tagger = Tagger("gru", **SMALL_TAGGER).fit(WORDS, kinds)
    assert tagger.labels_ == Labels(["N", "x"], "none")
    assert tagger.metric == "accuracy"
    result = tagger.evaluate(WORDS, kinds)
    assert tagger.score(WORDS, kinds) == result.accuracy == result.f1 > 0.9
    assert all(record["f1"] == record["accuracy"] for record in tagger.history_)
    assert set(result.scores) == {"N", "x"}


def test_schemes_come_back_as_they_were():
    for scheme in ("iob1", "iob2", "bioes"):
        tags = [in_scheme(own, scheme) for own in names(30, seed=2, scheme="iob1")[1]]
        tagger = quick().fit(names(30, seed=2)[0], tags)
        assert tagger.labels_.scheme == scheme
        for own in tagger.predict(WORDS[:20]):
            assert in_scheme(own, scheme) == own
    assert Labels.of(Tagged([["a", "b"]], [["O", "O"]]), "iob2").classes == ["O"]
    for own in ("", "?"):
        with pytest.raises(DataError, match="sentence 1: no word has a tag; all are"):
            Labels.of(Tagged([["a", "b"]], [[own, ""]]), "auto", "?")


@pytest.mark.parametrize(
    ("tags", "scheme", "entities"),
    [
        ("PER-B PER-I O LOC-B LOC-B", "iob2", {"PER": 1, "LOC": 2}),
        ("b-per i-per o b-loc b-loc", "iob2", {"per": 1, "loc": 2}),
        ("i-per i-per o i-loc b-loc", "iob1", {"per": 1, "loc": 2}),
        ("B-PER L-PER O U-LOC U-LOC", "bioes", {"PER": 1, "LOC": 2}),
        ("B_PER E_PER O W_LOC W_LOC", "bioes", {"PER": 1, "LOC": 2}),
        ("PER PER O LOC LOC", "io", {"PER": 1, "LOC": 1}),
        ("B I O B B", "iob2", {"entity": 3}),
    ],
)
def test_entities_are_found_in_any_notation_and_written_in_it(tags, scheme, entities):
    tags, words = tags.split(), [["a", "b", "c", "d", "e"]]
    labels = Labels.of(Tagged(words, [tags]), "auto")
    assert labels.scheme == scheme
    assert labels == Labels.from_json(json.loads(json.dumps(labels.to_json())))
    path = [int(np.flatnonzero(row)[0]) for row in labels.sets(tags)]
    assert labels.tags(path) == labels.written(tags) == tags
    true, predicted = labels.known([tags], [labels.tags(path)])
    scores = entity_scores(true, predicted)
    assert {kind: (s.correct, s.found, s.there) for kind, s in scores.items()} == {
        kind: (n, n, n) for kind, n in entities.items()
    }
    if scheme != "io" and len(entities) == 2:  # another file has another notation
        other = labels.notation.read
        canonical = [other(tag) for tag in tags]
        assert labels.known([canonical], [tags])[0] == true


def test_labels_that_are_not_known_are_learnt_from_their_neighbours():
    draw = np.random.default_rng(0)
    partly = [[tag if draw.random() < 0.6 else "?" for tag in own] for own in TAGS]
    options = SMALL_TAGGER | {"data": SMALL_TAGGER["data"] | {"unlabelled": "?"}}
    options["train"] = SMALL_TAGGER["train"] | {"epochs": 16, "patience": 16}
    for output in ("crf", "softmax"):
        options["model"] = SMALL_TAGGER["model"] | {"output": output}
        tagger = Tagger("gru", **options).fit(WORDS * 3, partly * 3)
        assert tagger.score(WORDS, TAGS) > (0.9 if output == "crf" else 0.5)
        assert not any("?" in own for own in tagger.predict(WORDS))
        judged = tagger.evaluate(WORDS, partly)
        assert judged.words == sum(tag != "?" for own in partly for tag in own)


@pytest.mark.parametrize(
    ("tags", "sets"),
    [
        ("B-X I-X O", ["B", "E", "O"]),
        ("B-X ? O", ["BS", "*", "O"]),
        ("? B-X I-X", ["*", "BI", "E"]),
        ("? B-X ?", ["*", "BIES", "*"]),
        ("B-X I-X ?", ["B", "EI", "*"]),
    ],
)
def test_what_an_entity_beside_an_unknown_tag_may_be(tags, sets):
    labels = Labels.of(Tagged([["a", "b"]], [["B-X", "O"]]), "iob2", "?")
    found = [
        {labels.classes[k][0] for k in np.flatnonzero(row)} for row in labels.sets(tags.split())
    ]
    assert found == [set("OBIES") if own == "*" else set(own) for own in sets]


def test_words_and_characters_never_seen_are_unknown_and_counted(tagger):
    result = tagger.evaluate([["mr", "Ψψ", "left", "☃☃", "."]], [["O", "B-PER", "O", "O", "O"]])
    assert (result.words, result.unknown_words) == (5, 2)
    assert result.unknown_characters == {"Ψ": 1, "ψ": 1, "☃": 2}
    assert tagger.spelling_.encode("☃").tolist() == [0]


def test_a_tag_never_seen_counts_as_wrong(tagger):
    result = tagger.evaluate([["mr", "Zorro"]], [["O", "B-GOD"]])
    assert result.accuracy == 0.5
    assert result.scores["GOD"].recall == 0


def test_words_are_lowered_and_digits_are_one():
    tagger = quick().fit([["A", "b", "1996"]] * 4, [["X", "Y", "X"]] * 4)
    assert tagger.vocabulary_.symbols[1:] == ["0000", "a", "b"]
    assert "1" in tagger.spelling_.characters and "A" in tagger.spelling_.characters  # noqa: PT018


def test_rare_words_are_forgotten_now_and_then(tagger):
    network = tagger.network_.train()
    seen = []
    handle = network.embedding.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        often = tagger.vocabulary_.symbols.index("mr")
        network.counts = torch.full((len(tagger.vocabulary_),), 1e9)
        network.counts[7] = 0.25  # as often as not
        batch = tagger.model_.encode([["mr", tagger.vocabulary_.symbols[7]]] * 400)
        network(batch)
    finally:
        handle.remove()
        network.eval()
    first, second = seen[0]
    assert (first == often).all()
    assert 0.4 < (second == 0).float().mean() < 0.6


@pytest.mark.parametrize("change", ["characters", "ppmi", "one way"])
def test_parts_can_be_left_out_or_chosen(change, tmp_path):
    model = {
        "characters": {"characters": 0},
        "ppmi": {"start": "ppmi"},
        "one way": {"bidirectional": False, "layers": 2},
    }[change]
    tagger = quick(**model).fit(WORDS, TAGS)
    assert (tagger.network_.spelling is None) == (change == "characters")
    tagger.save(tmp_path / "run")
    again = Tagger.load(tmp_path / "run")
    assert_near(again.predict_proba(WORDS[:5]), tagger.predict_proba(WORDS[:5]), SAME)


def test_another_file_can_choose_the_epoch(tmp_path):
    lines = ["\n".join(f"{w} {t}" for w, t in zip(*s, strict=True)) for s in zip(WORDS, TAGS)]  # noqa: B905
    (tmp_path / "dev.conll").write_text("\n\n".join(lines[:20]))
    (tmp_path / "train.conll").write_text("\n\n".join(lines[20:]))
    options = QUICK | {"data": QUICK["data"] | {"validation": str(tmp_path / "dev.conll")}}
    train = read_tagged(str(tmp_path / "train.conll"))
    tagger = Tagger("gru", **options).fit(train)
    assert len(tagger.vocabulary_) < len({w.lower() for words in WORDS for w in words})
    given = Tagger("gru", **QUICK).fit(
        WORDS[20:], TAGS[20:], validation=Tagged(WORDS[:20], TAGS[:20])
    )
    for measure in ("loss", "accuracy", "f1"):
        assert given.history_[0][measure] == tagger.history_[0][measure]
    assert (tagger.format_, tagger.width_) == ("conll", 2)


def test_tags_may_be_numbers_with_names_or_without():
    names = ["O", "B-PER", "I-PER"]
    words, numbers = [["Ann", "Lee", "left"], ["Bo"]], [[1, 2, 0], [-100]]
    features = Features(
        {"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))}
    )
    whole = Dataset.from_dict({"tokens": words, "ner_tags": numbers}, features=features)
    expected = [["B-PER", "I-PER", "O"], [""]]
    for given in (whole, {"train": whole}):
        assert tagged(given).tags == expected
    assert tagged(whole["tokens"], whole["ner_tags"]).tags == expected
    frame = pandas.DataFrame({"id": [0, 1], "words": words, "tags": numbers})
    plain = [["1", "2", "0"], [""]]
    arrays = [np.array(each) for each in numbers]
    assert tagged(frame).tags == tagged(frame["words"], frame["tags"]).tags == plain
    assert tagged(words, numbers).tags == tagged(words, arrays).tags == plain
    tagger = quick().fit(words * 4, numbers * 4)
    assert tagger.labels_.classes == ["0", "1", "2"]
    assert 0 <= tagger.score(words, numbers) <= 1


@pytest.mark.parametrize(
    ("words", "tags", "says"),
    [
        ([], [], "there are no sentences"),
        ([["a"]], None, "tags are missing"),
        ([["a"]], [["X"]], "needs at least two sentences"),
        ([["a"], []], [["X"], []], r"sentence 2: \[\] is not a list of words"),
        ([["a"], ["b"]], [["X"]], "2 sentences, but tags for 1"),
        ([["a"], ["b", "c"]], [["X"], ["Y"]], "sentence 2: 2 words, but 1 tag$"),
        ([["a"]], [["X"], ["Y"]], "1 sentence, but tags for 2"),
        ("a text", ["X"], "not one text"),
        (["a text"] * 2, [["X"]] * 2, "sentence 1: 'a text' is not a list of words"),
        (
            [["a"]] * 2,
            [["B-X"], ["x"]],
            "sentence 2: the tag 'x' is not in a known scheme: O, or B-",
        ),
    ],
)
def test_what_cannot_be_learnt_is_refused(words, tags, says):
    with pytest.raises(DataError, match=says):
        quick().fit(words, tags)


def test_an_unknown_scheme_and_tags_that_are_none(tagger, tmp_path):
    with pytest.raises(OstinatoError, match=r"data\.scheme = 'iob3'"):
        Tagger(data={"scheme": "iob3"}).fit(WORDS, TAGS)
    with pytest.raises(DataError, match="'NN' is not in a known scheme"):
        Tagger(data={"scheme": "iob2"}).fit([["a"]] * 2, [["NN"]] * 2)
    with pytest.raises(DataError, match="'NN' is not in a known scheme"):
        tagger.evaluate([["a"]], [["NN"]])
    (tmp_path / "a.conll").write_text("a O\n\nb B-X\nc NN\n")
    with pytest.raises(DataError, match=r"a\.conll, line 4: the tag 'NN' is not in a known scheme"):
        Tagger().fit(read_tagged(str(tmp_path / "a.conll")))
    plain = Tagger("gru", **QUICK | {"data": {"scheme": "none"}}).fit(WORDS, TAGS)
    assert plain.labels_.classes == ["B-LOC", "B-PER", "I-PER", "O"]
    assert plain.network_.crf._may_transitions.all()


def test_the_most_frequent_tag_by_hand():
    words = [["a", "b"], ["a", "c"], ["a"], ["d", "d"]]
    tags = [["X", "Y"], ["Y", "Y"], ["X"], ["Z", "W"]]
    baseline = FrequentTag.of(Tagged(words, tags))
    assert baseline.predict(["a", "b", "d", "new"]) == ["X", "Y", "W", "Y"]
    assert FrequentTag.of(Tagged(words, tags), "X").predict(["a", "new"]) == ["Y", "Y"]


def test_spelling_is_read_once_for_each_word_and_in_its_own_place():
    torch.manual_seed(0)
    from ostinato.cells import find

    encoder = CharacterEncoder(find("gru"), 5, 6, 6)
    spelt, sizes = torch.tensor([[1, 2, 3], [4, 9, 9]]).clamp(max=4), torch.tensor([3, 1])
    which = torch.tensor([[0, 1, 0], [1, 1, 0]])
    found = encoder(spelt, sizes, which)
    assert found.shape == (2, 3, encoder.output_size)
    layer = torch.nn.GRU(6, 6, bidirectional=True)
    layer.load_state_dict(encoder.recurrent.state_dict())
    for row, word in enumerate(([1, 2, 3], [4])):
        _, last = layer(encoder.embedding.weight[torch.tensor(word)][:, None])
        expected = last.flatten()
        for at in (which == row).nonzero():
            assert_near(found[tuple(at)], expected, FLOAT32)


def test_long_words_lose_their_middle():
    spelling = Spelling(Vocabulary("abcdefgh"), longest=5)
    assert spelling.characters.decode(spelling.encode("abcdefgh")) == list("abcgh")
    assert len(spelling.encode("")) == 1


def test_accents_are_read_alike_however_they_were_typed(tagger, tmp_path):
    words, tags = [["mr", "L\xe9a", "a"], ["Le\u0301a", "a"]] * 3, [["O", "B", "O"], ["B", "O"]] * 3
    fitted = quick().fit(words, tags)
    assert "\u0301" not in fitted.spelling_.characters
    assert_near(*fitted.predict_proba([["Le\u0301a"], ["L\xe9a"]]), SAME)
    assert not any(fitted.unknown([["Le\u0301a"]]).values())
    fitted.save(tmp_path / "run")
    assert Tagger.load(tmp_path / "run").spelling_.encode("e\u0301").size == 1
    stored = json.loads((tmp_path / "run" / "characters.json").read_text())
    before = Spelling.from_json(stored["characters"], longest=9)  # as runs of before have it
    assert before.encode("e\u0301").size == 2


def test_a_run_knows_its_labels_and_format(tagger, tmp_path):
    tagger.save(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "labels.json").read_text())["scheme"] == "iob2"
    again = Tagger.load(tmp_path / "run")
    assert (again.labels_, again.format_) == (tagger.labels_, "conll")
    assert again.predict(WORDS) == tagger.predict(WORDS)


def test_sentences_that_chose_the_epoch_are_of_the_run(tmp_path):
    whole, some = Tagged(WORDS, TAGS), Tagged(WORDS[:20], TAGS[:20])
    both = (zip(*each, strict=True) for each in zip(WORDS, TAGS, strict=True))
    blocks = ["\n".join(map(" ".join, rows)) for rows in both]
    (tmp_path / "a.conll").write_text("\n\n".join(blocks))
    run = Run.create(tmp_path / "given")
    tagger = quick().fit(whole, validation=some, run=run)
    digests = run.read_json("manifest.json")["data"]
    assert digests["validation_sha256"] == some.fingerprint() != digests["sha256"]
    with pytest.raises(DataError, match="trained on all of it"):
        TagHeldOut.read(str(tmp_path / "a.conll"), tagger, run)
    with pytest.raises(RunError, match="another validation_sha256 in"):
        quick().fit(whole, validation=Tagged(WORDS[:21], TAGS[:21]), run=run, resume=True)
    with pytest.raises(RunError, match="another validation_sha256 in"):
        quick().fit(whole, run=run, resume=True)
    held = Run.create(tmp_path / "held")
    tagger = quick().fit(whole, run=held)
    assert "validation_sha256" not in held.read_json("manifest.json")["data"]
    assert 0 < len(TagHeldOut.read(str(tmp_path / "a.conll"), tagger, held)) < len(WORDS)


def test_a_baseline_is_better_only_beyond_chance():
    random = np.random.default_rng(0)
    words = [random.choice(list("abcdefgh"), 6).tolist() for _ in range(200)]
    tags = [[word.upper() * 2 for word in own] for own in words]  # each word has one tag
    model = {"hidden": 2, "embedding": 2, "characters": 0, "output": "softmax"}
    for count, better in ((200, True), (11, False)):
        fitted = Tagger("rnn", model=model, train={"epochs": 1, "lr": 1e-6, "threads": 1})
        fitted.fit(words[:count], tags[:count])
        assert fitted.baseline_score_ > fitted.best_["accuracy"]
        assert fitted.baseline_better_ == better
