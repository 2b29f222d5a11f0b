"""Architecture: the parts of a network, in the order in which data goes through them."""

from __future__ import annotations

from typing import Any

from torch import nn


def architecture(network: Any) -> list[dict[str, Any]]:
    """What a network is made of: embedding, spelling, recurrent layers, pooling, output, CRF.

    Args:
        network: a network of a task, with `embedding`, `recurrent`, `output`, perhaps `spelling`,
            `pooling` and `crf`.

    Returns:
        A record for each part: `kind`, `name`, `inside` (what it is made of, in words), `gives`
        (the shape of what it gives, B sequences of T steps), `parameters`; for a recurrent layer
        also `directions` and the sizes of its `states`.
    """
    recurrent, embedding = network.recurrent, network.embedding
    symbols, features = embedding.weight.shape
    parts: list[dict[str, Any]] = [
        {
            "kind": "embedding",
            "name": "embedding",
            "inside": f"{symbols:,} symbols × {features}",
            "gives": f"B × T × {features}",
            "parameters": _count(embedding),
        }
    ]
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
    directions, output = len(recurrent.directions), recurrent.output_size
    sizes = {"H": recurrent.hidden_size, "R": recurrent.proj_size}
    weights = recurrent.all_weights
    for layer in range(recurrent.num_layers):
        own = weights[layer * directions : (layer + 1) * directions]
        gates = "both directions" if directions > 1 else "one direction"
        parts.append(
            {
                "kind": "recurrent",
                "name": f"{recurrent.cell.name} {layer + 1}"
                if recurrent.num_layers > 1
                else recurrent.cell.name,
                "inside": f"{recurrent.hidden_size} units, {gates}",
                "gives": f"B × T × {output * directions}",
                "parameters": sum(w.numel() for each in own for w in each),
                "directions": directions,
                "states": {s: sizes[k] for s, k in recurrent.cell.graph.sizes.items()},
            }
        )
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
    if crf is not None and not network.softmax:  # whose weights are zeros
        parts.append(
            {
                "kind": "crf",
                "name": "CRF",
                "inside": "scores of neighbouring labels",
                "gives": "B × T labels",
                "parameters": _count(crf),
            }
        )
    return parts


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _words(name: str) -> str:
    """A class's name as words: `MaxMean` is `max mean`."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
