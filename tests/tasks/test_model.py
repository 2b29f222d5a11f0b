"""A trained model of any task: loaded from its run, from inputs to answers, on any device."""

import json
import subprocess
import sys
from copy import copy
from dataclasses import is_dataclass, replace

import numpy as np
import pytest
import torch
from names import names
from order import SMALL, WAVE, texts_by_order
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import ostinato
from every import assert_near
from ostinato import Classifier
from ostinato.data import Columns, series_of
from ostinato.errors import ConfigError, DataError, RunError
from ostinato.tasks.base.device import resolve
from ostinato.tasks.classify.learner import ClassifyLearner
from ostinato.train import Run
from tolerances import FLOAT32, SAME

TEXTS, LABELS = texts_by_order(30, seed=4)
SENTENCES, _ = names(30, seed=4)
WAVES = [replace(each, values=each.values[:end]) for each in series_of(WAVE, Columns()).series
         for end in (30, 111, 52)]  # fmt: skip
CONTINUED = ["abcab", "b", "", "a☃cc", "cba" * 9]
INPUTS = {
    "classify": TEXTS,
    "forecast": WAVES,
    "generate": CONTINUED,
    "regress": TEXTS,
    "tag": SENTENCES,
    "transduce": ["abc", "e", "edcba", "ab" * 5],
}
each_task = pytest.mark.parametrize("task", INPUTS)


@pytest.fixture
def trained(classifier, forecaster, generator, regressor, tagger, transducer):
    every = classifier, forecaster, generator, regressor, tagger, transducer
    return {estimator.model_.task: estimator for estimator in every}


@pytest.fixture
def estimator(task, trained):
    return trained[task]


@pytest.fixture
def run(estimator, tmp_path):
    estimator.save(tmp_path / "run")
    return tmp_path / "run"


class Devices(TorchDispatchMode):
    """Sees the devices of all tensors that are made; whole numbers say how steps are packed."""

    def __init__(self):
        super().__init__()
        self.made = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        made = [t for t in tree_leaves(result) if isinstance(t, torch.Tensor)]
        self.made |= {t.device.type for t in made if t.is_floating_point()}
        return result


def tensors(found):
    """All tensors of outputs, in their order."""
    if isinstance(found, torch.Tensor):
        return [found]
    parts = vars(found).values() if is_dataclass(found) else found or ()
    return [tensor for part in parts for tensor in tensors(part)]


@each_task
def test_a_run_gives_the_model_of_its_task(task, estimator, run):
    model, inputs = ostinato.load(run), INPUTS[task]
    assert model.task == task
    assert model.settings == estimator.model_.settings
    assert model.cell.graph == estimator.model_.cell.graph
    assert model.manifest == Run(run).manifest
    answers = [answer.to_json() for answer in model.predict(inputs)]
    assert answers == [answer.to_json() for answer in estimator.model_.predict(inputs)]
    assert json.loads(json.dumps(answers)) == answers
    again = Run.create(run.with_name("again"))
    model.write(again)
    assert [a.to_json() for a in ostinato.load(again.path).predict(inputs)] == answers


@each_task
def test_predict_is_encode_network_decode_in_the_order_of_the_inputs(task, estimator):
    model, inputs = estimator.model_, INPUTS[task]
    batch = model.encode(inputs)
    outputs = model.network.eval()(batch)
    apart = model.network.run(model.network.embed(batch), batch)
    for one, other in zip(tensors(outputs), tensors(apart), strict=True):
        assert torch.equal(one, other)
    alone = [model.predict(inputs[k : k + 1])[0].to_json() for k in range(len(inputs))]
    for together in (model.predict(inputs), model.decode(outputs, batch)):
        for one, other in zip(together, alone, strict=True):
            said = {name: value for name, value in one.to_json().items() if value != []}
            close(said, {name: other[name] for name in said})  # a batch knows no times
    assert model.predict(inputs[:0]) == []


@each_task
def test_predict_refuses_what_is_no_list_of_inputs(task, estimator):
    for inputs, fault in (("a text", "must be a list"), ([None], "input 1 is None")):
        with pytest.raises(DataError, match=fault):
            estimator.model_.predict(inputs)


def close(one, other):
    """That two answers say the same, numbers but for rounding."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            close(one[name], other[name])
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=FLOAT32)
    elif isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            close(a, b)
    else:
        assert one == other


@each_task
@pytest.mark.parametrize("training", [False, True])
def test_all_that_the_network_makes_is_on_its_device(task, estimator, training):
    model = estimator.model_
    with torch.device("meta"):
        network = model.new_network().train(training)
    batch = model.encode(INPUTS[task]).to("meta")
    with Devices() as devices, torch.no_grad():
        outputs = network(batch)
    assert {t.device.type for t in tensors(outputs)} == {"meta"}
    assert devices.made == {"meta"}


def test_all_that_a_step_of_training_makes_is_on_its_device(classifier):
    model = copy(classifier.model_)
    with torch.device("meta"):
        model.network = model.new_network().train()
    texts = (model.sequences(TEXTS), model.targets(LABELS))
    learner = ClassifyLearner(model, texts, texts)
    with Devices() as devices:
        loss, _, _ = learner.loss(np.arange(9))
        loss.backward()
    assert devices.made == {"meta"}


FRESH = """
import sys, json, ostinato
answers = [ostinato.load(run).predict(*given) for run, given in json.loads(sys.argv[1])]
heavy = {"sklearn", "cyclopts", "rich", "plotly", "pandas"} & set(sys.modules)
print(json.dumps([[[one.to_json() for one in each] for each in answers], sorted(heavy)]))
"""


def test_who_loads_and_predicts_needs_no_scikit_learn_and_no_command_line(trained, tmp_path):
    # a forecaster knows how its own series ended
    given = {task: [] if task == "forecast" else [INPUTS[task]] for task in INPUTS}
    for task, estimator in trained.items():
        estimator.save(tmp_path / task)
    words = json.dumps([(str(tmp_path / task), given[task]) for task in given])
    done = subprocess.run(
        [sys.executable, "-c", FRESH, words], capture_output=True, text=True, check=True
    )
    answers, heavy = json.loads(done.stdout)
    assert heavy == []
    for task, found in zip(given, answers, strict=True):
        expected = trained[task].model_.predict(*given[task])
        for one, other in zip(found, expected, strict=True):
            close(one, other.to_json())


@each_task
def test_every_stack_of_a_network_is_named(task, estimator):
    stacks = estimator.network_.stacks()
    assert {name.rpartition(".")[2] for name in stacks} >= {"recurrent"}
    parts = estimator.network_.parts()
    assert sum(part.parameters for part in parts) == sum(
        weight.numel() for weight in estimator.network_.parameters()
    )
    assert {part.kind for part in parts} > {"recurrent", "output"}


def test_a_classifier_has_no_session(classifier):
    with pytest.raises(ConfigError, match="task 'classify' reads whole inputs"):
        classifier.model_.session()


def test_a_run_of_no_task_is_refused(classifier, tmp_path):
    classifier.save(tmp_path / "run")
    config = (tmp_path / "run" / "config.toml").read_text()
    for task, shown in {
        '"cook"': "'cook'",
        f"[{'1, ' * 999}]": r"\[1, 1, .{,60}…[^\n]{,60}",
    }.items():
        Run(tmp_path / "run").write("config.toml", config.replace('"classify"', task))
        with pytest.raises(RunError, match=f"a run of an unknown task, {shown}; known: classify, "):
            ostinato.load(tmp_path / "run")


def test_a_device_is_named_or_chosen():
    there = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve().type == resolve("auto").type == there
    assert resolve("cpu").type == "cpu"
    for name in ("gpu", "cuda:99", "meta"):
        with pytest.raises(ConfigError, match=f"device '{name}' cannot be used"):
            resolve(name)


def test_a_model_moves_to_a_device_that_is_there(classifier):
    assert classifier.model_.to("cpu").device.type == "cpu"
    with pytest.raises(ConfigError, match="device 'cuda:99' cannot be used"):
        classifier.model_.to("cuda:99")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"run": "runs/a"}, r"requires a Run, not 'runs/a'; see Run\.create"),
        ({"hooks": [print]}, "requires hooks of the class Hook, not <built-in function print>"),
        ({"runs": None}, "unexpected keyword argument 'runs'"),
    ],
)
def test_options_of_fit_that_are_something_else_are_refused(options, says):
    with pytest.raises(TypeError, match=says):
        Classifier("gru", **SMALL).fit(TEXTS, LABELS, **options)


def test_the_manifest_names_the_device(tmp_path):
    run = Run.create(tmp_path / "run")
    Classifier("gru", **SMALL | {"train": {"epochs": 1}}).fit(TEXTS, LABELS, run=run, device="cpu")
    assert run.manifest.device == "cpu"


def test_probabilities_of_the_model_are_those_of_the_estimator(classifier):
    answers = classifier.model_.predict(TEXTS)
    found = np.array([list(answer.probabilities.values()) for answer in answers])
    assert_near(found, classifier.predict_proba(TEXTS), SAME)
    assert [answer.label for answer in answers] == classifier.predict(TEXTS).tolist()
