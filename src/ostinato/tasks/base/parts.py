"""The parts of a network, described in words, for tables and diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict, cast

from torch import Tensor, nn

from ostinato.nn import Recurrent, Tied

AFTER = frozenset({"linear", "baseline", "ngrams"})
"""The kinds of parts that answer with a network and are fitted after its training."""
BESIDE = AFTER | {"indicators"}
"""The kinds of parts that are no part of a recurrent network, and are named beside it."""


class PartRecord(TypedDict, total=False):
    """A part as plain data; only recurrent layers have `directions` and `states`."""

    kind: str
    name: str
    inside: str
    gives: str
    parameters: int
    directions: int
    states: dict[str, int]


@dataclass(frozen=True)
class Part:
    """A part of a network.

    Attributes:
        kind: `embedding`, `recurrent`, `pooling`, `output`, ….
        name: what it is called.
        inside: what it is made of, in words.
        gives: the shape of what it gives, for B sequences of T steps.
        parameters: how many weights it has.
        directions: of a recurrent layer, 1 or 2; else 0.
        states: of a recurrent layer the size of each state by name.
    """

    kind: str
    name: str
    inside: str
    gives: str
    parameters: int = 0
    directions: int = 0
    states: dict[str, int] | None = None

    def to_json(self) -> PartRecord:
        """Plain data."""
        record = PartRecord(
            kind=self.kind,
            name=self.name,
            inside=self.inside,
            gives=self.gives,
            parameters=self.parameters,
        )
        if self.states is not None:
            record |= PartRecord(directions=self.directions, states=self.states)
        return record


def parameters_of(module: nn.Module) -> int:
    """The number of weights of a module; one that two parts share counts once."""
    return sum(weight.numel() for weight in module.parameters())


def embedding_part(embedding: nn.Embedding, name: str = "embedding") -> Part:
    """A table of vectors of symbols."""
    symbols, features = embedding.weight.shape
    inside = f"{symbols:,} symbols × {features}"
    return Part("embedding", name, inside, f"B × T × {features}", parameters_of(embedding))


def linear_part(linear: nn.Linear | Tied, kind: str, name: str, gives: str) -> Part:
    """A linear map; what it shares with an embedding counts there."""
    outputs, inputs = linear.weight.shape
    tied = ", with the weights of the embedding" if isinstance(linear, Tied) else ""
    inside = f"linear, {inputs} → {outputs}{tied}"
    return Part(kind, name, inside, gives, parameters_of(linear))


def layer_parts(recurrent: Recurrent, name: str = "") -> list[Part]:
    """The layers of a recurrent stack."""
    directions, output = len(recurrent.directions), recurrent.output_size
    sizes = {"H": recurrent.hidden_size, "R": recurrent.proj_size}
    weights = cast(Sequence[Sequence[Tensor]], recurrent.all_weights)
    parts = []
    for layer in range(recurrent.num_layers):
        own = weights[layer * directions : (layer + 1) * directions]
        number = f" {layer + 1}" if recurrent.num_layers > 1 else ""
        ways = "both directions" if directions > 1 else "one direction"
        parts.append(
            Part(
                kind="recurrent",
                name=f"{name} {recurrent.cell.name}{number}".lstrip(),
                inside=f"{recurrent.hidden_size} units, {ways}",
                gives=f"B × T × {output * directions}",
                parameters=sum(w.numel() for each in own for w in each),
                directions=directions,
                states={s: sizes[k] for s, k in recurrent.cell.graph.sizes.items()},
            )
        )
    return parts


def side_by_side(members: Sequence[Sequence[Part]]) -> list[Part]:
    """The parts of networks that are alike, as one network that averages what they say."""
    parts = [
        replace(
            alike[0],
            name=f"{len(alike)} × {alike[0].name}",
            parameters=sum(part.parameters for part in alike),
        )
        for alike in zip(*members, strict=True)
    ]
    mean = Part("members", "members", "the mean of their probabilities", parts[-1].gives)
    return [*parts, mean]


def in_words(module: nn.Module) -> str:
    """A module's class as words: `MaxMean` is `max mean`, `AttentionPooling` is `attention`."""
    name = type(module).__name__.removesuffix("Pooling")
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
