"""Architecture: the parts of a network, in the order in which data goes through them."""

from __future__ import annotations

from typing import Any

from torch import nn

from ostinato.nn import Recurrent
from ostinato.tasks.base.network import Network


def counts(network: nn.Module) -> dict[str, int]:
    """How many parameters a network has, and how many of them recurrent layers, wherever they are.

    A weight that two parts share counts once.

    >>> counts(nn.Sequential(nn.Linear(2, 3), Recurrent("rnn", 3, 4, bias=False)))
    {'parameters': 37, 'recurrent_parameters': 28}
    """
    stacks = nn.ModuleList(part for part in network.modules() if isinstance(part, Recurrent))
    return {"parameters": _count(network), "recurrent_parameters": _count(stacks)}


def architecture(network: Any) -> list[dict[str, Any]]:
    """What a network is made of: embedding, spelling, recurrent layers, pooling, output, CRF.

    Args:
        network: a network of a task, with `embedding`, `recurrent`, `output`, perhaps `bigrams`,
            `spelling`, `pooling` and `crf`; or an ensemble with such networks as `members`.

    Returns:
        A record for each part: `kind`, `name`, `inside` (what it is made of, in words), `gives`
        (the shape of what it gives, B sequences of T steps), `parameters`; for a recurrent layer
        also `directions` and the sizes of its `states`. The parts have all parameters of the
        network between them.
    """
    if isinstance(network, Network):
        return [dict(part.to_json()) for part in network.parts()]
    if hasattr(network, "decoder"):
        return encoder_decoder(network)
    recurrent, segments = network.recurrent, getattr(network, "segments", None)
    parts = [_embedding(network.embedding) if segments is None else _segments(segments)]
    bigrams = getattr(network, "bigrams", None)
    if bigrams is not None:
        pairs, features = bigrams.weight.shape
        parts.append(
            {
                "kind": "bigrams",
                "name": "bigrams",
                "inside": f"{pairs:,} pairs of symbols × {features}",
                "gives": f"B × T × {features}, added to the embedding",
                "parameters": _count(bigrams),
            }
        )
    spelling = getattr(network, "spelling", None)
    if spelling is not None:
        units = f"{spelling.recurrent.hidden_size} units, both directions"
        parts.append(
            {
                "kind": "spelling",
                "name": "spelling",
                "inside": f"{spelling.embedding.weight.shape[0]:,} characters, {units}",
                "gives": f"B × T × {spelling.output_size}, beside the embedding",
                "parameters": _count(spelling),
            }
        )
    parts += _layers(recurrent)
    if segments is not None:
        parts.append(_queries(network))
        return parts
    pooling = getattr(network, "pooling", None)
    if pooling is not None:
        parts.append(
            {
                "kind": "pooling",
                "name": "pooling",
                "inside": _words(type(pooling).__name__),
                "gives": f"B × {pooling.output_size}",
                "parameters": _count(pooling),
            }
        )
    steps = "" if pooling is not None else "T × "
    parts.append(
        {
            "kind": "output",
            "name": "output",
            "inside": f"linear, {network.output.in_features} → {network.output.out_features}",
            "gives": f"B × {steps}{network.output.out_features} logits",
            "parameters": _count(network.output),
        }
    )
    crf = getattr(network, "crf", None)
    if crf is not None:
        learnt = "scores of neighbouring labels"
        parts.append(
            {
                "kind": "crf",
                "name": "CRF",
                "inside": "which labels may follow; scores stay 0" if network.softmax else learnt,
                "gives": "B × T labels",
                "parameters": _count(crf),
            }
        )
    return parts


def encoder_decoder(network: Any) -> list[dict[str, Any]]:
    """The parts of a transducer's network, those of the encoder first; as `architecture`."""
    decoder, attention = network.decoder, network.decoder.attention
    parts = [
        _embedding(network.encoder.embedding, "source"),
        *_layers(network.recurrent, "encoder"),
    ]
    if network.bridge:
        parts.append(
            {
                "kind": "bridge",
                "name": "bridge",
                "inside": "linear, from last states to first ones",
                "gives": "states of each layer",
                "parameters": _count(network.bridge),
            }
        )
    parts += [_embedding(decoder.embedding, "target"), *_layers(decoder.recurrent, "decoder")]
    if attention is not None:
        parts.append(
            {
                "kind": "attention",
                "name": "attention",
                "inside": _words(type(attention).__name__),
                "gives": f"B × T × {network.encoder.output_size}, beside the decoder's",
                "parameters": _count(attention),
            }
        )
    symbols, features = decoder.embedding.weight.shape
    tied = decoder.weight is None
    parts.append(
        {
            "kind": "output",
            "name": "output",
            "inside": f"tanh, {decoder.readout.in_features} → {features}, "
            f"{'tied' if tied else 'linear'} → {symbols}",
            "gives": f"B × T × {symbols} logits",
            "parameters": _count(decoder.readout)
            + decoder.bias.numel()
            + (0 if tied else decoder.weight.numel()),
        }
    )
    return parts


def _embedding(embedding: Any, name: str = "") -> dict[str, Any]:
    if isinstance(embedding, nn.Linear):  # of signals
        features = embedding.out_features
        return {
            "kind": "embedding",
            "name": "numbers",
            "inside": f"linear, {embedding.in_features} → {features}",
            "gives": f"B × T × {features}",
            "parameters": _count(embedding),
        }
    symbols, features = embedding.weight.shape
    return {
        "kind": "embedding",
        "name": f"{name} embedding".lstrip(),
        "inside": f"{symbols:,} symbols × {features}",
        "gives": f"B × T × {features}",
        "parameters": _count(embedding),
    }


def _layers(recurrent: Any, name: str = "") -> list[dict[str, Any]]:
    """A record for each layer of a recurrent stack."""
    directions, output = len(recurrent.directions), recurrent.output_size
    sizes = {"H": recurrent.hidden_size, "R": recurrent.proj_size}
    weights, parts = recurrent.all_weights, []
    for layer in range(recurrent.num_layers):
        own = weights[layer * directions : (layer + 1) * directions]
        gates = "both directions" if directions > 1 else "one direction"
        number = f" {layer + 1}" if recurrent.num_layers > 1 else ""
        parts.append(
            {
                "kind": "recurrent",
                "name": f"{name} {recurrent.cell.name}{number}".lstrip(),
                "inside": f"{recurrent.hidden_size} units, {gates}",
                "gives": f"B × T × {output * directions}",
                "parameters": sum(w.numel() for each in own for w in each),
                "directions": directions,
                "states": {s: sizes[k] for s, k in recurrent.cell.graph.sizes.items()},
            }
        )
    return parts


def _segments(segments: Any) -> dict[str, Any]:
    project = segments.project
    return {
        "kind": "segments",
        "name": "segments",
        "inside": f"{segments.width} steps: linear, {project.in_features} → "
        f"{project.out_features}; relu",
        "gives": f"B × T/{segments.width} × {project.out_features}",
        "parameters": _count(segments),
    }


def _queries(network: Any) -> dict[str, Any]:
    """Each segment to come is asked for by a step of the same recurrent layers."""
    places, output = len(network.queries.place), network.output
    return {
        "kind": "output",
        "name": "queries, output",
        "inside": f"{places} queries; linear, {output.in_features} → {output.out_features}",
        "gives": f"B × {network.shape.horizon} × {network.shape.targets} × {network.levels}",
        "parameters": _count(network.queries) + _count(output),
    }


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _words(name: str) -> str:
    """A class's name as words: `MaxMean` is `max mean`."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
