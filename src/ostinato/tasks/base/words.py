"""What the embeddings of words begin with: at random, by their neighbours, or vectors of a file."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ostinato.data import Tokenizer, Vocabulary, read_vectors
from ostinato.data.symbols.cooccurrence import ppmi_vectors
from ostinato.data.vectors.vectors import Read
from ostinato.errors import ConfigError
from ostinato.tasks.base.defaults import filled, is_chosen
from ostinato.tasks.base.settings import TaskSettings

S = TypeVar("S", bound=TaskSettings)
Table: TypeAlias = NDArray[np.float32] | None
"""The vectors (V, D) that embeddings begin with; None leaves them at random."""
_SCALE = 0.3
"""Root mean square of embeddings that start with vectors; those at random have 0.1."""


@dataclass(frozen=True)
class KnownWords:
    """The words that have embeddings, and what these begin with.

    Attributes:
        vocabulary: the words.
        table: the vectors (V, D) that their embeddings begin with; None where there is no file of
            vectors.
    """

    vocabulary: Vocabulary
    table: NDArray[np.float32] | None = None

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of words and vectors, by its name in the manifest."""
        if self.table is None:
            return {}
        digest = hashlib.sha256("\n".join(self.vocabulary.symbols).encode())
        digest.update(self.table.tobytes())
        return {"vectors_sha256": digest.hexdigest()}


def known_words(
    file: str | None, further: int, known: Vocabulary, seen: Vocabulary, read: Read
) -> KnownWords:
    """The words that have embeddings, and what these begin with, where there are vectors.

    Words of the file join those that are known: those that are seen too rarely to learn an
    embedding from, and some that are not seen. The mean of the vectors is taken off them, of which
    they have much in common and nothing follows; a word without a vector, the unknown one too,
    begins with the mean. One factor gives all their scale.

    Mu & Viswanath 2018, "All-but-the-top: simple and effective postprocessing for word
    representations".

    Args:
        file: that of the vectors, if there is one.
        further: how many of its words, at its beginning, may join that are not seen.
        known: the words that have embeddings without vectors.
        seen: all words of the training texts that may have some.
        read: the token that a word by itself is read as, see `Matching`.

    Raises:
        DataError: when there are no vectors to be read.
    """
    if file is None:
        return KnownWords(known)
    found = read_vectors(file, seen.symbols[1:], read, further)
    frequent = known.symbols[1:]
    if 2 * (have := sum(word in found.known for word in frequent)) < len(frequent):
        logging.getLogger("ostinato").warning(
            "%s: only %s of the %s words of the training texts have a vector",
            file, f"{have:,}", f"{len(frequent):,}",
        )  # fmt: skip
    rare = [word for word in seen.symbols[1:] if word in found.known and word not in known]
    vocabulary = Vocabulary([*frequent, *rare, *found.further])
    rows = [index for index, word in enumerate(vocabulary.symbols) if word in found.known]
    vectors = np.stack([found.known[vocabulary.symbols[index]] for index in rows])
    vectors -= vectors.mean(0)
    table = np.zeros((len(vocabulary), found.size), np.float32)
    table[rows] = vectors * (_SCALE / max(float(np.sqrt((vectors**2).mean())), 1e-12))
    return KnownWords(vocabulary, table)


def fitted(settings: S, **tables: KnownWords) -> S:
    """The settings, whose embeddings have the size of their vectors.

    Args:
        settings: those of the task.
        tables: what embeddings begin with, by the setting that names their file.

    Raises:
        ConfigError: when another size is asked for.
    """
    sizes = {
        f"{getattr(settings.model, name)} (model.{name})": words.table.shape[1]
        for name, words in tables.items()
        if words.table is not None
    }
    if len(set(sizes.values())) > 1:
        each = ", ".join(f"{file} has vectors of {size} numbers" for file, size in sizes.items())
        raise ConfigError(f"{each}; they must have the same size")
    for file, size in sizes.items():
        settings = resized(settings, file, embedding=size)
    return settings


def resized(settings: S, source: str, **sizes: int) -> S:
    """The settings, with the sizes of what the network starts with.

    Args:
        settings: those of the task.
        source: what the network starts with.
        sizes: the sizes by name.

    Raises:
        ConfigError: when another size is asked for.
    """
    wanted = {f"model.{name}": size for name, size in sizes.items()}
    for name, size in sizes.items():
        given = getattr(settings.model, name)
        if given != size and is_chosen(settings, f"model.{name}"):
            raise ConfigError(
                f"model.{name} = {given}, but {source} has {size}; leave model.{name} out"
            )
    return filled(settings, wanted)


def neighbours(
    settings: TaskSettings, start: str, sequences: Sequence[NDArray[np.int64]], symbols: int
) -> NDArray[np.float32] | None:
    """What embeddings (V, E) begin with that start from co-occurrence; None of others."""
    if start != "ppmi":
        return None
    return _SCALE * ppmi_vectors(sequences, symbols, settings.model.embedding, settings.seed)


@torch.no_grad()
def begin_with(table: NDArray[np.float32] | None, embeddings: Iterable[nn.Module]) -> None:
    """Gives embeddings the vectors (V, E) that they begin with; None changes none."""
    if table is None:
        return
    for embedding in embeddings:
        if isinstance(embedding, nn.Embedding):
            embedding.weight[: len(table)] = torch.from_numpy(table)


def token_of(split: Tokenizer) -> Read:
    """The token that a tokenizer makes of a word, where it makes a single one."""

    def read(word: str) -> str | None:
        tokens = split.split(f" {word}")  # as inside of a text
        return tokens[0] if len(tokens) == 1 else None

    return read
