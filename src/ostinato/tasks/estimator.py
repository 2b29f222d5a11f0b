"""What every task's estimator does alike: settings, seeds, and the files of its run."""

from __future__ import annotations

import json
import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ostinato import cells
from ostinato.data import Skipped, Tokenizer, Vocabulary, tokenizer
from ostinato.equation import Cell, Graph
from ostinato.errors import CellError, ConfigError, DataError, RunError, quoted
from ostinato.nn import Recurrent
from ostinato.train import Run, Section, known_paths, nearest, read_toml, versions

S = TypeVar("S", bound=Section)
T = TypeVar("T")


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
        values = settings.model_dump(exclude_none=True)
        return cls(**values, **arguments)

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
        run.write_tensors("model.safetensors", self.network_.state_dict())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The estimator of a run folder.

        Raises:
            RunError: when there is none, it is another task's, or it is damaged.
        """
        run = Run.open(path)
        values = read_toml(run.path / "config.toml")
        task = cls.kind.task
        if values.get("task") != task:
            raise RunError(f"{run.path}: a run of task {values.get('task')!r}, not {task!r}")
        self = cls.of(cls.kind.parse(values, str(run.path / "config.toml")))  # type: ignore[arg-type]
        self._read(run)
        self.network_ = self._network(from_json(run, "cell.json", _cell_of))
        try:
            self.network_.load_state_dict(run.read_tensors("model.safetensors"))
        except RuntimeError as error:
            line = str(error).splitlines()[-1].strip()
            raise RunError(f"{run.path / 'model.safetensors'}: {line}") from None
        for name, weight in self.network_.named_parameters():
            if not bool(weight.isfinite().all()):
                where = run.path / "model.safetensors"
                raise RunError(f"{where}: {name} holds what is no finite number")
        self.network_.eval()
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
        """Writes what `_read` reads."""

    def _cell(self) -> Cell:
        return self.cell if isinstance(self.cell, Cell) else cells.find(self.cell)

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
        if resume:
            return
        self._write(run)
        run.write_json("cell.json", recurrent.cell.graph.to_json())
        run.write_json(
            "manifest.json",
            {
                "versions": versions(),
                "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "seed": self.seed,
                "threads": torch.get_num_threads(),
                "level": {
                    "training": recurrent.level(True),
                    "evaluation": recurrent.level(False),
                },
                "data": {"given": run.data, **data}
                | ({"skipped": self.skipped_.to_json()} if self.skipped_ else {}),
            },
        )
        run.write("config.toml", self.settings().to_toml())  # last: what has it can be resumed

    def _same_as(self, before: Run, recurrent: Recurrent, data: Mapping[str, str]) -> None:
        """Holds this training against a run that it goes on with, or repeats.

        Raises:
            RunError: when data or cell are not the same.
        """
        manifest = before.read_json("manifest.json")
        was = {name: v for name, v in manifest["data"].items() if name.endswith("sha256")}
        if other := sorted(name for name in {*was, *data} if was.get(name) != data.get(name)):
            found = f"another {' and '.join(other)} in its manifest.json"
            raise RunError(f"{before.path}: was trained on other data, with {found}")
        if from_json(before, "cell.json", _cell_of).graph != recurrent.cell.graph:
            raise RunError(f"{before.path}: was trained with other equations of its cell")
        for name, version in versions().items():
            if (then := manifest["versions"].get(name)) != version:
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


def from_json(run: Run, name: str, make: Callable[[Any], T]) -> T:
    """What a JSON file of a run describes.

    Raises:
        RunError: when it cannot be read, or `make` cannot use it.
    """
    try:
        return make(run.read_json(name))
    except (CellError, DataError, ArithmeticError, LookupError, TypeError, ValueError,
            AttributeError, RecursionError) as error:  # fmt: skip
        raise RunError(f"{run.path / name}: damaged ({quoted(error, 160)})") from None


def _cell_of(graph: Any) -> Cell:
    """The cell that a run was trained with, from its own graph: its file is not needed."""
    read = Graph.from_json(graph)
    return Cell(read.name, read)
