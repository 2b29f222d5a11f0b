# mypy: disable-error-code="override,assignment"
"""Estimators of tasks that have no `Model` yet."""

from __future__ import annotations

import json
import logging
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ostinato import cells
from ostinato.data import Tokenizer, Vocabulary, tokenizer
from ostinato.equation import Cell
from ostinato.errors import RunError
from ostinato.nn import Recurrent
from ostinato.tasks.base.estimator import Estimator, TextEstimator, reproducible
from ostinato.tasks.base.stored import cell_in, checked, from_json, with_weights
from ostinato.train import BEST, Run, Section, versions
from ostinato.train.manifest import FORMAT, Manifest, timestamp

S = TypeVar("S", bound=Section)


class LegacyEstimator(Estimator[S]):
    """Keeps network, vocabulary and the like in itself."""

    @property
    def network_(self) -> Any:
        """The trained network."""
        if "_trained" not in self.__dict__:
            raise AttributeError("network_")
        return self._trained

    @network_.setter
    def network_(self, network: Any) -> None:
        self._trained = network

    def save(self, path: str | Path) -> None:
        """Writes the trained network as a run folder.

        Raises:
            RunError: when the folder is not empty, or cannot be written.
            NotFittedError: before `fit`.
        """
        check_is_fitted(self)
        run = Run.create(path)
        self._begin(run, self.network_.recurrent, {"sha256": ""})
        run.write_metrics(self.history_)
        run.write_tensors(BEST, self.network_.state_dict())
        self._finish(run)

    @classmethod
    def load(cls, path: str | Path, *, device: str | None = None) -> Self:
        """The estimator of a run folder, on the CPU.

        Raises:
            RunError: when there is none, it is another task's, or it is damaged.
        """
        run = Run.open(path)
        run.say_state()
        self = cls.of_run(run)
        self._read(run)
        cell = cell_in(run)
        self.network_ = with_weights(run, lambda: self._network(cell))
        self.history_ = run.metrics()
        return self

    # The names that users of Hugging Face's libraries look for.
    save_pretrained = save
    from_pretrained = load

    def untrained(self) -> Any:
        """The network of a trained estimator as it was before training.

        Embeddings that began with PPMI are random here: the texts that they come from are not kept.

        Raises:
            NotFittedError: before `fit`.
        """
        check_is_fitted(self)
        with reproducible(self.seed, None):
            return self._network(self.network_.recurrent.cell).eval()

    @abstractmethod
    def _network(self, cell: Cell) -> nn.Module:
        """A new network, for what `_read` reads."""

    @abstractmethod
    def _read(self, run: Run) -> None:
        """Reads what the task keeps besides settings, cell and weights, such as a vocabulary."""

    @abstractmethod
    def _write(self, run: Run) -> None:
        """Writes what `_read` reads, and training does not change."""

    def _write_fitted(self, run: Run) -> None:
        """Writes what `_read` reads of what is fitted after training; nothing, for most tasks."""

    def _built(self) -> Any:
        """A new network, of the cell that the estimator was given."""
        cell = self.cell if isinstance(self.cell, Cell) else cells.find(self.cell)
        return checked(lambda: self._network(cell))

    def _begin(
        self, run: Run, recurrent: Recurrent, data: Mapping[str, str], resume: bool = False
    ) -> None:
        """Writes all but the weights: settings, cell, manifest, what `_write` writes.

        Args:
            run: the folder.
            recurrent: the stack that is trained.
            data: the SHA-256 of what is trained on, by its name in the manifest.
            resume: the folder has all that already, and only has to be the same.

        Raises:
            RunError: when a run is to be resumed or repeated with other data or another cell.
        """
        before = run if resume else run.like
        if before:
            self._same_as(before, recurrent, data)
        was = run.manifest if resume else None
        if was and not was.is_old:
            return
        run.write("config.toml", self.settings().to_toml())
        run.write_json("cell.json", recurrent.cell.graph.to_json())
        self._write(run)
        skipped = {"skipped": self.skipped_.to_json()} if self.skipped_ else {}
        run.begin(  # last: what has a manifest can be resumed
            Manifest(
                format=FORMAT,
                versions=versions(),
                started=was.started if was else timestamp(),
                seed=self.seed,
                threads=torch.get_num_threads(),
                level={
                    "training": recurrent.level(True),
                    "evaluation": recurrent.level(False),
                },
                data=was.data if was else {"given": run.data, **data} | skipped,
            )
        )

    def _finish(self, run: Run) -> None:
        """Writes what was fitted after training, and says that the run is whole."""
        self._write_fitted(run)
        run.finish()

    def _same_as(self, before: Run, recurrent: Recurrent, data: Mapping[str, str]) -> None:
        """Holds this training against a run that it goes on with, or repeats.

        Raises:
            RunError: when data or cell are not the same.
        """
        manifest = before.manifest
        was = {name: v for name, v in manifest.data.items() if name.endswith("sha256")}
        if other := sorted(name for name in {*was, *data} if was.get(name) != data.get(name)):
            found = f"another {' and '.join(other)} in its manifest.json"
            raise RunError(f"{before.path}: was trained on other data, with {found}")
        if cell_in(before).graph != recurrent.cell.graph:
            raise RunError(f"{before.path}: was trained with other equations of its cell")
        for name, version in versions().items():
            if (then := manifest.versions.get(name)) != version:
                logging.getLogger("ostinato").warning(
                    "%s: was made with %s %s, now it is %s; the last bits may differ",
                    before.path, name, then, version,
                )  # fmt: skip


class LegacyTextEstimator(LegacyEstimator[S], TextEstimator[S]):
    """The same with a tokenizer and a vocabulary."""

    tokenizer_: Tokenizer
    vocabulary_: Vocabulary

    def _read(self, run: Run) -> None:
        self.tokenizer_ = tokenizer(self.settings().tokenizer)  # type: ignore[attr-defined]
        if self.tokenizer_.learns:
            self.tokenizer_ = from_json(run, "tokenizer.json", self._trained_tokenizer)
        self.vocabulary_ = from_json(run, "vocabulary.json", Vocabulary.from_json)

    def _write(self, run: Run) -> None:
        if self.tokenizer_.state:
            run.write_json("tokenizer.json", json.loads(self.tokenizer_.state))
        run.write_json("vocabulary.json", self.vocabulary_.to_json())

    def _trained_tokenizer(self, state: Any) -> Tokenizer:
        return tokenizer(self.settings().tokenizer, json.dumps(state))  # type: ignore[attr-defined]
