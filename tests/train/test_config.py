import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato import tasks
from ostinato.cli.runs import merge
from ostinato.errors import ConfigError
from ostinato.tasks.classify.estimator import Classifier
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.tasks.forecast.settings import ForecastSettings
from ostinato.tasks.generate.settings import GenerateSettings


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes) -> str:
        path = tmp_path / "run.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"cel": "gru"}, "unknown setting 'cel'; did you mean 'cell'?"),
        ({"trian": {"lr": 0.1}}, "unknown setting 'trian'; did you mean 'train'?"),
        ({"train": {"hidden": 1}}, "unknown setting 'train.hidden'; did you mean 'model.hidden'?"),
        ({"lr": 0.1}, "unknown setting 'lr'; did you mean 'train.lr'?"),
        (
            {"train": {"learning_rate": 1}},
            "unknown setting 'train.learning_rate'; known: train.epochs, tr",
        ),
        ({"train": {"lr": "x"}}, "train.lr = 'x': Input should be a valid number"),
        ({"train": {"lr": 0}}, "train.lr = 0: Input should be greater than 0"),
        ({"train": {"schedule": "liner"}}, "train.schedule = 'liner': Input should be 'linear', "),
        ({"model": {"dropout": 1.0}}, "model.dropout = 1.0: Input should be less than 1"),
        ({"model": 5}, "model = 5: Input should be a valid dictionary"),
        ({"seed": 2**63}, "seed = 9223372036854775808: Input should be less than"),
        ({"seed": -1}, "seed = -1: Input should be greater than or equal to 0"),
    ],
)
def test_wrong_settings_are_refused_with_path_and_nearest_right_word(wrong, says):
    with pytest.raises(ConfigError, match=f"^here: {re.escape(says)}"):
        ClassifySettings.parse(wrong, "here")


def test_a_reason_of_our_own_is_said_without_the_word_of_pydantic():
    with pytest.raises(ConfigError) as error:
        ForecastSettings.parse({"model": {"quantiles": [0.1, 0.9]}}, "here")
    why = "quantiles must be between 0 and 1, without repetition, and include 0.5"
    assert str(error.value) == f"here: model.quantiles = [0.1, 0.9]: {why}"


def test_they_are_refused_wherever_they_come_from(write):
    says = "unknown setting 'model.hiden'; did you mean 'model.hidden'"
    with pytest.raises(ConfigError, match=rf"run\.toml: {says}"):
        ClassifySettings.load(write("model.hiden = 1"))
    with pytest.raises(ConfigError, match=f"^Classifier: {says}"):
        Classifier(model={"hiden": 1}).fit(["a", "b"], ["a", "b"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file"),
        ("lr = = 1", "at line 1"),
        ("[train]\nlr = 1\n[train]\n", "at line 3"),
        (b"cell = '\xff'", "utf-8"),
        ('task = "generate"', "settings of task 'generate', not 'classify'"),
    ],
)
def test_a_file_that_is_no_settings_is_refused(write, tmp_path, text, says):
    path = write(text) if text else str(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match=re.escape(says)) as error:
        ClassifySettings.load(path)
    assert str(error.value).startswith(path)
    assert "\n" not in str(error.value)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "cell": st.text(),
            "seed": st.integers(0, 2**63 - 1),
            "data": st.fixed_dictionaries({"text": st.text()}),
            "model": st.fixed_dictionaries({"forget_bias": st.none() | st.floats(-9, 9)}),
            "train": st.fixed_dictionaries(
                {"lr": st.floats(1e-300, 1e300), "threads": st.none() | st.integers(1, 9)}
            ),
        },
    )
)
def test_settings_go_through_toml_unchanged(values):
    settings = ClassifySettings.parse(values, "here")
    assert ClassifySettings.parse(tomllib.loads(settings.to_toml()), "here") == settings


def test_what_the_command_line_says_wins_over_the_file_and_nothing_else_does(write):
    path = write('cell = "gru"\n[train]\nlr = 0.5\nepochs = 7\n')
    given = GenerateSettings.parse({"train": {"lr": 0.25}, "model": {"hidden": 3}}, "here")
    expected = GenerateSettings.parse(
        {"cell": "gru", "train": {"lr": 0.25, "epochs": 7}, "model": {"hidden": 3}}, "here"
    )
    assert merge(GenerateSettings, path, given) == expected
    assert merge(GenerateSettings, path, None).train.lr == 0.5
    assert merge(GenerateSettings, None, None) == GenerateSettings()


@pytest.mark.parametrize("task", [tasks.find(name).held_out.kind.kind for name in tasks.names()])
def test_a_setting_that_is_given_leaves_the_others_as_they_are(task):
    whole = task()
    parts = {name: each for name, each in whole.model_dump().items() if isinstance(each, dict)}
    assert "train" in parts
    for part, values in parts.items():
        for name, value in values.items():
            if value is not None:
                assert task.parse({part: {name: value}}, "here") == whole
