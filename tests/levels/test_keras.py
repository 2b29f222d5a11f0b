"""The Keras level beside Keras' own layers, in models, saved and loaded.

One process has one backend: `make test` takes PyTorch, `make slow` runs this once more on
TensorFlow (`KERAS_BACKEND`).
"""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import torch

from every import EVERY, MGU, assert_near, short, sizes
from ostinato import cells, nn
from ostinato.equation import affine, cell, tanh
from ostinato.errors import CellError, ConfigError, UnknownName
from ostinato.levels import keras as level
from ostinato.levels.keras import Recurrent, RecurrentCell, backend
from ostinato.weights.keras import LAYERS
from tolerances import FLOAT32, SAME

D, H, R, B, T = 3, 5, 2, 4, 6
OWN = ["cho_gru", "gru", "lstm", "relu_rnn", "rnn"]
every_cell = pytest.mark.parametrize("name", EVERY, ids=short)
numpy = keras.ops.convert_to_numpy


def batch(seed=0, length=T):
    """Sequences, and a mask with a hole, padding on either side, and a row that is all padding."""
    x = np.random.default_rng(seed).standard_normal((B, length, D)).astype("float32")
    mask = np.ones((B, length), bool)
    mask[0, 2], mask[1, 3:], mask[2, :2], mask[3] = False, False, False, False
    return x, mask


def ours(name, /, **options):
    projection = R * ("R" in cells.find(name).graph.sizes.values())
    return Recurrent(name, H, projection, **options)


def arrays(found):
    return [numpy(a) for a in (found if isinstance(found, list | tuple) else [found])]


def pair(name, **options):
    """Our layer and Keras' own, with its weights."""
    kind, asked = LAYERS[name].name, LAYERS[name].options
    own = getattr(keras.layers, kind)(H, **asked, **options)
    own.build((None, None, D))
    random = np.random.default_rng(1)
    own.set_weights([random.standard_normal(w.shape) / 2 for w in own.get_weights()])
    layer = ours(name, **options)
    layer.build((None, None, D))
    layer.load_keras(own.get_weights())
    return layer, own


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "return_state": True},
        {"return_sequences": True, "go_backwards": True, "return_state": True},
        {"return_sequences": True, "zero_output_for_mask": True},
        {"return_state": True, "zero_output_for_mask": True, "go_backwards": True},
        {"return_sequences": True, "use_bias": False, "unroll": True},
    ],
    ids="-".join,
)
def test_a_layer_does_what_keras_own_does(name, options):
    layer, own = pair(name, **options)
    x, mask = batch()
    first = [np.float32(i + 1) * np.ones((B, H), "float32") / 5 for i in range(name == "lstm")]
    first.append(-np.ones((B, H), "float32") / 2)
    for given in (
        {},
        {"mask": mask},
        {"initial_state": first},
        {"mask": mask} | {"initial_state": first},
    ):
        assert_near(arrays(layer(x, **given)), arrays(own(x, **given)), FLOAT32)
    assert layer.compute_output_shape(x.shape) == own.compute_output_shape(x.shape)
    assert layer.count_params() == own.count_params()


@pytest.mark.parametrize("name", OWN)
def test_weights_come_from_keras_and_go_back(name):
    layer, own = pair(name)
    assert_near(layer.keras_weights(), own.get_weights(), SAME)


@every_cell
def test_weights_come_from_pytorch_and_go_back(name):
    module = nn.Recurrent(**sizes(name, D, H), num_layers=2, bidirectional=True, engine="torch")
    x = np.random.default_rng(0).standard_normal((B, T, 2 * module.output_size))
    alone = nn.Recurrent(**sizes(name, x.shape[2], H), batch_first=True, engine="torch")
    state = module.state_dict()
    names = [k.removesuffix("_l1_reverse") for k in state if k.endswith("_l1_reverse")]
    alone.load_state_dict({f"{k}_l0": state[f"{k}_l1_reverse"] for k in names})
    layer = ours(name, return_sequences=True)
    layer.build(x.shape)
    layer.load_torch(state, "_l1_reverse")
    expected = alone(torch.tensor(x, dtype=torch.float32))[0]
    assert_near(numpy(layer(x)), expected, FLOAT32)
    again = {k: torch.tensor(w) for k, w in layer.torch_weights().items()}
    alone.load_state_dict(again, strict=True)
    assert_near(alone(torch.tensor(x, dtype=torch.float32))[0], expected, FLOAT32)


@every_cell
def test_a_sequence_with_holes_is_the_sequence_without_them(name):
    layer = ours(name, return_state=True)
    x, mask = batch()
    states = arrays(layer(np.where(mask[:, :, None], x, np.nan), mask=mask))
    for b in range(3):
        alone = arrays(layer(x[b][mask[b]][None]))
        assert_near([s[b : b + 1] for s in states], alone, FLOAT32)


@every_cell
def test_chunks_of_a_stateful_layer_are_one_call(name):
    layer = ours(name, stateful=True, return_sequences=True)
    x, _ = batch()
    layer.build(x.shape)
    whole = numpy(layer(x))
    layer.reset_state()
    parts = [numpy(layer(part)) for part in (x[:, :1], x[:, 1:4], x[:, 4:])]
    assert_near(np.concatenate(parts, 1), whole, FLOAT32)
    assert not np.allclose(numpy(layer(x)), whole)  # it starts where the last call ended


@every_cell
def test_the_cell_alone_and_in_layers_of_keras(name):
    layer = ours(name, return_sequences=True)
    x, mask = batch()
    expected = numpy(layer(x, mask=mask))
    plain = keras.layers.RNN(layer.cell, return_sequences=True)
    assert_near(numpy(plain(x, mask=mask)), expected, FLOAT32)
    many = keras.layers.TimeDistributed(ours(name))
    found = numpy(many(np.stack([x, -x], 1)))
    assert_near(found[:, 1], numpy(many.layer(-x)), FLOAT32)
    stacked = keras.layers.RNN([RecurrentCell("gru", 2), RecurrentCell("lstm", 3)])
    assert stacked(x).shape == (B, 3)


@every_cell
def test_both_directions_by_keras_own_wrapper(name):
    both = keras.layers.Bidirectional(ours(name, return_sequences=True))
    x, mask = batch()
    forward, backward = np.split(numpy(both(x, mask=mask)), 2, -1)
    one, other = both.forward_layer, both.backward_layer
    assert not np.allclose(forward, backward)
    for b in (1, 2):
        real = x[b][mask[b]][None]
        assert_near(forward[b][mask[b]][None], numpy(one(real)), FLOAT32)
        assert_near(backward[b][mask[b]][None], numpy(other(real))[:, ::-1], FLOAT32)
    assert not forward[~mask].any()


def model(layer, width=8):
    """Words (B, T) of any length, 0 where there is none, to one number."""
    words = keras.Input((None,), dtype="int32")
    read = layer(keras.layers.Embedding(30, width, mask_zero=True)(words))
    return keras.Model(words, keras.layers.Dense(1)(read))


WORDS = np.array([[3, 7, 1, 0, 0], [2, 2, 9, 4, 1], [5, 0, 0, 0, 0]])


def test_a_model_with_a_users_cell_is_saved_and_loaded_without_its_file(tmp_path, monkeypatch):
    built = model(keras.layers.Bidirectional(Recurrent(MGU, H, bias_init={"k": 1.0})))
    built.save(tmp_path / "model.keras")
    monkeypatch.delattr(cells, "find")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_near(numpy(again(WORDS)), numpy(built(WORDS)), SAME)


@pytest.mark.slow
def test_a_saved_model_is_loaded_by_another_process(tmp_path):
    built = model(Recurrent(MGU, H))
    built.save(tmp_path / "model.keras")
    code = f"""if True:
        from ostinato.levels.keras import Recurrent
        import keras, numpy as np
        model = keras.saving.load_model("model.keras")
        np.save("found.npy", model.predict(np.array({WORDS.tolist()}), verbose=0))
    """
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert_near(np.load(tmp_path / "found.npy"), numpy(built(WORDS)), FLOAT32)


@every_cell
def test_a_layer_is_made_again_from_its_config(name):
    options = {"return_sequences": True, "go_backwards": True, "name": "mine", "dtype": "float16"}
    layer = ours(name, use_bias=False, **options)
    config = json.loads(json.dumps(layer.get_config()))
    again = Recurrent.from_config(config)
    assert again.get_config() == config
    assert config.items() >= {key: options[key] for key in list(options)[:3]}.items()
    assert again.cell.compute_dtype == again.compute_dtype == "float16"
    assert again.cell.equations.graph == layer.cell.equations.graph
    step = RecurrentCell.from_config(json.loads(json.dumps(layer.cell.get_config())))
    assert step.equations.graph == layer.cell.equations.graph


def test_a_stored_cell_that_holds_code_is_refused():
    graph = json.loads(json.dumps(cells.find("rnn").graph.to_json()))
    bad = "h); import os; os.abort("
    node = graph["nodes"][1] | {"label": bad}
    wrong = [graph | {"name": 'rnn"""\nimport os\n"""'}, graph | {"names": {"4": bad}}]
    wrong += [
        graph | {"notes": {"4": "a\nimport os"}},
        graph | {"parameters": {bad: {"shape": ["H"], "init": None}}},
    ]
    wrong.append(graph | {"nodes": [graph["nodes"][0], node, *graph["nodes"][2:]]})
    for data in wrong:
        with pytest.raises(CellError, match="a stored cell must not contain"):
            Recurrent(data, H)
    assert Recurrent(graph, H).cell.equations.graph == cells.find("rnn").graph


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_a_model_learns_from_batches_of_any_length(dtype):
    keras.utils.set_random_seed(0)
    layer = Recurrent("layer_norm_lstm", 8, dtype=dtype)
    built = model(layer)
    built.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    random = np.random.default_rng(0)

    def batches():
        for k in range(60):
            words = random.integers(1, 30, (16, 3 + k % 4))
            words[0, 1:] = 0
            yield words, (words[:, :1] < 15).astype("float32")

    losses = [float(built.train_on_batch(*given)) for given in batches()]
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) / 2
    assert layer.compute_dtype == dtype.removeprefix("mixed_")
    assert {w.dtype for w in layer.weights} == {"float32"}


def test_parameters_are_counted_as_keras_counts_them():
    words = keras.Input((None,), dtype="int32")
    read = Recurrent("lstm", 64)(keras.layers.Embedding(10_000, 32)(words))
    assert keras.Model(words, keras.layers.Dense(1)(read)).count_params() == 344_897


def test_weights_start_as_the_cell_says():
    layer = Recurrent("layer_norm_lstm", 100)
    layer.build((None, None, 50))
    start = {w.name: numpy(w) for w in layer.cell.weights}
    assert (start["gain_i"] == 1).all()
    assert not start["shift_i"].any()
    assert 0.09 < start["kernel"].max() <= 0.1
    assert -0.1 <= start["kernel"].min() < -0.09
    remembers = Recurrent("lstm", 4, bias_init={"f": 1.0})
    remembers.build((None, None, 3))
    gates = dict(zip("ifgo", np.split(numpy(remembers.cell.bias), 4), strict=True))
    assert (gates["f"] == 1).all()
    assert (abs(gates["i"]) <= 0.5).all()
    assert gates["i"].any()


def test_a_cell_whose_loop_reads_no_input():
    @cell
    def blind(x, h):
        return tanh(affine(h))

    layer = Recurrent(blind, H, return_sequences=True)
    x, mask = batch()
    assert layer(x, mask=mask).shape == (B, T, H)


def test_the_scan_of_the_level():
    layer, x = ours("lstm", return_sequences=True, return_state=True), batch()[0]
    expected = arrays(layer(x))
    first = [keras.ops.zeros((B, H)) for _ in range(2)]
    y, last = level.scan(cells.find("lstm"))(
        keras.ops.convert_to_tensor(x), None, first, layer.cell.tensors()
    )
    assert_near([numpy(y), *arrays(list(last))], expected, SAME)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Recurrent("lstm", 0), ConfigError, "units must be at least 1, not 0"),
        (lambda: Recurrent("lstm", 4, 2), ConfigError, "'lstm' does not use a projection, not 2"),
        (lambda: Recurrent("projected_lstm", 4), ConfigError, "needs a projection, not 0"),
        (lambda: Recurrent("lstn", 4), UnknownName, "did you mean 'lstm'"),
        (lambda: Recurrent(tanh, 4), ConfigError, "cell must be a cell made with @cell"),
        (
            lambda: Recurrent("lstm", 4, bias_init={"h": 1.0}),
            UnknownName,
            "unknown biased signal of lstm 'h'",
        ),
        (lambda: Recurrent("lstm", 4).torch_weights(), ConfigError, "no weights yet: call it, or"),
        (lambda: built("mgu").keras_weights(), ConfigError, "Keras has no layer for cell 'mgu'"),
        (lambda: built("rnn").load_torch({}), ConfigError, "not none with the suffix '_l0'"),
        (
            lambda: built("rnn").load_torch(torch.nn.LSTM(D, H, proj_size=2).state_dict()),
            ConfigError,
            "not bias_hh, bias_ih, weight_hh, weight_hr, weight_ih",
        ),
        (
            lambda: built("rnn").load_torch(torch.nn.RNN(D, H + 1).state_dict()),
            ConfigError,
            r"kernel is \(3, 5\), given is \(3, 6\)",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()


def built(name):
    layer = Recurrent(MGU if name == "mgu" else name, H)
    layer.build((None, None, D))
    return layer


@pytest.mark.parametrize(
    ("environment", "tensorflow", "file", "chosen"),
    [
        (None, False, None, "torch"),
        (None, False, '{"backend": "tensorflow"}', "torch"),  # Keras writes that by itself
        (None, False, "{", "torch"),
        (None, False, '{"backend": "jax"}', None),
        (None, True, None, None),
        (None, True, '{"backend": "torch"}', None),
        ("jax", False, None, "jax"),
        ("tensorflow", False, None, "tensorflow"),
    ],
)
def test_the_backend_is_the_users_choice(
    environment, tensorflow, file, chosen, monkeypatch, tmp_path
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", environment or "")
    find = {"tensorflow": tensorflow or None}
    monkeypatch.setattr(importlib.util, "find_spec", find.get)
    if file:
        (tmp_path / "keras.json").write_text(file)
    backend._choose_backend()
    assert os.environ["KERAS_BACKEND"] == (chosen or "")


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (None, "Keras is not installed: pip install 'keras>=3,<4'"),
        ("2.15.0", "Keras 2.15.0 is installed, and Keras 3 is needed"),
    ],
)
def test_without_keras_verify_says_why_and_proves_the_rest(version, reason, monkeypatch, capsys):
    from ostinato.cli import main

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: version)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    backend.absence.cache_clear()
    try:
        with pytest.raises(SystemExit, match="0"):
            main(["verify", "rnn"])
        with pytest.raises(ImportError, match="Keras"):
            from ostinato.levels.keras import Recurrent  # noqa: F401
    finally:
        backend.absence.cache_clear()
    told = " ".join(capsys.readouterr().out.split())
    assert told.count(reason) == 1
    assert "All proofs hold." in told


def test_the_text_is_written_without_importing_keras():
    code = """if True:
        import sys
        from ostinato import cells, levels
        assert "ops.sigmoid(" in levels.find("keras").source(cells.find("lstm"))
        assert not {"keras", "torch", "tensorflow"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
