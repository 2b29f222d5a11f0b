"""An exam: what no model was trained on, and how a trained one does on it.

One exam is set to all models that are compared, so that their answers can be paired.
"""

from __future__ import annotations

import hashlib
import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.data import Examples, Store, Tokenizer, Vocabulary, tokenizer, train_on_beginning
from ostinato.errors import DataError
from ostinato.observe.gradient_flow import gradient_flow
from ostinato.tasks.classify import Classifier, ClassifySettings
from ostinato.tasks.generate import GenerateSettings, Generator
from ostinato.tasks.linear import fit_baseline
from ostinato.tasks.ngram import MOST, fit_ngram, probabilities

BLOCKS = 64
"""The pieces into which a held-out text is cut."""
SEQUENCES = 32
"""The sequences over which gradients are averaged."""
REACH = 150
"""The steps back from the end of a sequence that gradients are told for."""


class Exam(ABC):
    """What is held out, of one task."""

    metric: str
    """What a model is judged by; it is also a key of `judge` and of a trained model's history."""
    lower: bool
    """Whether less of it is better."""

    @abstractmethod
    def __len__(self) -> int:
        """How many texts or symbols are held out."""

    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what is held out."""

    @abstractmethod
    def judge(self, estimator: Any) -> dict[str, Any]:
        """How a trained model does: the metric, `scores` of every part, and what else there is."""

    @abstractmethod
    def baseline(self, settings: Any, training: tuple[Any, ...]) -> dict[str, Any]:
        """The same of the task's baseline, trained on what an estimator is trained on."""

    @abstractmethod
    def flow(self, estimator: Any, network: Any) -> dict[str, list[float]]:
        """Sizes of the gradient by distance from the end of a sequence; see `gradient_flow`."""


@dataclass(frozen=True)
class ClassifyExam(Exam):
    """Texts whose labels are asked for; each is right (1) or wrong (0)."""

    examples: Examples
    metric = "accuracy"
    lower = False

    def __len__(self) -> int:
        return len(self.examples)

    def fingerprint(self) -> str:
        """See the class."""
        return self.examples.fingerprint()

    def judge(self, estimator: Classifier) -> dict[str, Any]:
        """Accuracy, F1, confusion; and for each text whether it is right, and how sure it was.

        Raises:
            DataError: for a label that the classifier does not know.
        """
        evaluation = estimator.evaluate(self.examples.texts, self.examples.labels)
        probabilities = estimator.predict_proba(self.examples.texts)
        predicted = np.array(estimator.classes_)[probabilities.argmax(-1)]
        right = predicted == np.array([label.strip() for label in self.examples.labels])
        return {
            "accuracy": evaluation.accuracy,
            "f1": evaluation.f1,
            "classes": evaluation.classes,
            "confusion": evaluation.confusion.tolist(),
            "scores": right.astype(int).tolist(),
            "confidence": [round(float(p), 6) for p in probabilities.max(-1)],
        }

    def baseline(self, settings: ClassifySettings, training: tuple[Any, ...]) -> dict[str, Any]:
        """Logistic regression on words and pairs; see `fit_baseline`."""
        texts, labels = training
        kept, _ = data.split_blocks(labels, settings.data.validation, settings.seed)
        chosen = Examples(texts, labels).select(kept)
        split = tokenizer(settings.tokenizer).train(chosen.texts, settings.data.vocabulary)
        fitted = fit_baseline(chosen.texts, chosen.labels, split)
        predicted = fitted.predict(self.examples.texts)
        right = [int(p == y) for p, y in zip(predicted, self.examples.labels, strict=True)]
        return {
            "name": "linear baseline",
            "accuracy": sum(right) / len(right),
            "scores": right,
            "parameters": fitted.parameters,
            "seconds": fitted.seconds,
        }

    def flow(self, estimator: Classifier, network: Any) -> dict[str, list[float]]:
        """Over the longest texts; the loss is that of each text's label."""
        by_length = sorted(range(len(self)), key=lambda i: -len(self.examples.texts[i]))
        chosen = self.examples.select(by_length[:SEQUENCES])
        values, lengths, targets = estimator.encode(chosen.texts, chosen.labels)

        def loss() -> Tensor:
            return nn.functional.cross_entropy(network(values, lengths), targets, reduction="sum")

        return _reached(network, loss)


@dataclass(frozen=True)
class GenerateExam(Exam):
    """A text that is read in blocks side by side; each has its nats for a symbol."""

    text: str
    metric = "nats"
    lower = True

    def __len__(self) -> int:
        return len(self.text)

    def fingerprint(self) -> str:
        """See the class."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def judge(self, estimator: Generator) -> dict[str, Any]:
        """Nats, bits and perplexity; every block begins without a state."""
        symbols = self._symbols(estimator.tokenizer_, estimator.vocabulary_)
        blocks = self._blocks(symbols)
        total, count, state = torch.zeros(blocks), 0, None
        with torch.inference_mode():
            for inputs, targets in data.streams(symbols, blocks, 256):
                logits, state = estimator.network_(torch.from_numpy(inputs), state)
                losses = nn.functional.cross_entropy(
                    logits.flatten(0, 1), torch.from_numpy(targets).flatten(), reduction="none"
                )
                total += losses.view(targets.shape).sum(0)
                count += len(targets)
        return _nats((total / count).tolist())

    def baseline(self, settings: GenerateSettings, training: tuple[Any, ...]) -> dict[str, Any]:
        """Interpolated Kneser-Ney, its order chosen on the validation text; see `fit_ngram`."""
        began = time.perf_counter()
        split, known, kept, held = symbols_of(settings, training[0])
        symbols = self._symbols(split, known)
        order = fit_ngram(kept, held, len(known)).order
        before = np.concatenate([kept, held])[-MOST:]
        p = probabilities(before, symbols, len(known), order)
        blocks = self._blocks(symbols)
        length = (len(symbols) - 1) // blocks
        scores = -np.log(p[1 : 1 + blocks * length]).reshape(blocks, length).mean(1)
        return {
            "name": f"{order}-gram baseline",
            **_nats(scores.tolist()),
            "seconds": time.perf_counter() - began,
        }

    def flow(self, estimator: Generator, network: Any) -> dict[str, list[float]]:
        """Over pieces of the text; the loss is that of the symbol after each."""
        symbols = self._symbols(estimator.tokenizer_, estimator.vocabulary_)
        count = min(SEQUENCES, self._blocks(symbols))
        length = min(REACH + 1, (len(symbols) - 1) // count)
        inputs, targets = data.streams(symbols, count, length)[0]

        def loss() -> Tensor:
            logits, _ = network(torch.from_numpy(inputs))
            last = torch.from_numpy(targets[-1])
            return nn.functional.cross_entropy(logits[-1], last, reduction="sum")

        return _reached(network, loss)

    def _symbols(self, split: Tokenizer, known: Vocabulary) -> NDArray[np.int64]:
        store = Store(split)
        store.add_long([self.text])
        if len(store) < 3:
            raise DataError(f"a held-out text of {len(store)} symbols is too short to judge by")
        return np.asarray(store.tokens(known))

    def _blocks(self, symbols: NDArray[np.int64]) -> int:
        """As many as wanted, fewer where each would have less than 32 symbols."""
        return max(1, min(BLOCKS, len(symbols) // 32))


def symbols_of(
    settings: GenerateSettings, text: str
) -> tuple[Tokenizer, Vocabulary, NDArray[np.int64], NDArray[np.int64]]:
    """A text as a generator reads it: tokenizer, vocabulary, training and validation symbols."""
    size, held_out = settings.data.vocabulary, settings.data.validation
    split, chunks = train_on_beginning(
        tokenizer(settings.tokenizer), iter([text]), size, 1 - held_out
    )
    store = Store(split)
    store.add_long(chunks)
    end = len(store) - round(len(store) * held_out)
    known = store.vocabulary(size, settings.data.min_count, end)
    symbols = np.asarray(store.tokens(known))
    return split, known, symbols[:end], symbols[end:]


def _nats(scores: list[float]) -> dict[str, Any]:
    nats = math.fsum(scores) / len(scores)
    perplexity = math.exp(min(nats, 700.0))
    return {"nats": nats, "bits": nats / math.log(2), "perplexity": perplexity, "scores": scores}


def _reached(network: Any, loss: Any) -> dict[str, list[float]]:
    flow = gradient_flow(network, network.recurrent, loss)
    return {state: sizes[: REACH + 1] for state, sizes in flow.items()}
