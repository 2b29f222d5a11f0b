"""The smallest run of each task: texts made up here, a few kilobytes, an epoch or two.

`python tests/hostile/small_runs.py FOLDER` writes some of them, with the answers that they give.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ostinato import Classifier, Forecaster, Generator, Regressor, Tagger, Transducer
from ostinato.train import Run

BRIEF = {"epochs": 2, "patience": 9, "lr": 0.02}
TINY = {"hidden": 4, "embedding": 3}


@dataclass(frozen=True)
class Small:
    """A task's estimator, what it learns from, and what it is asked."""

    estimator: Any
    settings: dict[str, Any]
    data: Callable[[], tuple[Any, ...]]
    ask: Callable[[Any], Any]

    def train(self, folder: Path | None = None, **changes: Any) -> Any:
        """The trained estimator, and if a folder is given, its run there."""
        run = None if folder is None else Run.create(folder)
        return self.estimator(**self.settings | changes).fit(*self.data(), run=run)

    def answers(self, estimator: Any) -> list[Any]:
        """Plain data: words as they are, numbers to be compared with a tolerance."""
        return self.ask(estimator)


def _reviews() -> tuple[list[str], list[str]]:
    words = {"good": ["fine", "warm", "bright"], "bad": ["dull", "cold", "grey"]}
    texts, labels = [], []
    for k in range(24):
        label = "good" if k % 3 else "bad"
        texts.append(f"a {words[label][k % 3]} evening with {words[label][(k + 1) % 3]} music")
        labels.append(label)
    return texts, labels


def _stars() -> tuple[list[str], list[float]]:
    texts, labels = _reviews()
    return texts, [4.0 + k % 2 if label == "good" else 1.5 for k, label in enumerate(labels)]


def _sentences() -> tuple[list[list[str]], list[list[str]]]:
    words, tags = [], []
    for k in range(16):
        who, where = ["Ada", "Ben", "Cleo"][k % 3], ["Oslo", "Rome"][k % 2]
        words.append([who, "Hill", "walks", "to", where, "."])
        tags.append(["B-PER", "I-PER", "O", "O", "B-LOC", "O"])
    return words, tags


def _pairs() -> tuple[list[str], list[str]]:
    sources = ["".join("abc"[(k * m) % 3] for m in range(1, 2 + k % 4)) for k in range(30)]
    return sources, [" ".join(source.upper()) for source in sources]


def _wave() -> tuple[Any, ...]:
    steps = np.arange(90)
    return (np.stack([np.sin(steps / 3), np.cos(steps / 5)], 1),)


def _classified(own: Any) -> list[Any]:
    texts = ["a fine evening", "a dull evening with cold music", "what is this"]
    return [own.predict(texts).tolist(), own.predict_proba(texts).tolist()]


def _valued(own: Any) -> list[Any]:
    return own.predict(
        ["a fine evening", "a dull evening with cold music", "what is this"]
    ).tolist()


def _tagged(own: Any) -> list[Any]:
    found = own.tag([["Ada", "Hill", "walks"], ["to", "Rome"], ["who", "?"]])
    return [[tags, sure.tolist()] for tags, sure in found]


def _written(own: Any) -> list[Any]:
    drawn = [[d.text, d.probabilities.tolist()] for d in own.stream("to ", 4, seed=1)]
    return [drawn, own.sample("a", 9, seed=2)]


def _turned(own: Any) -> list[Any]:
    found = own.search(["ab", "cab", "x"], best=2)
    return [[[each.text, each.score] for each in best] for best in found]


SMALL = {
    "classify": Small(
        Classifier,
        {"cell": "gru", "model": TINY, "train": BRIEF, "data": {"min_count": 1}},
        _reviews,
        _classified,
    ),
    "regress": Small(
        Regressor,
        {"cell": "gru", "model": TINY, "train": BRIEF, "data": {"min_count": 1}},
        _stars,
        _valued,
    ),
    "tag": Small(
        Tagger,
        {"cell": "lstm", "model": TINY | {"characters": 2, "character_hidden": 2}, "train": BRIEF},
        _sentences,
        _tagged,
    ),
    "forecast": Small(
        Forecaster,
        {
            "cell": "gru",
            "model": TINY | {"segment": 4},
            "data": {"lookback": 8, "horizon": 4},
            "train": BRIEF,
        },
        _wave,
        lambda own: own.predict().values.tolist(),
    ),
    "generate": Small(
        Generator,
        {
            "cell": "rnn",
            "model": TINY,
            "train": BRIEF,
            "data": {"streams": 2, "steps": 8},
        },
        lambda: ("to and fro the toad and the tern, and to the tor\n" * 8,),
        _written,
    ),
    "transduce": Small(
        Transducer,
        {
            "cell": "gru",
            "model": TINY,
            "train": BRIEF,
            "target": {"tokenizer": "white_space"},
            "decoding": {"beam": 2},
        },
        _pairs,
        _turned,
    ),
}


def main(folder: Path) -> None:
    for name in ("classify", "tag", "forecast"):
        own = SMALL[name].train(folder / name)
        answers = json.dumps(SMALL[name].answers(own), indent=1)
        (folder / f"{name}.answers.json").write_text(answers + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
