"""One plan in two frameworks, beside a third hand: PyTorch's and Keras' own layers."""

import importlib.util
import math

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import tolerances
from ostinato import cells
from ostinato.data import Examples
from ostinato.errors import ConfigError, DataError, UnknownName
from ostinato.experiment import frameworks
from ostinato.experiment.frameworks import EPSILON
from ostinato.experiment.frameworks._keras_network import KerasClassifier
from ostinato.nn.pooling import POOLINGS
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.classify.network import ClassifyNetwork
from ostinato.tasks.classify.settings import ClassifySettings

# On TensorFlow Keras clips by another norm: gradients of one word count apart there.
CLIP = 0.05 if keras.backend.backend() == "torch" else 100.0
WORDS = "a good bad dull so very film play it was that this".split()


def texts(count, seed):
    random = np.random.default_rng(seed)
    lengths = [1, *random.integers(2, 9, count - 1)]  # the shortest is a single word
    said = [" ".join(random.choice(WORDS, n)) for n in lengths]
    return Examples(
        said, ["pos" if "good" in text or k == 1 else "neg" for k, text in enumerate(said)]
    )


def settings(cell="lstm", pooling="max_mean", **model):
    sizes = {"embedding": 5, "hidden": 7, "dropout": 0.0, "pooling": pooling, **model}
    train = {"epochs": 2, "lr": 0.02, "clip": CLIP, "weight_decay": 0.1}
    data = {"batch_tokens": 40, "min_count": 1}
    values = {"cell": cell, "model": sizes, "train": train, "data": data}
    return ClassifySettings.parse(values, "test")


def silent(done, words):
    pass


@pytest.fixture
def train(monkeypatch):
    """Trains in this process, whose threads are set already."""
    monkeypatch.setattr(frameworks.find("keras"), "_limit_threads", lambda threads: None)

    def train(framework, plan):
        return frameworks.find(framework).train(plan, silent)

    return train


def close(a, b, tolerance):
    assert np.abs(np.asarray(a) - np.asarray(b)).max() <= tolerance


def same_weights(one, other, tolerance):
    assert one.keys() == other.keys()
    for name in one:
        close(one[name], other[name], tolerance)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_network_of_keras_answers_alike(pooling):
    chosen = settings("gru", pooling, layers=2, bidirectional=pooling != "mean")
    torch.manual_seed(1)
    network = ClassifyNetwork(cells.find("gru"), chosen.model, 9, 3)
    weights = {name: w.detach().numpy() for name, w in network.named_parameters()}
    theirs = KerasClassifier(chosen, 9, 3)
    theirs.load(weights)
    random = np.random.default_rng(2)
    values, lengths = random.integers(0, 9, (4, 6)), np.array([6, 1, 3, 5])
    with torch.inference_mode():
        wanted = network(PooledBatch(torch.from_numpy(values), torch.from_numpy(lengths))).numpy()
    found = theirs.model.predict_on_batch(theirs.inputs(values, lengths))
    close(found, wanted, tolerances.FLOAT32)
    given = frameworks.canonical(chosen, weights)
    same_weights(frameworks.canonical(chosen, theirs.weights()), given, tolerances.SAME)


@pytest.mark.parametrize(
    ("cell", "more"),
    [
        ("rnn", {"bidirectional": False}),
        ("cho_gru", {"layers": 2, "label_smoothing": 0.1}),
        ("peephole_lstm", {"pooling": "attention"}),
    ],
)
def test_keras_learns_the_same(train, cell, more):
    plan = frameworks.plan(settings(cell, **more), texts(24, 3), texts(12, 4))
    ours, theirs = train("torch", plan), train("keras", plan)
    close(ours.losses, theirs.losses, tolerances.TRAINED)
    close(ours.logits, theirs.logits, tolerances.TRAINED)
    same_weights(ours.weights, theirs.weights, tolerances.TRAINED_WEIGHTS)
    assert ours.tokens == theirs.tokens
    moved = {name: np.abs(ours.weights[name] - w).max() for name, w in plan.weights.items()}
    assert min(far for far in moved.values() if far) > 100 * tolerances.TRAINED


def test_both_learn_what_layers_of_pytorch_and_keras_learn(train):
    plan = frameworks.plan(settings(), texts(24, 5), texts(12, 6))
    losses, logits = by_pytorch(plan)
    close(losses, by_keras(plan), tolerances.TRAINED)
    for framework in ("torch", "keras"):
        found = train(framework, plan)
        close(found.losses, losses, tolerances.TRAINED)
        close(found.logits, logits, tolerances.TRAINED)


def by_pytorch(plan):
    """As PyTorch's tutorials write it: `nn.LSTM` over packed sequences."""
    chosen = plan.settings
    embedding = nn.Embedding(plan.symbols, 5)
    lstm, output = nn.LSTM(5, 7, bidirectional=True, batch_first=True), nn.Linear(28, 2)
    parts = nn.ModuleDict({"embedding": embedding, "recurrent": lstm, "output": output})
    parts.load_state_dict({name: torch.tensor(w) for name, w in plan.weights.items()})
    for name, weight in lstm.named_parameters():
        weight.requires_grad_("bias_hh" not in name)
    optimizer = torch.optim.AdamW(parts.parameters(), weight_decay=0.1)

    def forward(values, lengths):
        embedded = embedding(torch.from_numpy(values))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        h = pad_packed_sequence(lstm(packed)[0], batch_first=True)[0]
        each = [h[k, :n] for k, n in enumerate(lengths)]
        pooled = [torch.cat([own.max(0).values, own.mean(0)]) for own in each]
        return output(torch.stack(pooled))

    losses = []
    batches = [batch for epoch in plan.epochs for batch in epoch]
    for k, (batch, rate) in enumerate(zip(batches, plan.rates, strict=True)):
        values, lengths, classes = plan.batch(batch)
        loss = nn.functional.cross_entropy(forward(values, lengths), torch.from_numpy(classes))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parts.parameters(), chosen.train.clip)
        (group,) = optimizer.param_groups
        group |= {"lr": rate, "eps": EPSILON / math.sqrt(1 - 0.999 ** (k + 1))}
        optimizer.step()
        losses.append(loss.item())
    logits = np.zeros((len(plan.held[0]), 2))
    with torch.inference_mode():
        for chosen, values, lengths in plan.asked():
            logits[chosen] = forward(values, lengths).numpy()
    return losses, logits


def by_keras(plan):
    """As Keras' guides write it: `keras.layers.LSTM` in a functional model."""
    network = KerasClassifier(plan.settings, plan.symbols, 2)
    network.load(plan.weights)
    embedding, ours, *_, dense = (layer for layer in network.model.layers if layer.get_weights())
    words = keras.Input((None,), dtype="int32")
    table = keras.layers.Embedding(plan.symbols + 1, 5, mask_zero=True)
    own = keras.layers.Bidirectional(keras.layers.LSTM(7, return_sequences=True))
    h = own(table(words))
    real = keras.ops.expand_dims(keras.ops.not_equal(words, 0), -1)
    highest = keras.ops.max(keras.ops.where(real, h, -np.inf), 1)
    mean = keras.layers.GlobalAveragePooling1D()(h)
    output = keras.layers.Dense(2)
    model = keras.Model(words, output(keras.layers.Concatenate()([highest, mean])))
    table.set_weights(embedding.get_weights())
    own.forward_layer.set_weights(ours.forward_layer.keras_weights())
    own.backward_layer.set_weights(ours.backward_layer.keras_weights())
    output.set_weights(dense.get_weights())
    optimizer = keras.optimizers.AdamW(weight_decay=0.1, epsilon=EPSILON, global_clipnorm=CLIP)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False)
    losses = []
    batches = [batch for epoch in plan.epochs for batch in epoch]
    for batch, rate in zip(batches, plan.rates, strict=True):
        values, lengths, classes = plan.batch(batch)
        optimizer.learning_rate = rate
        losses.append(float(model.train_on_batch(network.inputs(values, lengths), classes)))
    return losses


def test_shaken_weights_are_off_by_roundings():
    plan = frameworks.plan(settings("gru"), texts(24, 7), texts(5, 8))
    framework = frameworks.find("torch")
    plain, again, shaken = (
        train(plan, silent) for train in (framework.train, framework.train, framework.shaken)
    )
    assert plain.losses == again.losses
    same_weights(plain.weights, again.weights, tolerances.SAME)
    close(plain.losses, shaken.losses, tolerances.TRAINED)
    for name, w in plain.weights.items():
        if w.any():
            assert 0 < np.abs(w - shaken.weights[name]).max() <= tolerances.TRAINED


def test_a_lesson_is_the_same_for_the_same_seed():
    one, other = (frameworks.plan(settings(), texts(20, 1), texts(5, 2)) for _ in range(2))
    same_weights(one.weights, other.weights, tolerances.SAME)
    for a, b in zip(one.epochs, other.epochs, strict=True):
        assert [list(batch) for batch in a] == [list(batch) for batch in b]
    first, second, *_ = one.epochs
    assert [list(batch) for batch in first] != [list(batch) for batch in second]


def test_what_cannot_be_is_refused(monkeypatch):
    with pytest.raises(UnknownName, match="unknown framework 'kears'; did you mean 'keras'"):
        frameworks.find("kears")
    with pytest.raises(DataError, match="the label 'meh', which is not in the training set"):
        frameworks.plan(settings(), texts(9, 1), Examples(["so so"], ["meh"]))
    with pytest.raises(ConfigError, match="neither bigrams nor members"):
        KerasClassifier(settings(members=2), 9, 2)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    here = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "jax" else here(n))
    assert frameworks.find("keras").missing() == "KERAS_BACKEND is jax, which is not installed here"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'keras>=3,<4'" in frameworks.find("keras").missing()
