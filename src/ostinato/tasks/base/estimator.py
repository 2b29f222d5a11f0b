"""What every task's estimator does alike: settings, seeds, and the files of its run."""

from __future__ import annotations

import json
import logging
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ostinato import cells
from ostinato.data import Skipped, Tokenizer, Vocabulary, tokenizer
from ostinato.equation import Cell
from ostinato.errors import ConfigError, RunError
from ostinato.nn import Recurrent
from ostinato.tasks.base.stored import (
    cell_in,
    checked,
    from_json,
    named_or_stored,
    settings_in,
    with_weights,
)
from ostinato.train import BEST, Run, Section, known_paths, nearest, versions
from ostinato.train.manifest import FORMAT, Manifest, timestamp

S = TypeVar("S", bound=Section)


class Estimator(BaseEstimator, Generic[S]):  # type: ignore[misc]
    """An estimator of scikit-learn whose trained form is a run folder.

    Its arguments are its settings, part by part, as in a run's `config.toml`. Searches may vary a
    whole part, `{"model": [{"hidden": 8}, {"hidden": 16}]}`, or a single setting of one,
    `{"model__hidden": [8, 16]}`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        seed: fixes everything random, as scikit-learn's `random_state` does; always a number, so
            that the same call gives the same model.
        data: what is read, a part of the settings.
        model: the network, a part of the settings.
        train: the loop, a part of the settings.
        baseline: whether the task's baseline is fitted too.

    After `fit`: `network_`, whose `recurrent` is its recurrent stack, and `history_` (a record for
    each epoch).
    """

    kind: ClassVar[type[Section]]
    skipped_: Skipped | None = None
    network_: Any
    history_: list[dict[str, Any]]

    def __init__(
        self,
        cell: str | Cell = "lstm",
        *,
        seed: int = 0,
        data: dict[str, Any] | None = None,
        model: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None,
        baseline: bool = True,
    ) -> None:
        self.cell = cell
        self.seed = seed
        self.data = data
        self.model = model
        self.train = train
        self.baseline = baseline

    @classmethod
    def of(cls, settings: S, **arguments: Any) -> Self:
        """The estimator of these settings."""
        return cls(**settings.model_dump(exclude_none=True) | arguments)

    @classmethod
    def of_run(cls, run: Run) -> Self:
        """The estimator of a run's settings and of the cell that is stored in it, not trained.

        Raises:
            RunError: when it is another task's, or damaged.
        """
        settings: Any = settings_in(run, cls.kind)
        return cls.of(settings, cell=named_or_stored(cell_in(run)))

    def settings(self) -> S:
        """The settings, complete.

        Raises:
            ConfigError: for an unknown key, or a value that does not fit.
        """
        values: dict[str, Any] = {}
        for name in self.kind.model_fields:
            value = getattr(self, name, None)
            if value is not None:
                values[name] = value.name if isinstance(value, Cell) else value
        return self.kind.parse(values, type(self).__name__)  # type: ignore[return-value]

    def set_params(self, **params: Any) -> Self:
        """Sets arguments, and with two underscores single settings of a part: `model__hidden=8`.

        Raises:
            ConfigError: for a setting that is unknown in its part.
            ValueError: for an unknown argument.
        """
        super().set_params(**{k: value for k, value in params.items() if "__" not in k})
        for key, value in params.items():
            part, nested, name = key.partition("__")
            if not nested:
                continue
            path, known = f"{part}.{name}", known_paths(self.kind)
            if path not in known:
                raise ConfigError(f"set_params: unknown setting {key!r}; {nearest(path, known)}")
            setattr(self, part, {**(getattr(self, part) or {}), name: value})
        return self

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
    def load(cls, path: str | Path) -> Self:
        """The estimator of a run folder.

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


class TextEstimator(Estimator[S]):
    """An estimator that reads one kind of text, with one tokenizer and one vocabulary.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        tokenizer: `word`, `char` or `bpe`; None is the task's own choice.
        seed, data, model, train, baseline: see `Estimator`.

    After `fit` also: `tokenizer_` and `vocabulary_`.
    """

    tokenizer_: Tokenizer
    vocabulary_: Vocabulary

    def __init__(
        self,
        cell: str | Cell = "lstm",
        *,
        tokenizer: str | None = None,
        seed: int = 0,
        data: dict[str, Any] | None = None,
        model: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None,
        baseline: bool = True,
    ) -> None:
        super().__init__(cell, seed=seed, data=data, model=model, train=train, baseline=baseline)
        self.tokenizer = tokenizer

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

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


@contextmanager
def reproducible(seed: int, threads: int | None) -> Iterator[None]:
    """A seed and a number of threads for PyTorch; afterwards both are as before."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)
