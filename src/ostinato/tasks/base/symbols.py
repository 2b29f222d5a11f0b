"""A tokenizer and its vocabulary in a run."""

from __future__ import annotations

import json

from ostinato.data import Tokenizer, Vocabulary, tokenizer
from ostinato.tasks.base.stored import from_json
from ostinato.train import Run


def read_symbols(run: Run, name: str) -> tuple[Tokenizer, Vocabulary]:
    """A run's tokenizer of a name, and the symbols that are known.

    Raises:
        RunError: when they are missing or damaged.
    """

    def made(state: object) -> Tokenizer:
        if state is None:
            raise ValueError("it holds nothing")
        return tokenizer(name, json.dumps(state))

    stored = run.holds("tokenizer.json") or tokenizer(name).learns
    split = from_json(run, "tokenizer.json", made) if stored else tokenizer(name, "null")
    return split, from_json(run, "vocabulary.json", Vocabulary.from_json)


def write_symbols(run: Run, split: Tokenizer, known: Vocabulary) -> None:
    """Writes what `read_symbols` reads."""
    if split.state:
        run.write_json("tokenizer.json", json.loads(split.state))
    run.write_json("vocabulary.json", known.to_json())
