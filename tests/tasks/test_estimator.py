import json
import os
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from names import SMALL_TAGGER, names
from order import (
    PERIODIC,
    SMALL,
    SMALL_FORECASTER,
    SMALL_GENERATOR,
    WAVE,
    texts_by_order,
)
from safetensors import safe_open
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from spelling import SMALL_TRANSDUCER, words_spelled

from every import MGU, assert_near
from ostinato import Classifier, Forecaster, Generator, Tagger, Transducer, cells
from ostinato.errors import ConfigError, OstinatoError, RunError
from ostinato.train import BEST, Hook, Run
from tolerances import BFLOAT16, SAME

DATA = {
    Classifier: texts_by_order(60, seed=3),
    Generator: (PERIODIC,),
    Forecaster: (WAVE,),
    Tagger: names(60, seed=3),
    Transducer: words_spelled(60, seed=3),
}
SETTINGS = {
    Classifier: SMALL,
    Generator: SMALL_GENERATOR,
    Forecaster: SMALL_FORECASTER,
    Tagger: SMALL_TAGGER,
    Transducer: SMALL_TRANSDUCER,
}
PROBE = ["p a q b", "b", ""]
each_estimator = pytest.mark.parametrize("kind", [*DATA])


@pytest.fixture
def estimator(kind, classifier, generator, forecaster, tagger, transducer):
    return {
        Classifier: classifier,
        Generator: generator,
        Forecaster: forecaster,
        Tagger: tagger,
        Transducer: transducer,
    }[kind]


def quick(kind, cell="gru", **changes):
    """An estimator that trains for two epochs, with noise where it can have some."""
    model = SETTINGS[kind]["model"] | {"dropout": 0.2}
    return kind(cell, **SETTINGS[kind] | {"model": model, "train": {"epochs": 2}} | changes)


def answers(estimator):
    if isinstance(estimator, Classifier):
        return estimator.predict_proba(PROBE)
    if isinstance(estimator, Forecaster):
        return estimator.predict().values
    if isinstance(estimator, Tagger):
        return np.concatenate(estimator.predict_proba([["mr", "Lee"], ["b"]]))
    if isinstance(estimator, Transducer):
        return np.array([h.score for own in estimator.search(PROBE, best=3) for h in own])
    return np.array([d.probabilities for d in estimator.stream("ab", 5, temperature=5)])


def timeless(history):
    return [
        {k: v for k, v in r.items() if k not in ("seconds", "tokens_per_second")} for r in history
    ]


@each_estimator
def test_the_same_seed_trains_the_same_to_the_last_bit(kind):
    def trained(seed):
        torch.randn(1)  # what was drawn before does not matter
        return quick(kind, seed=seed).fit(*DATA[kind])

    one, same, other = map(trained, (5, 5, 6))
    assert_near(one.network_.state_dict(), same.network_.state_dict(), SAME)
    assert timeless(one.history_) == timeless(same.history_)
    assert timeless(one.history_) != timeless(other.history_)


@each_estimator
def test_bfloat16_trains_nearly_as_float32(kind):
    def trained(precision):
        options = {"epochs": 2, "lr": 1e-3, "precision": precision}
        fitted = quick(kind, model=SETTINGS[kind]["model"], train=options).fit(*DATA[kind])
        weights = fitted.network_.state_dict()
        assert all(weight.dtype == torch.float32 for weight in weights.values())
        return weights

    narrow, wide = trained("bfloat16"), trained("float32")
    assert_near(narrow, wide, BFLOAT16)
    assert any((narrow[name] != wide[name]).any() for name in wide)


@each_estimator
def test_training_leaves_the_random_state_and_the_threads_alone(kind):
    state = torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        quick(kind, train={"epochs": 1, "threads": 1}).fit(*DATA[kind])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.equal(torch.get_rng_state(), state)


@each_estimator
def test_it_follows_scikit_learns_rules(kind, estimator):
    arguments = estimator.get_params()
    assert arguments["cell"] == estimator.cell
    copy = clone(estimator)
    assert copy.get_params() == arguments
    assert copy.set_params(seed=3, model={"hidden": 4}).settings().model.hidden == 4
    with pytest.raises(NotFittedError):
        copy.predict(PROBE) if kind is Classifier else copy.score(*DATA[kind])
    with pytest.raises(NotFittedError):
        copy.save("never")
    own = clone(kind(cells.find(MGU)))
    assert own.cell.name == own.settings().cell == "mgu"


@each_estimator
def test_a_run_folder_gives_the_estimator_back(kind, estimator, tmp_path):
    estimator.save_pretrained(tmp_path / "run")  # Hugging Face's names for `save` and `load`
    back = kind.from_pretrained(tmp_path / "run")
    assert back.settings() == estimator.model_.settings
    assert timeless(back.history_) == timeless(estimator.history_)
    assert_near(answers(back), answers(estimator), SAME)
    with pytest.raises(RunError, match="not empty"):
        estimator.save(tmp_path / "run")
    other = Generator if kind is Classifier else Classifier
    with pytest.raises(RunError, match=f"a run of task '{kind.kind().task}', not"):
        other.load(tmp_path / "run")


ELSEWHERE = """
import sys
from test_estimator import Classifier, Forecaster, Generator, answers
for kind, path in zip(sys.argv[1::2], sys.argv[2::2]):
    print(answers(globals()[kind].load(path)).tobytes().hex())
"""


@pytest.mark.slow
def test_another_process_gives_the_same_answers_and_needs_no_file_of_a_users_cell(
    tmp_path, classifier, generator, forecaster
):
    file = tmp_path / "own.py"
    file.write_text(Path(MGU.rpartition(":")[0]).read_text())
    own = quick(Classifier, f"{file}:mgu").fit(*DATA[Classifier])
    file.unlink()
    words = []
    for name, fitted in {"a": classifier, "b": own, "c": generator, "d": forecaster}.items():
        fitted.save(tmp_path / name)
        words += [type(fitted).__name__, str(tmp_path / name)]
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [
        answers(fitted).tobytes().hex() for fitted in (classifier, own, generator, forecaster)
    ]
    assert found.stdout.splitlines() == expected


@each_estimator
def test_a_run_holds_toml_json_and_safetensors_and_no_pickle(kind, tmp_path):
    fitted = quick(kind).fit(*DATA[kind], run=Run.create(tmp_path / "run"))
    assert_near(answers(kind.load(tmp_path / "run")), answers(fitted), SAME)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {"config.toml", "manifest.json", "metrics.jsonl"} < {path.name for path in files}
    for path in files:
        match path.suffix:
            case ".toml":
                tomllib.loads(path.read_text())
            case ".json":
                json.loads(path.read_text())
            case ".jsonl":
                assert [*map(json.loads, path.read_text().splitlines())] == fitted.history_
            case ".safetensors":
                with safe_open(path, "pt") as tensors:
                    assert list(tensors.keys())
            case "" if path.name == "lock":
                assert path.read_text() == ""
            case other:
                pytest.fail(f"{path}: what is {other}?")
        assert not path.name.startswith(".")
        with pytest.raises((pickle.UnpicklingError, ValueError, LookupError, EOFError)):
            pickle.loads(path.read_bytes())
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["seed"] == fitted.seed
    assert manifest["versions"]["torch"] == torch.__version__
    assert manifest["level"] == {"training": "native", "evaluation": "native"}
    assert len(manifest["data"]["sha256"]) == 64


DAMAGES = {
    "missing": lambda raw: None,
    "empty": lambda raw: b"",
    "truncated": lambda raw: raw[:-4],
    "garbage": lambda raw: b"\x80\x04\xff" + raw[::-1],
    **{text: lambda raw, text=text: text.encode() for text in ["null", "5", "[[1]]", '{"a": {}}']},
}


@each_estimator
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_refused_in_one_line(kind, estimator, damage, tmp_path):
    estimator.save(tmp_path / "run")
    for path in sorted((tmp_path / "run").iterdir()):
        if path.is_dir() or (path.name, damage) == ("metrics.jsonl", "empty"):
            continue
        if damage not in ("missing", "empty", "truncated", "garbage") and (
            path.suffix not in (".json", ".safetensors") or path.name == "manifest.json"
        ):
            continue
        raw = path.read_bytes()
        damaged = DAMAGES[damage](raw)
        path.unlink() if damaged is None else path.write_bytes(damaged)
        with pytest.raises(OstinatoError) as error:
            kind.load(tmp_path / "run")
        assert str(tmp_path / "run") in str(error.value)
        assert "\n" not in str(error.value)
        path.write_bytes(raw)
        if path.name == "manifest.json" or damaged is None:
            continue
        Run(tmp_path / "run").write(path.name, damaged)  # its SHA-256 in the manifest is right
        with pytest.raises(OstinatoError) as error:
            kind.load(tmp_path / "run")
        assert str(tmp_path / "run") in str(error.value)
        Run(tmp_path / "run").write(path.name, raw)
    kind.load(tmp_path / "run")


@each_estimator
def test_weights_of_another_shape_are_refused(kind, estimator, tmp_path):
    estimator.save(tmp_path / "run")
    quick(kind, model={"hidden": 4}).fit(*DATA[kind]).save(tmp_path / "other")
    Run(tmp_path / "run").write(BEST, (tmp_path / "other" / BEST).read_bytes())
    with pytest.raises(RunError, match=r"model\.safetensors: .* has shape .*, not "):
        kind.load(tmp_path / "run")


class Fails(Hook):
    """Ends training."""

    def on_epoch(self, progress):
        raise ValueError("enough")


@each_estimator
def test_a_failed_fit_leaves_the_estimator_as_it_was(kind):
    fresh = quick(kind)
    with pytest.raises(ValueError, match="enough"):
        fresh.fit(*DATA[kind], hooks=[Fails()])
    with pytest.raises(NotFittedError):
        answers(fresh)
    fitted = quick(kind).fit(*DATA[kind])
    before = answers(fitted)
    with pytest.raises(ConfigError, match="device 'gpu' cannot be used"):
        fitted.fit(*DATA[kind], device="gpu")
    with pytest.raises(TypeError, match="unexpected keyword argument 'devcie'"):
        fitted.fit(*DATA[kind], devcie="cpu")
    assert_near(answers(fitted), before, SAME)
