"""Texts whose outputs are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato.data import Pairs, read_pairs
from ostinato.errors import DataError
from ostinato.tasks.base.held_out import SEQUENCES, Given, HeldOut, Judged
from ostinato.tasks.base.network import AnyNetwork
from ostinato.tasks.transduce.baseline import copied
from ostinato.tasks.transduce.estimator import Transducer
from ostinato.tasks.transduce.measures import measure, nearest
from ostinato.tasks.transduce.settings import TransduceSettings
from ostinato.train import Run

Numbers: TypeAlias = NDArray[np.float64]
"""For each text a number (N,)."""
BINS = 6
"""The maximum number of groups of texts of similar length for which errors are shown."""
FEW = 8
"""The number of words from which the length of a text is given in words, not in characters."""
SHOWN = (0.35, 0.6, 0.85)
"""Which texts are shown, by their place among all of at most `LONGEST` tokens by length."""
LONGEST = 40


@dataclass(frozen=True)
class TransduceHeldOut(HeldOut):
    """Texts whose outputs are asked for; each has its errors for each symbol of an output.

    A text with several references is judged by the one that its output is nearest to.
    """

    pairs: Pairs
    biased: bool = False
    training: Given | None = ()  # a copy needs none
    kind = Transducer
    metric = "error_rate"
    lower = True

    @classmethod
    def read(cls, data: str, estimator: Transducer, run: Run) -> Self:
        """A source's test pairs; else all pairs, without those that the run was trained on."""
        return cls.read_files([data], estimator, run)

    @classmethod
    def read_files(cls, data: Sequence[str], estimator: Transducer, run: Run) -> Self:
        """As `read`; two files are parallel."""
        settings = estimator.settings()
        splits = read_pairs(
            data,
            settings.source.column,
            settings.target.column,
            separator=settings.data.separator,
            dialect=settings.data.dialect,
        )
        if "test" in splits:
            return cls(splits["test"])
        pairs = splits["train"]
        trained = run.manifest.data
        if pairs.fingerprint() == trained.get("sha256"):
            if "validation_sha256" in trained:
                raise DataError(f"{data[0]}: the run was trained on all of it; give other pairs")
            _, pairs = pairs.split(settings.data.validation, settings.seed)
            return cls(pairs, biased=True)
        return cls(pairs)

    @cached_property
    def references(self) -> dict[str, list[str]]:
        """All references of each text."""
        found: dict[str, list[str]] = {}
        for source, target in zip(self.pairs.sources, self.pairs.targets, strict=True):
            found.setdefault(source, []).append(target)
        return found

    def __len__(self) -> int:
        return len(self.references)

    def fingerprint(self) -> str:
        """See the class."""
        return self.pairs.fingerprint()

    @classmethod
    def trained_on(cls, training: Given) -> str:
        """That of the pairs."""
        pairs = training[0] if isinstance(training[0], Pairs) else Pairs(*training)
        return pairs.fingerprint()

    def judge(self, estimator: Transducer) -> Judged:
        """Errors, exact match, BLEU and chrF; the errors of each text, and those by its length."""
        texts = list(self.references)
        outputs = estimator.predict(texts)
        edits, symbols = self._errors(outputs, estimator)
        measured = measure(dict(zip(texts, outputs, strict=True)), self.pairs)
        return {
            "error_rate": edits.sum() / symbols.sum(),
            "exact_match": measured.exact_match,
            "bleu": measured.bleu,
            "chrf": measured.chrf,
            "signatures": list(measured.signatures),
            # their mean is the error rate
            "scores": (edits * len(edits) / symbols.sum()).tolist(),
            "lengths": self._by_length(texts, edits, symbols),
        }

    def baseline(self, settings: TransduceSettings, training: Given) -> Judged:
        """Every text copied as it is."""
        edits, tokens = copied(self.references)
        return {
            "name": "copy",
            "error_rate": edits.sum() / tokens.sum(),
            "scores": (edits * len(edits) / tokens.sum()).tolist(),
            "seconds": 0.0,
        }

    def loss(self, estimator: Transducer, network: AnyNetwork) -> Callable[[], Tensor]:
        """In the encoder, over the longest texts; the loss is that of their whole outputs."""
        by_length = np.argsort([-len(source) for source in self.pairs.sources], kind="stable")
        model, chosen = estimator.model_, self.pairs.select(by_length[:SEQUENCES])
        batch = model.pairs(chosen).batch(np.arange(len(chosen))).to(model.device)
        assert batch.goal is not None
        goal = batch.goal

        def of_batch() -> Tensor:
            return nn.functional.cross_entropy(network(batch).logits, goal, reduction="sum")

        return of_batch

    def shown(self, estimator: Transducer) -> Judged:
        """`attentions`: some texts with their outputs, and what each token of these looked at."""
        fitting = [t for t in self.references if len(estimator.source_.tokens(t)) <= LONGEST]
        fitting.sort(key=len)
        chosen = dict.fromkeys(fitting[int(part * len(fitting))] for part in SHOWN if fitting)
        shown = []
        for text, (best, *_) in zip(chosen, estimator.search(list(chosen)), strict=True):
            look = best.alignment
            shown.append(
                {
                    "source": best.source,
                    "tokens": best.tokens,
                    "text": best.text,
                    "reference": self.references[text][0],
                    "weights": None if look is None else look.round(3).astype(float).tolist(),
                }
            )
        return {"attentions": shown}

    def _errors(self, outputs: Sequence[str], estimator: Transducer) -> tuple[Numbers, Numbers]:
        """For each text the symbols that are wrong (N,), and how many there should be (N,)."""
        codec, found = estimator.target_, []
        for output, references in zip(outputs, self.references.values(), strict=True):
            numbers = [" ".join(map(str, symbols.tolist())) for symbols in codec.encode(references)]
            (own,) = codec.encode([output]) if output.strip() else (np.zeros(0, int),)
            found.append(nearest(" ".join(map(str, own.tolist())), numbers))
        edits, symbols = zip(*found, strict=True)
        return np.array(edits, float), np.array(symbols, float)

    def _by_length(self, texts: Sequence[str], edits: Numbers, symbols: Numbers) -> Judged:
        """Errors of groups of texts of like length; they depend on the texts alone."""
        words = np.array([len(text.split()) for text in texts])
        unit, lengths = "words", words
        if np.quantile(words, 0.9) < FEW:
            unit, lengths = "characters", np.array([len(text) for text in texts])
        ends = np.unique(np.quantile(lengths, np.linspace(0, 1, BINS + 1)).round())
        ends[-1] += 1
        if len(ends) == 1:
            ends = np.array([ends[0] - 1, ends[0]])
        groups = []
        for low, high in pairwise(ends):
            inside = (lengths >= low) & (lengths < high)
            if inside.any():
                groups.append(
                    {
                        "low": int(lengths[inside].min()),
                        "high": int(lengths[inside].max()),
                        "texts": int(inside.sum()),
                        "error_rate": float(edits[inside].sum() / symbols[inside].sum()),
                        "exact_match": float((edits[inside] == 0).mean()),
                    }
                )
        return {"unit": unit, "groups": groups}
