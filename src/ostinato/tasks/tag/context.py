"""Contextual string embeddings: what language models of characters know at each word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato import data
from ostinato.errors import ConfigError, quoted
from ostinato.tasks.base.pretrained import LanguageModel
from ostinato.tasks.tag.settings import TagNetworkSettings
from ostinato.train import Run

_TOKENS = 20_000  # characters that are read side by side
_STEPS = 4096  # of a long sentence, whose states are in memory
_START = "\n"  # what stands before a sentence in the text of a language model


@dataclass(frozen=True)
class CharacterContext:
    """States of language models of characters after each word, in the middle of its sentence.

    One model reads from left to right, and says of a word what its state is after the last
    character; another one, trained on text that is reversed, reads from right to left, up to the
    word's first character. Their weights never change.

    Akbik, Blythe & Vollgraf 2018, "Contextual String Embeddings for Sequence Labeling".

    Attributes:
        forward, backward: the models; None where there is none.
        longest: of a longer word the middle is left out.
    """

    forward: LanguageModel | None
    backward: LanguageModel | None
    longest: int

    @classmethod
    def trained(cls, settings: TagNetworkSettings, longest: int) -> Self:
        """Of the runs that settings name.

        Raises:
            ConfigError: for a language model that does not read characters.
            RunError: for a run that is none of a language model.
        """
        paths = settings.pretrained, settings.pretrained_backward
        forward, backward = (LanguageModel.read(path) if path else None for path in paths)
        for model in filter(None, (forward, backward)):
            if model.name != "char":
                raise ConfigError(
                    f"{model.path}: a language model of the tokenizer {quoted(model.name)}; "
                    "a tagger reads one of characters, trained with --tokenizer char"
                )
        return cls(forward, backward, longest)

    @classmethod
    def read(cls, run: Run, settings: TagNetworkSettings, longest: int) -> Self:
        """Of a tagger's run, which holds what `write` wrote.

        Raises:
            RunError: when something is missing or damaged.
        """
        named = {"forward": settings.pretrained, "backward": settings.pretrained_backward}
        found = {name: LanguageModel.stored(run, name) for name, path in named.items() if path}
        return cls(found.get("forward"), found.get("backward"), longest)

    def write(self, run: Run) -> None:
        """Writes the models into a tagger's run."""
        for name, model in (("forward", self.forward), ("backward", self.backward)):
            if model:
                model.write(run, name)

    @property
    def features(self) -> int:
        """F, of each word."""
        models = filter(None, (self.forward, self.backward))
        return sum(model.stack.recurrent.output_size for model in models)

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of the models' weights, by their names in the manifest."""
        found = self.forward.digests if self.forward else {}
        if self.backward:
            found |= {f"backward_{name}": d for name, d in self.backward.digests.items()}
        return found

    def states(self, sentences: Sequence[Sequence[str]]) -> list[NDArray[np.float32]] | None:
        """The states at each word of each sentence (T, F); None where there are no models."""
        words = [[self._shortened(word) for word in sentence] for sentence in sentences]
        sides = []
        if self.forward:
            texts = [_START + " ".join(sentence) for sentence in words]
            ends = [np.cumsum([len(word) + 1 for word in sentence]) - 1 for sentence in words]
            sides.append(_states(self.forward, texts, ends))
        if self.backward:
            texts = [_START + " ".join(sentence)[::-1] for sentence in words]
            starts = [
                np.cumsum([len(word) + 1 for word in sentence[::-1]])[::-1] - 1
                for sentence in words
            ]
            sides.append(_states(self.backward, texts, starts))
        return [np.concatenate(each, 1) for each in zip(*sides, strict=True)] if sides else None

    def _shortened(self, word: str) -> str:
        if len(word) <= self.longest:
            return word
        end = self.longest // 2
        return word[: self.longest - end] + word[-end:]


@torch.no_grad()
def _states(
    model: LanguageModel, texts: Sequence[str], places: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.float32]]:
    """The states of a model at some places of each text (T, H)."""
    stack = model.stack.eval()
    found = [np.zeros((len(at), stack.recurrent.output_size), np.float32) for at in places]
    for chosen in data.bucketed(list(map(len, texts)), _TOKENS, 0, 0):
        symbols, _ = data.pad([model.vocabulary.encode(texts[i]) for i in chosen])
        steps, states = torch.from_numpy(symbols.T.copy()), None
        for start in range(0, len(steps), _STEPS):
            read = stack.embedding(steps[start : start + _STEPS])
            outputs, states = stack.recurrent(read, states)
            for column, i in enumerate(chosen):
                here = (places[i] >= start) & (places[i] < start + _STEPS)
                found[i][here] = outputs[places[i][here] - start, column].numpy()
    return found
