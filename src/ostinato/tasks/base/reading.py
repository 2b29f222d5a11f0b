"""What the commands of a task read: data to train on, and data that cells are compared by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from ostinato.tasks.base.summary import Shown

if TYPE_CHECKING:
    from torch import nn

    from ostinato.tasks.base.held_out import Given, HeldOut

TableFormat: TypeAlias = Annotated[
    str | None,
    "The file format: csv, tsv, json, jsonl or parquet. Default: detected from the "
    "file's name or content.",
]
"""How a table is written."""
LinesFormat: TypeAlias = Annotated[
    str | None,
    "The file format: csv, tsv, json, jsonl, parquet or text. Default: detected "
    "from the file's name or content.",
]
"""How a table is written, or that each line is a text."""
SkipBadRows: TypeAlias = Annotated[
    bool,
    "Skip bad rows and print how many there are. Default: the first bad row is an error.",
]
HELD_OUT = 0.2
"""The part of examples that is held out to compare by, where a source has no test part."""


@dataclass(frozen=True)
class TrainingSet:
    """What `fit` of a task has read.

    Attributes:
        inputs: what the estimator's `fit` takes.
        options: what it takes besides, by name.
        summary: what is shown of the trained estimator.
    """

    inputs: Given
    options: Mapping[str, object]
    summary: Callable[[Any], Iterator[Shown]]


@dataclass(frozen=True)
class Comparison:
    """What cells are trained on and compared by.

    Attributes:
        training: what the estimators' `fit` takes.
        held_out: what they are judged by.
        network: the network of some settings, for its number of parameters.
        sizes: how many things are trained on, and judged by.
        multiple: what a hidden size must be a multiple of.
    """

    training: Given
    held_out: HeldOut
    network: Callable[[Any], nn.Module] = field(repr=False)
    sizes: tuple[int, int]
    multiple: int = 1
