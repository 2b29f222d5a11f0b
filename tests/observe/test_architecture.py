"""What is told of a network's size is what the network holds, whatever options add to it."""

from functools import partial

import numpy as np
import pytest
import torch

from ostinato import Classifier
from ostinato.cells import find
from ostinato.experiment.recall import RecallNetwork, RecallSettings
from ostinato.experiment.sizes import of_cells
from ostinato.experiment.trial import inside
from ostinato.nn import Recurrent
from ostinato.observe.architecture import architecture, counts
from ostinato.report.diagrams import network_diagram
from ostinato.tasks.base.defaults import Facts, classified
from ostinato.tasks.classify.network import ClassifyEnsemble, ClassifyNetwork
from ostinato.tasks.classify.settings import ClassifyNetworkSettings, ClassifySettings
from ostinato.tasks.forecast.network import ForecastNetwork, ForecastNetworkSettings, ForecastShape
from ostinato.tasks.generate.network import GenerateNetwork, GenerateNetworkSettings
from ostinato.tasks.tag.network import TagNetwork, TagNetworkSettings
from ostinato.tasks.tag.settings import TagSettings
from ostinato.tasks.transduce.network import TransduceNetwork, TransduceNetworkSettings

SIZES = {"embedding": 6, "hidden": 8}
ONE = ForecastShape(targets=1, past=0, future=0, static=0, horizon=4)
EVERY_STACK = [{}, {"layers": 2}, {"layers": 3, "dropout": 0.1, "recurrent_dropout": 0.1}]
BOTH_WAYS = [{"bidirectional": False}, {"bidirectional": False, "layers": 2}]


def networks(cell):
    """Every task's network, with every option that changes what it holds."""
    projection = {"projection": 4} if "R" in cell.graph.sizes.values() else {}
    sizes = SIZES | projection

    def classify(members=1, features=0, **options):
        model = ClassifyNetworkSettings(**sizes, **options)
        shape = (0 if features else 11), 3, None, features
        every = [ClassifyNetwork(cell, model, *shape) for _ in range(members)]
        return every[0] if members == 1 else ClassifyEnsemble(every)

    def tag(**options):
        model = TagNetworkSettings(**sizes, **({"character_hidden": 4} | options))
        return TagNetwork(cell, model, 11, 7, 5)

    def forecast(shape=None, **options):
        return ForecastNetwork(
            cell, ForecastNetworkSettings(**sizes, segment=2, **options), shape or ONE
        )

    for options in EVERY_STACK:
        yield classify(**options)
        yield GenerateNetwork(cell, GenerateNetworkSettings(**sizes, **options), 11)
        yield tag(**options)
        yield forecast(**options)
        yield TransduceNetwork(cell, TransduceNetworkSettings(**sizes, **options), 9, 7)
    for options in BOTH_WAYS:
        yield classify(**options)
        yield tag(**options)
        yield TransduceNetwork(cell, TransduceNetworkSettings(**sizes, **options), 9, 7)
    for pooling in ("last", "max", "mean", "attention", "first_last"):
        yield classify(pooling=pooling)
    for options in ({"bigrams": 5}, {"members": 3}, {"members": 2, "bigrams": 5, "layers": 2}):
        yield classify(**options)
    yield classify(features=2)
    yield classify(features=2, members=2)
    for options in ({"characters": 0}, {"output": "softmax"}, {"character_hidden": 8}):
        yield tag(**options)
    covariates = ForecastShape(targets=2, past=3, future=4, static=1, horizon=5)
    for channels in ("apart", "together"):
        for decoding in ("direct", "recursive"):
            yield forecast(covariates, channels=channels, decoding=decoding)
    yield forecast(quantiles=[])
    for options in (
        *({"attention": kind} for kind in ("dot", "general", "additive", "none")),
        *({"bridge": kind} for kind in ("linear", "copy", "none")),
        {"tied": True}, {"input_feeding": True}, {"tied": True, "input_feeding": True, "layers": 2},
    ):  # fmt: skip
        yield TransduceNetwork(cell, TransduceNetworkSettings(**sizes, **options), 9, 7)


@pytest.mark.parametrize("cell", ["lstm", "gru", "projected_lstm", "layer_norm_lstm"])
def test_told_are_all_parameters_and_all_recurrent_ones(cell):
    with torch.device("meta"):
        every = list(networks(find(cell)))
    for network in every:
        weights = dict(network.named_parameters())
        stacks = [name for name, part in network.named_modules() if isinstance(part, Recurrent)]
        told = counts(network)
        assert told["parameters"] == sum(w.numel() for w in weights.values())
        assert told["recurrent_parameters"] == sum(
            w.numel()
            for name, w in weights.items()
            if any(name.startswith(f"{stack}.") for stack in stacks)
        )
        parts = architecture(network)
        assert sum(part["parameters"] for part in parts) == told["parameters"], parts
        assert f"Network of {told['parameters']:,} parameters" in network_diagram(parts, "#123456")


def test_a_network_of_recall():
    settings = RecallSettings()
    network = RecallNetwork(find("gru"), settings.model, 2, 0)
    assert counts(network)["parameters"] == sum(w.numel() for w in network.parameters())
    assert counts(network)["recurrent_parameters"] == counts(network.recurrent)["parameters"]


def test_a_linear_model_that_answers_too_is_counted():
    texts = ["good film", "bad film", "good plot", "bad plot"] * 10
    model = {**SIZES, "linear": 2, "members": 2, "bigrams": 3}
    fitted = Classifier("gru", model=model, train={"epochs": 1}).fit(texts, ["p", "n"] * 20)
    told = inside(fitted)
    network = sum(w.numel() for w in fitted.network_.parameters())
    assert told["parameters"] == network + fitted.linear_.model.parameters
    assert sum(part["parameters"] for part in told["architecture"]) == told["parameters"]
    assert np.isfinite(fitted.predict_proba(texts[:2])).all()


@pytest.mark.parametrize("equal", ["recurrent", "parameters"])
@pytest.mark.parametrize("options", [{}, {"layers": 2}, {"characters": 0}], ids=str)
def test_taggers_are_made_equal_by_what_they_hold(equal, options):
    """No other hidden size comes nearer to the first cell; counted here weight by weight."""
    model = TagNetworkSettings(**SIZES | {"hidden": 20}, character_hidden=6, **options)

    def network(own):
        return TagNetwork(find(own.cell), own.model, 2, 2, 5)

    cells = {"gru": "gru", "lstm": "lstm", "rnn": "rnn"}
    found = of_cells(TagSettings(model=model), cells, equal, network, 1)

    def held(settings, hidden):
        changed = settings.model.model_copy(update={"hidden": hidden})
        made = network(settings.model_copy(update={"model": changed}))
        kept = made.parameters()
        if equal == "recurrent":
            kept = (w for key, w in made.named_parameters() if "recurrent." in key)
        return sum(w.numel() for w in kept)

    wanted = held(found["gru"], 20)
    for other in ("lstm", "rnn"):
        size = found[other].model.hidden
        away = partial(lambda own, hidden: abs(held(own, hidden) - wanted), found[other])
        assert away(size) <= min(away(size - 1), away(size + 1))
        assert away(size) <= 0.1 * wanted


def test_sizes_that_were_made_equal_do_not_go_by_the_data_afterwards():
    facts = Facts([9] * 5000, held=500)  # names, for which more units are the default

    def network(own):
        return ClassifyNetwork(find(own.cell), own.model, 40, 18)

    settings = ClassifySettings.parse({"tokenizer": "char"}, "here")
    assert classified(settings, facts).model.hidden > settings.model.hidden
    found = of_cells(settings, {"lstm": "lstm", "rnn": "rnn"}, "parameters", network, 1)
    sizes = [counts(network(classified(own, facts)))["parameters"] for own in found.values()]
    assert max(sizes) < 1.02 * min(sizes)
