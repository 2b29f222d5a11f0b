"""Numbers from texts and from series through `Regressor`; its measures against other libraries'."""

import json
from copy import copy
from decimal import Decimal

import numpy as np
import pytest
import torch
from order import SMALL, texts_by_distance
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

import ostinato
from every import assert_near
from ostinato import Classifier, Regressor
from ostinato.data import Examples, LabelColumn, Skipped, bucketed, read_labelled
from ostinato.errors import ConfigError, DataError, RunError
from ostinato.tasks.regress import measures
from ostinato.tasks.regress.held_out import RegressHeldOut
from ostinato.tasks.regress.learner import RegressLearner
from ostinato.tasks.regress.prepare import split_examples, targets_of
from ostinato.tasks.regress.scale import TargetScale
from ostinato.train import Run
from tolerances import FLOAT32, SAME

TEXTS, TARGETS = texts_by_distance(100, seed=1)
QUICK = SMALL | {"train": {"epochs": 1}, "baseline": False}
NUMBERS = LabelColumn("target", numeric=True)


def test_it_learns_what_words_alone_do_not_tell(regressor):
    own, linear = regressor.evaluate(TEXTS, TARGETS), regressor.baseline_measures_["linear"]
    assert own.r2 > 0.9 > linear.r2
    assert own.rmse < linear.rmse < regressor.baseline_measures_["mean"].rmse
    assert regressor.score(TEXTS, TARGETS) == pytest.approx(own.r2)
    assert {"validation_loss", "rmse", "mae"} <= regressor.history_[0].keys()


def test_a_run_answers_the_same(regressor, tmp_path):
    regressor.save(tmp_path / "run")
    found = regressor.predict(TEXTS)
    assert found.dtype == np.float64
    assert Regressor.load(tmp_path / "run").predict(TEXTS).tolist() == found.tolist()
    answers = ostinato.load(tmp_path / "run").predict(TEXTS)
    assert [answer.to_json() for answer in answers] == [{"value": v} for v in found]


@pytest.mark.parametrize(
    "scale",
    [
        {"mean": 1.0, "deviation": 0.0}, {"mean": 1.0, "deviation": -2}, {"mean": 1.0},
        {"mean": float("nan"), "deviation": 1}, {"mean": 0, "deviation": float("inf")},
        {"mean": 1e300, "deviation": 1}, {"mean": 0, "deviation": 1e300},
        {"mean": "x", "deviation": 1}, {"mean": [1], "deviation": 1}, [], 3,
    ],
)  # fmt: skip
def test_a_damaged_scale_is_refused(regressor, tmp_path, scale):
    regressor.save(tmp_path / "run")
    Run(tmp_path / "run").write("scale.json", json.dumps(scale))
    with pytest.raises(RunError, match=r"scale\.json: damaged"):
        Regressor.load(tmp_path / "run")


def test_measures_are_those_of_other_libraries():
    random = np.random.default_rng(0)
    y = np.round(random.normal(50, 9, 200))  # some are equal
    found = np.round(y + random.normal(3, 5, 200))
    own = measures.measured(y, found)
    assert own.rmse == pytest.approx(root_mean_squared_error(y, found))
    assert own.mae == pytest.approx(mean_absolute_error(y, found))
    assert own.r2 == pytest.approx(r2_score(y, found))
    assert own.spearman == pytest.approx(spearmanr(y, found).statistic)
    weights = random.uniform(size=200)
    expected = r2_score(y, found, sample_weight=weights)
    assert measures.r2_score(y, found, weights) == pytest.approx(expected)


def test_measures_of_what_does_not_vary():
    one, same = np.array([1.0, 2.0]), np.array([5.0, 5.0])
    assert measures.measured(same, one).r2 is None
    assert measures.measured(same, one).spearman is measures.spearman(one, same) is None
    assert measures.measured(one, same).r2 < 0
    with pytest.raises(DataError, match="no examples"):
        measures.measured(one[:0], one[:0])


def test_the_unit_of_targets_does_not_matter():
    small = Regressor("rnn", **QUICK).fit(TEXTS, TARGETS)
    large = Regressor("rnn", **QUICK).fit(TEXTS, [1e6 * y - 5 for y in TARGETS])
    z = [own.scale_.standardised(own.predict(TEXTS)) for own in (small, large)]
    assert_near(z[1], z[0], FLOAT32)


def test_the_validation_loss_is_the_one_that_is_asked_for():
    options = QUICK | {"data": {"validation": 0.9}}
    loss = {}
    for name in ("mse", "mae", "huber"):
        own = Regressor("rnn", **options | {"model": SMALL["model"] | {"loss": name}})
        own.fit(TEXTS, TARGETS)
        _, held = split_examples(Examples(TEXTS, TARGETS), 0.9, 0)
        z, y = map(own.scale_.standardised, (own.predict(held.texts), targets_of(held)))
        error = np.abs(z - y)
        loss[name] = own.history_[0]["validation_loss"]
        expected = {
            "mse": error**2, "mae": error, "huber": np.where(error < 1, error**2 / 2, error - 0.5),
        }  # fmt: skip
        assert loss[name] == pytest.approx(expected[name].mean(), rel=1e-4)
    assert len(set(loss.values())) == 3


def test_the_linear_baseline_is_ridge_regression_on_standardised_targets():
    texts, targets = texts_by_distance(60, seed=3)
    own = Regressor("rnn", model={"hidden": 2}, train={"epochs": 1}).fit(texts, targets)
    kept, _ = split_examples(Examples(texts, targets), 0.1, 0)
    x, y = own.baseline_.model.features.matrix(kept.texts), targets_of(kept)
    same = Ridge(alpha=1.0).fit(x, (y - y.mean()) / y.std()).predict(x) * y.std() + y.mean()
    assert own.baseline_.predict(kept.texts) == pytest.approx(same, rel=1e-3)
    assert own.baseline_.parameters == x.shape[1] + 1


def test_it_predicts_with_the_baseline_where_that_is_better(tmp_path):
    random = np.random.default_rng(0)
    signals = list(np.float32(random.normal(size=(80, 6, 2))))
    targets = [10 + 3 * signal.mean() for signal in signals]
    options = {"train": {"epochs": 1, "threads": 1}}
    own = Regressor("rnn", model={"hidden": 2}, **options).fit(signals, targets)
    network = own.model_.without_linear().values(signals)
    baseline = own.scale_.restored(own.linear_.model.scores(signals)[:, 0])
    both = network + own.linear_.weight * (baseline - network)
    assert own.predict(signals) == pytest.approx(both, rel=1e-5)
    assert own.together_.rmse < min(record["rmse"] for record in own.history_)
    assert own.alone(signals, targets)["network"].rmse > own.evaluate(signals, targets).rmse
    own.save(tmp_path / "run")
    assert_near(Regressor.load(tmp_path / "run").predict(signals), own.predict(signals), SAME)
    alone = Regressor("rnn", model={"hidden": 2, "alone": True}, **options).fit(signals, targets)
    assert alone.linear_ is None
    assert_near(alone.predict(signals), network, SAME)


@pytest.mark.parametrize(("count", "better"), [(80, []), (400, ["linear"])])
def test_a_baseline_is_better_only_where_enough_is_held_out_to_tell(count, better):
    random = np.random.default_rng(0)
    signals = list(np.float32(random.normal(size=(count, 6, 2))))
    targets = [10 + 3 * signal.mean() for signal in signals]
    model, train = {"hidden": 2, "alone": True}, {"epochs": 1, "threads": 1}
    own = Regressor("rnn", model=model, train=train).fit(signals, targets)
    assert own.baseline_measures_["linear"].rmse < own.best_["rmse"]
    assert own.baselines_better_ == better


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (None, "the target is missing"), (float("nan"), "the target is missing"),
        (float("inf"), "the target is not a finite number"),
        ("-inf", "the target is not a finite number"), (10**400, "not a finite number"),
        ("five", "the target is 'five', not a number"), (" ", "the target is empty"),
        (True, "the target is true or false, not a number"), ([1.0], "a list, not a number"),
        ("1_0", "not a number"), (np.datetime64("2024-01-01"), "of type date, not a number"),
    ],
)  # fmt: skip
def test_a_target_that_is_no_number_is_refused_with_its_row(target, fault):
    with pytest.raises(DataError, match=f"^row 3: .*{fault}"):
        Regressor(**QUICK).fit(TEXTS[:4], [1.0, 2, target, 4])


def test_numbers_of_every_kind_are_targets():
    given = [1, 2.5, "3.25", Decimal("4.5"), np.float32(0.5), np.int16(7), " 1e2 "]
    fitted = Regressor(**QUICK).fit(TEXTS[:7], given)
    found = RegressHeldOut.trained_on((TEXTS[:7], given))
    same = Examples(TEXTS[:7], ["1.0", "2.5", "3.25", "4.5", "0.5", "7.0", "100.0"])
    assert found == same.fingerprint()
    assert fitted.predict(TEXTS[:2]).shape == (2,)


@pytest.mark.parametrize(
    ("targets", "fault"),
    [
        ([1.0, 2.0], "three samples"),
        ([3.0] * 9, "all targets are 3: there is nothing to predict"),
        ([1e200, -1e200] * 5, r"the target 1e\+200 is too large"),
    ],
)
def test_targets_from_which_nothing_can_be_learnt(targets, fault):
    with pytest.raises(DataError, match=fault):
        Regressor(**QUICK).fit(TEXTS[: len(targets)], targets)


def test_examples_of_classes_are_no_targets():
    with pytest.raises(DataError, match=r"targets must be numbers.*'pos'"):
        Regressor(**QUICK).fit(Examples(TEXTS[:4], ["pos", "neg"] * 2))


def test_files_with_bad_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("text,target\na film,3.5\nanother,many\nlast,-1e1\n")
    with pytest.raises(DataError, match=r"a\.csv, line 3: the target is 'many', not a number"):
        read_labelled("a.csv", "text", NUMBERS)
    skipped = Skipped()
    found = read_labelled("a.csv", "text", NUMBERS, skip_bad_rows=skipped)["train"]
    assert targets_of(found).tolist() == [3.5, -10.0]
    assert skipped.rows == [1]
    (tmp_path / "b.csv").write_text("text,label\na film,3.5\nanother,1\n")
    with pytest.raises(DataError, match=r"continuous values.*ostinato fit regress"):
        read_labelled("b.csv")
    with pytest.raises(DataError, match="imdb: the label is 'neg', not a number"):
        read_labelled("imdb", "text", NUMBERS)


def test_files_of_the_archive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ts").write_text("@targetLabel true\n@data\n1,2,3:4,5,6:0.25\n7:8:1e3\n")
    found = read_labelled("a.ts", label=NUMBERS)["train"]
    assert [signal.tolist() for signal in found.texts] == [[[1, 4], [2, 5], [3, 6]], [[7, 8]]]
    assert targets_of(found).tolist() == [0.25, 1000.0]
    with pytest.raises(DataError, match=r"a\.ts, line 1: .*no classes: `ostinato fit regress`"):
        read_labelled("a.ts")
    (tmp_path / "b.ts").write_text("@classLabel true x y\n@data\n1,2:x\n")
    with pytest.raises(DataError, match=r"b\.ts, line 3: the target is 'x', not a number"):
        read_labelled("b.ts", label=NUMBERS)
    (tmp_path / "c.ts").write_text("@targetLabel false\n@data\n1,2\n")
    with pytest.raises(DataError, match=r"c\.ts, line 1: its series have no labels"):
        read_labelled("c.ts", label=NUMBERS)


def test_series_of_any_length():
    random = np.random.default_rng(0)
    signals = [random.normal(5, 2, (k % 7 + 3, 1)) for k in range(200)]
    targets = [float(signal.max()) for signal in signals]
    model = {"hidden": 8, "embedding": 8}
    train = {"epochs": 20, "lr": 0.03, "patience": 20}
    own = Regressor("gru", data={"batch": 20}, model=model, train=train)
    own.fit(signals, targets)
    assert own.score(signals, targets) > 0.9
    assert own.vocabulary_ is None
    with pytest.raises(ConfigError, match="are for texts, but these are numbers"):
        Regressor(model={"bigrams": 3}).fit(signals, targets)


def test_batches_hold_so_many_examples_at_most():
    lengths = np.random.default_rng(0).integers(1, 20, 101)
    batches = bucketed(lengths, 100, seed=0, epoch=1, most=4)
    assert sorted(np.concatenate(batches)) == list(range(101))
    assert max(map(len, batches)) == 4
    assert all(len(b) * lengths[b].max() <= 100 for b in batches)


def test_what_is_held_out_has_targets_of_all_sizes_also_of_a_sorted_file():
    examples = Examples([f"text {k}" for k in range(1000)], [float(k) for k in range(1000)])
    kept, held = split_examples(examples, 0.1, seed=3)
    assert len(held) == 100
    assert not {*kept.texts} & {*held.texts}
    assert np.histogram(targets_of(held), 5, (0, 1000))[0].tolist() == [20] * 5
    assert len(split_examples(Examples(["a", "b", "c"], [1.0, 2.0, 3.0]), 0.1, 0)[1]) == 1


def test_held_out_examples_and_their_baseline(regressor):
    held = RegressHeldOut(Examples(TEXTS, TARGETS))
    judged = held.judge(regressor)
    assert judged["predicted"] == regressor.predict(TEXTS).tolist()
    assert np.mean(judged["scores"]) == pytest.approx(1 - judged["r2"])
    assert judged["rmse"] == regressor.evaluate(TEXTS, TARGETS).rmse
    linear = held.baseline(regressor.settings(), texts_by_distance(300, seed=0))
    assert linear["rmse"] > judged["rmse"]
    expected = measures.measured(np.array(TARGETS), regressor.baseline_.predict(TEXTS))
    assert linear["rmse"] == pytest.approx(expected.rmse, rel=SAME, abs=SAME)


def test_of_its_own_data_a_run_is_judged_by_what_was_held_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{text},{y}" for text, y in zip(TEXTS, TARGETS, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["text,target", *rows]) + "\n")
    examples = read_labelled("a.csv", "text", NUMBERS)["train"]
    run = Run.create("run")
    own = Regressor("rnn", **QUICK).fit(examples, run=run)
    _, held = split_examples(examples, 0.1, 0)
    assert RegressHeldOut.read("a.csv", own, run).examples == held
    assert run.manifest.data["sha256"] == RegressHeldOut.trained_on((examples,))


def test_a_scale_there_and_back():
    y = np.array([1.0, 2.0, 6.0])
    scale = TargetScale.of(y)
    assert (scale.mean, scale.deviation) == (3.0, pytest.approx(y.std()))
    assert_near(scale.restored(scale.standardised(y)), y, FLOAT32)
    assert TargetScale.from_json(json.loads(json.dumps(scale.to_json()))) == scale


def test_a_classifier_says_where_measurements_belong():
    with pytest.raises(DataError, match="predict the values with `ostinato fit regress`"):
        Classifier(**QUICK).fit(TEXTS, [y / 7 for y in TARGETS])


def test_all_that_a_step_of_training_makes_is_on_its_device(regressor):
    model = copy(regressor.model_)
    with torch.device("meta"):
        model.network = model.new_network().train()
    examples = model.sequences(TEXTS), np.array(TARGETS)
    loss, terms, _ = RegressLearner(model, examples, examples).loss(np.arange(9))
    loss.backward()
    assert (loss.device.type, terms) == ("meta", 9)
