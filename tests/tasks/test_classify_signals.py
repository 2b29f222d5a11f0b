"""Series of numbers through `Classifier`: of any length, each alone as in a batch."""

from importlib.util import find_spec

import numpy as np
import pytest

from ostinato import Classifier
from ostinato.data import Skipped, read_labelled
from ostinato.errors import ConfigError, DataError

needs_sktime = pytest.mark.skipif(find_spec("sktime") is None, reason="sktime is not installed")
SMALL = {
    "data": {"batch_tokens": 200},
    "model": {"embedding": 8, "hidden": 8},
    "train": {"epochs": 12, "lr": 0.02, "threads": 1},
}


def turns(count, seed):
    """Which of two numbers a step rises first; the scale says nothing."""
    random = np.random.default_rng(seed)
    signals, labels = [], []
    for _ in range(count):
        length = int(random.integers(6, 15))
        first, second = sorted(random.choice(length, 2, replace=False))
        signal = random.normal(100, 0.1, (length, 2))
        which = int(random.integers(2))
        signal[first, which] += 2
        signal[second, 1 - which] += 2
        signals.append(signal)
        labels.append("ab"[which])
    return signals, labels


@pytest.fixture(scope="module")
def fitted():
    return Classifier("gru", **SMALL).fit(*turns(300, 0))


def test_it_learns_which_of_two_numbers_rises_first(fitted):
    signals, labels = turns(100, 1)
    assert fitted.score(signals, labels) > 0.9
    assert fitted.numbers_.mean == pytest.approx([100.2, 100.2], abs=0.1)


def test_a_signal_alone_is_the_same_in_any_batch_and_in_a_run(fitted, tmp_path):
    signals, _ = turns(20, 2)
    together = fitted.predict_proba(signals)
    alone = np.concatenate([fitted.predict_proba([signal]) for signal in signals])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
    fitted.save(tmp_path / "run")
    back = Classifier.load(tmp_path / "run")
    np.testing.assert_array_equal(back.predict_proba(signals), together)
    assert not (tmp_path / "run" / "vocabulary.json").exists()


def test_arrays_of_every_shape():
    random = np.random.default_rng(0)
    labels = ["a", "b"] * 20
    cube = random.normal(size=(40, 5, 1)) + np.arange(40)[:, None, None] % 2 * 4
    one = Classifier(**SMALL).fit(cube, labels)
    same = Classifier(**SMALL).fit([row[:, 0] for row in cube], labels)
    np.testing.assert_array_equal(one.predict_proba(cube), same.predict_proba(list(cube)))
    assert one.score(cube, labels) == 1.0


def test_what_cannot_be_read_is_refused(fitted, classifier):
    good = np.ones((3, 2))
    for bad, message in [
        (np.array([[1, np.nan]]), "row 2: number 2 of step 1 is missing or not finite"),
        (np.ones((3, 1)), "row 2: 1 number per step, but the first series has 2"),
        (np.ones((0, 2)), "row 2: the series is empty"),
        ("text", "row 2: not an array of numbers"),
    ]:
        with pytest.raises(DataError, match=message):
            fitted.predict([good, bad])
    with pytest.raises(DataError, match="have 2 numbers per step"):
        fitted.predict([np.ones((3, 5))])
    with pytest.raises(DataError, match="trained on texts, but these are numbers"):
        classifier.predict([good])
    with pytest.raises(ConfigError, match="are for texts"):
        Classifier(model={"start": "ppmi"}).fit(*turns(20, 0))


TS = "# head\n@problemName a\n@classLabel true x y\n@data\n1,2,3:4,5,6:x\n1,2:?,5:y\n7:8:x\n"


def test_files_of_the_archive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ts").write_text(TS)
    with pytest.raises(DataError, match=r"a\.ts, line 6: number 2 of step 1 is missing"):
        read_labelled("a.ts")
    skipped = Skipped()
    examples = read_labelled("a.ts", skip_bad_rows=skipped)["train"]
    assert [signal.tolist() for signal in examples.texts] == [[[1, 4], [2, 5], [3, 6]], [[7, 8]]]
    assert examples.labels == ["x", "x"]
    assert skipped.rows == [1]
    assert len(examples.fingerprint()) == 64
    for line, message in {
        "1,2:3:x": "channel 2 has 1 step, channel 1 2",
        "1,b:3,4:x": "channel 1: could not convert",
        "1,2": "no class after the last colon",
        "1,2:x": "1 number per step, but the first series has 2",
        "1,inf:3,4:x": "number 1 of step 2 is missing or not finite",
        "@timeStamps true": "time stamps of steps",
    }.items():
        (tmp_path / "b.ts").write_text("1,2:3,4:x\n" + line + "\n")
        with pytest.raises(DataError, match=f"b.ts, line 2: {message}"):
            read_labelled("b.ts")


@needs_sktime
def test_nine_speakers():
    splits = read_labelled("japanese_vowels")
    assert {name: len(each) for name, each in splits.items()} == {"train": 270, "test": 370}
    lengths = [len(signal) for each in splits.values() for signal in each.texts]
    assert (min(lengths), max(lengths)) == (7, 29)
    assert splits["train"].texts[0][0, 0] == pytest.approx(1.860936)
    assert sorted(set(splits["test"].labels)) == list("123456789")
