"""A language model of one's own text as a start: the layers of a run of `fit generate`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from ostinato.data import Tokenizer, Vocabulary, tokenizer
from ostinato.equation import Cell
from ostinato.equation.stored import graph_from_json
from ostinato.errors import ConfigError, RunError, quoted
from ostinato.nn import Embedding
from ostinato.tasks.base.stack import StackSettings
from ostinato.tasks.base.stored import cell_in, from_json
from ostinato.tasks.base.symbols import read_symbols
from ostinato.tasks.base.weights import with_weights
from ostinato.tasks.base.words import S, Table, resized
from ostinato.train import Run
from ostinato.train.tensors import packed

TASK = "generate"


class LanguageStack(nn.Module):
    """The embedding and the recurrent layers of a language model.

    Args:
        cell: the recurrence.
        settings: sizes; of the noise nothing.
        symbols: V.
    """

    def __init__(self, cell: Cell, settings: StackSettings, symbols: int) -> None:
        super().__init__()
        self.embedding = Embedding(symbols, settings.embedding)
        self.recurrent = settings.recurrent(cell)


@dataclass(frozen=True)
class LanguageModel:
    """What other networks take of a language model.

    Attributes:
        path: its run.
        name: that of its tokenizer.
        tokenizer, vocabulary: how it reads texts.
        cell: its recurrence.
        settings: its sizes.
        stack: its embedding and recurrent layers.
    """

    path: str
    name: str
    tokenizer: Tokenizer
    vocabulary: Vocabulary
    cell: Cell
    settings: StackSettings
    stack: LanguageStack

    @classmethod
    def read(cls, path: str) -> LanguageModel:
        """That of a run.

        Raises:
            RunError: when there is no run, it is another task's, or it is damaged.
        """
        run = Run.open(path)
        values = run.config()
        if values.get("task") != TASK:
            raise RunError(
                f"{path}: a run of task {quoted(values.get('task'))}; model.pretrained takes a "
                f"language model, made by `ostinato fit {TASK}`"
            )
        sizes, name = values.get("model"), values.get("tokenizer")
        if not isinstance(sizes, Mapping) or not isinstance(name, str):
            raise RunError(f"{run.path / 'config.toml'}: damaged: no settings of a language model")
        known = {key: sizes[key] for key in StackSettings.model_fields if key in sizes}
        settings = StackSettings.parse(known, str(run.path / "config.toml"))
        cell, (split, vocabulary) = cell_in(run), read_symbols(run, name)
        stack = with_weights(
            run, lambda: LanguageStack(cell, settings, len(vocabulary)), all_of_them=False
        )
        return cls(path, name, split, vocabulary, cell, settings, stack)

    @classmethod
    def stored(cls, run: Run, name: str) -> LanguageModel:
        """That which `write` wrote into a run.

        Raises:
            RunError: when it is missing or damaged.
        """
        parts = from_json(run, f"{name}.json", _Parts.of_json)
        stack = with_weights(
            run,
            lambda: LanguageStack(parts.cell, parts.settings, len(parts.vocabulary)),
            f"{name}.safetensors",
        )
        path = str(run.path / f"{name}.json")
        split = tokenizer(parts.tokenizer)
        return cls(
            path, parts.tokenizer, split, parts.vocabulary, parts.cell, parts.settings, stack
        )

    def write(self, run: Run, name: str) -> None:
        """Writes it into the run of a model that reads with it."""
        parts = {
            "cell": self.cell.graph.to_json(),
            "settings": self.settings.model_dump(),
            "tokenizer": self.name,
            "vocabulary": self.vocabulary.to_json(),
        }
        run.write_json(f"{name}.json", parts)
        run.write_tensors(f"{name}.safetensors", self.stack.state_dict())

    def fitted(self, settings: S, cell: Cell) -> S:
        """The settings of a network that begins with its layers.

        Raises:
            ConfigError: when they ask for another cell, tokenizer or size.
        """
        if cell.graph != self.cell.graph:
            raise ConfigError(
                f"cell = {quoted(cell.name)}, but {self.path} was trained with "
                f"{quoted(self.cell.name)}; use --cell {self.cell.name}"
            )
        chosen = getattr(settings, "tokenizer", self.name)
        if "tokenizer" in settings.model_fields_set and chosen != self.name:
            raise ConfigError(
                f"tokenizer = {quoted(chosen)}, but {self.path} was trained with "
                f"{quoted(self.name)}; leave tokenizer out"
            )
        own = self.settings
        settings = settings.model_copy(update={"tokenizer": self.name})
        return resized(
            settings,
            self.path,
            embedding=own.embedding,
            hidden=own.hidden,
            layers=own.layers,
            projection=own.projection,
            bidirectional=False,
        )

    def extended(self, tokens: Vocabulary) -> tuple[Vocabulary, Table]:
        """Its vocabulary and those tokens that it does not know, and the embeddings of all.

        A new token begins with the mean of all others (Howard & Ruder 2018).
        """
        new = [token for token in tokens.symbols[1:] if token not in self.vocabulary]
        rows = self.stack.embedding.weight.detach().numpy()
        table = np.concatenate([rows, np.tile(rows.mean(0), (len(new), 1))])
        return Vocabulary([*self.vocabulary.symbols[1:], *new]), table

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of its weights, by its name in the manifest."""
        return {"pretrained_sha256": hashlib.sha256(packed(self.stack.state_dict())).hexdigest()}

    @property
    def layers(self) -> dict[str, Tensor]:
        """The weights of the recurrent layers by name."""
        return self.stack.recurrent.state_dict()


class _Parts(NamedTuple):
    """What `LanguageModel.write` writes besides weights."""

    cell: Cell
    settings: StackSettings
    tokenizer: str
    vocabulary: Vocabulary

    @classmethod
    def of_json(cls, parts: Mapping[str, Any]) -> _Parts:
        """Of a run's file, which may come from anywhere.

        Raises:
            DataError, LookupError, OstinatoError, TypeError: for what is no such thing.
        """
        graph = graph_from_json(parts["cell"])
        return cls(
            Cell(graph.name, graph),
            StackSettings.parse(parts["settings"], "settings"),
            str(parts["tokenizer"]),
            Vocabulary.from_json(parts["vocabulary"]),
        )


def layer_rates(layers: Mapping[str, object], rate: float) -> dict[str, float]:
    """Factors of the learning rate for an embedding and recurrent layers, the top one's `rate`.

    Each layer below learns at `rate` times that of the one above it, and the embedding below all:
    what a language model knows of words holds more generally than what it knows of sentences
    (Howard & Ruder 2018, "Universal Language Model Fine-tuning for Text Classification").

    Args:
        layers: the weights of the recurrent layers by name: `weight_ih_l0`, ….
        rate: between 0, at which nothing learns, and 1.
    """
    place = {name: int(name.rsplit("_l", 1)[1]) for name in layers}
    top = max(place.values())
    rates = {f"recurrent.{name}": rate ** (top - layer + 1) for name, layer in place.items()}
    return {"embedding": rate ** (top + 2), **rates}
