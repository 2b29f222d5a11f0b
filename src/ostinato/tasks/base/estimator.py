"""The base of every task's estimator: the scikit-learn API of a trained model."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypedDict, TypeVar, Unpack

from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ostinato import cells
from ostinato.data import Skipped
from ostinato.equation import Cell
from ostinato.errors import ConfigError, RunError, quoted
from ostinato.tasks.base.defaults import filled
from ostinato.tasks.base.device import resolve
from ostinato.tasks.base.model import AnyModel
from ostinato.tasks.base.network import AnyNetwork
from ostinato.tasks.base.stored import cell_in, named_or_stored, settings_in
from ostinato.train import (
    Ending,
    Hook,
    Learner,
    Progress,
    ProgressHook,
    Record,
    Run,
    Section,
    fit,
    known_paths,
    nearest,
    versions,
)
from ostinato.train.random_state import reproducible

S = TypeVar("S", bound=Section)


class Fitting(TypedDict, total=False):
    """The options of `fit` of every task.

    Keys:
        run: where to log and save; default: do not save.
        hooks: callbacks of training; see `Hook`.
        show: is called with the progress, as by a `ProgressHook`.
        resume: continue from the newest checkpoint of `run`.
        skipped: the rows that were skipped, for the manifest of `run`.
        device: where to train: `auto` (CUDA if available, the default), `cpu`, `cuda`, ….
    """

    run: Run | None
    hooks: Sequence[Hook]
    show: Callable[[Progress], None]
    resume: bool
    skipped: Skipped | None
    device: str | None


class Prepared(ABC):
    """The input of training: a model without a network, and the training data.

    Attributes:
        model: the model, made from the training data.
        digests: the SHA-256 of the training data, by its name in the manifest.
    """

    model: AnyModel
    digests: Mapping[str, str]

    @abstractmethod
    def learner(self) -> Learner[Any]:
        """The learner that the training loop trains, with a new network."""

    def finish(self) -> None:  # noqa: B027
        """Fits what depends on the trained network, and the baseline; nothing, for most tasks."""

    def unknown(self) -> float | None:
        """The part of the held-out tokens that the vocabulary lacks; None where there is none."""
        return None

    def no_better(self, record: Record) -> str | None:
        """What answers without reading is as good as the epoch that was kept, beyond chance.

        Args:
            record: of that epoch.

        Returns:
            What it is, in words; None where the network is better, or it is not known.
        """
        return None

    def fit_baseline(self, run: Run | None) -> None:  # noqa: B027
        """Fits the task's baseline, if it has one, and writes its results to the run."""


class Estimator(BaseEstimator, Generic[S]):  # type: ignore[misc]
    """A scikit-learn estimator that is saved as a run folder.

    Its arguments are its settings, part by part, as in a run's `config.toml`. A search may vary a
    whole part, `{"model": [{"hidden": 8}, {"hidden": 16}]}`, or a single setting of one,
    `{"model__hidden": [8, 16]}`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        seed: the seed of all random numbers, like `random_state` of scikit-learn; always a number,
        so that the same call gives the same model. data: settings of the data.
        model: settings of the network. train: settings of training.
        baseline: whether to also fit the task's baseline.

    After `fit`: `model_`, the trained model; `network_`, its network; and `history_` (a record for
    each epoch), `ending_` (how training ended) and `best_` (the record of the epoch that was kept).
    """

    kind: ClassVar[type[Section]]
    """The settings of the task."""
    model_type: ClassVar[type[AnyModel]]
    """The model of the task."""
    skipped_: Skipped | None = None
    model_: AnyModel
    history_: list[Record]
    ending_: Ending
    no_better_: str | None = None

    def __init__(
        self,
        cell: str | Cell = "lstm",
        *,
        seed: int = 0,
        data: Mapping[str, object] | None = None,
        model: Mapping[str, object] | None = None,
        train: Mapping[str, object] | None = None,
        baseline: bool = True,
    ) -> None:
        self.cell = cell
        self.seed = seed
        self.data = data
        self.model = model
        self.train = train
        self.baseline = baseline

    @classmethod
    def of(cls, settings: S, **arguments: object) -> Self:
        """The estimator with these settings; what nobody chose goes by the data."""
        return cls(**settings.model_dump(exclude_unset=True) | arguments)

    @classmethod
    def of_run(cls, run: Run) -> Self:
        """The untrained estimator with a run's settings and stored cell.

        Raises:
            RunError: when it is another task's, or damaged.
        """
        settings: Any = settings_in(run, cls.kind)
        return cls.of(settings, cell=named_or_stored(cell_in(run)))

    def settings(self) -> S:
        """The settings, complete.

        Raises:
            ConfigError: for an unknown key, or an invalid value.
        """
        values: dict[str, object] = {}
        for name in self.kind.model_fields:
            value = getattr(self, name, None)
            if value is not None:
                values[name] = value.name if isinstance(value, Cell) else value
        return self.kind.parse(values, type(self).__name__)  # type: ignore[return-value]

    def _settings(self, options: Fitting) -> S:
        """The settings; where nobody chose them and a run is resumed, those of the run.

        Raises:
            ConfigError: for an unknown key, or an invalid value.
            RunError: when those of the run are damaged.
        """
        settings, run = self.settings(), options.get("run")
        if not (options.get("resume") and isinstance(run, Run) and run.begun):
            return settings
        return filled(settings, settings_in(run, self.kind).chosen())

    def set_params(self, **params: object) -> Self:
        """Sets arguments; nested settings have two underscores: `model__hidden=8`.

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
                raise ConfigError(
                    f"set_params: unknown setting {quoted(key)}; {nearest(path, known)}"
                )
            setattr(self, part, {**(getattr(self, part) or {}), name: value})
        return self

    @property
    def best_(self) -> Record:
        """The record of the epoch whose weights were kept."""
        return self.history_[self.ending_.kept - 1]

    @property
    def network_(self) -> AnyNetwork:
        """The network of the trained model."""
        return self.model_.network

    def save(self, path: str | Path) -> None:
        """Writes the trained model as a run folder.

        Raises:
            RunError: when the folder is not empty, or cannot be written.
            NotFittedError: before `fit`.
        """
        check_is_fitted(self, "model_")
        self.model_.write(Run.create(path), self.history_)

    @classmethod
    def load(cls, path: str | Path, *, device: str | None = None) -> Self:
        """The estimator of a run folder.

        Args:
            path: the folder.
            device: see `Fitting`.

        Raises:
            RunError: when there is none, it is another task's, or it is damaged.
        """
        run = Run.open(path)
        self = cls.of_run(run)
        self.model_ = cls.model_type.read(run, device)
        self.history_ = run.metrics()
        return self

    # The names that users of Hugging Face's libraries look for.
    save_pretrained = save
    from_pretrained = load

    def untrained(self) -> AnyNetwork:
        """The network of a trained estimator, as it was before training.

        What started from the texts (PPMI), from word vectors or from a language model is random
        here, because none of these is stored.

        Raises:
            NotFittedError: before `fit`.
        """
        check_is_fitted(self, "model_")
        with reproducible(self.model_.settings.seed, None):
            return self.model_.new_network().eval().to(self.model_.device)

    def _cell(self) -> Cell:
        """The cell that the estimator was given."""
        return self.cell if isinstance(self.cell, Cell) else cells.find(self.cell)

    def _train(self, prepared: Prepared, **options: Unpack[Fitting]) -> Self:
        """Trains the model of what was prepared; see `Fitting`.

        If anything fails, the estimator stays as it was.

        Raises:
            TypeError: for an unknown option, or one of another type.
        """
        if unknown := sorted(options.keys() - Fitting.__annotations__.keys()):
            raise TypeError(f"fit() got an unexpected keyword argument {unknown[0]!r}")
        run, hooks = options.get("run"), options.get("hooks", ())
        if run is not None and not isinstance(run, Run):
            raise TypeError(f"fit() requires a Run, not {quoted(run)}; see Run.create")
        if other := [each for each in hooks if not isinstance(each, Hook)]:
            raise TypeError(f"fit() requires hooks of the class Hook, not {quoted(other[0])}")
        before = dict(self.__dict__)
        try:
            self._trained(prepared, **options)
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def _trained(self, prepared: Prepared, **options: Unpack[Fitting]) -> None:
        run, resume = options.get("run"), options.get("resume", False)
        self.model_, self.skipped_ = prepared.model, options.get("skipped")
        settings = self.model_.settings
        with reproducible(settings.seed, settings.train.threads):
            self.model_.build(resolve(options.get("device")))
            learner = prepared.learner()
            if run:
                self._begin(run, prepared.digests, resume)
            hooks = list(options.get("hooks", ()))
            if "show" in options:
                hooks.insert(0, ProgressHook(options["show"]))
            self.history_ = fit(learner, settings.train, run, hooks, resume)
            judge = learner.judged_by.by(settings.train)
            self.ending_ = Ending.of(self.history_, judge, settings.train)
            self.no_better_ = prepared.no_better(self.best_)
            self.unknown_ = prepared.unknown()
            if self.baseline:
                if show := options.get("show"):
                    show(
                        Progress(len(self.history_), 1.0, 0.0, 0.0, 0.0, doing="fitting baselines")
                    )
                prepared.fit_baseline(run)
            prepared.finish()
        if run:
            self.model_.finish(run, self.ending_)

    def _begin(self, run: Run, digests: Mapping[str, str], resume: bool) -> None:
        """Writes all but the weights into a run, or finds it there.

        Raises:
            RunError: when a run is to be resumed or repeated with other data or another cell.
        """
        before = run if resume else run.like
        if before:
            self._same_as(before, digests)
        was = run.manifest if resume else None
        if was and not was.is_old:
            return
        skipped = {"skipped": self.skipped_.to_json()} if self.skipped_ else {}
        data = was.data if was else {"given": run.data, **digests, **skipped}
        chosen = before.manifest.chosen if before else self.settings().chosen()
        self.model_.begin(run, data, was.started if was else None, chosen)

    def _same_as(self, before: Run, digests: Mapping[str, str]) -> None:
        """Holds this training against a run that it continues, or repeats.

        Raises:
            RunError: when data or cell are not the same.
        """
        manifest = before.manifest
        was = {name: v for name, v in manifest.data.items() if name.endswith("sha256")}
        names = {*was, *digests}
        if other := sorted(name for name in names if was.get(name) != digests.get(name)):
            found = f"another {' and '.join(other)} in its manifest.json"
            raise RunError(f"{before.path}: was trained on different data, with {found}")
        if cell_in(before).graph != self.model_.cell.graph:
            raise RunError(f"{before.path}: was trained with different equations of its cell")
        for name, version in versions().items():
            if (then := manifest.versions.get(name)) != version:
                logging.getLogger("ostinato").warning(
                    "%s: was created with %s %s, but this is %s; results may "
                        "differ in the last bits",
                    before.path, name, then, version,
                )  # fmt: skip


class TextEstimator(Estimator[S]):
    """An estimator that reads one kind of text, with one tokenizer and one vocabulary.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        tokenizer: `word`, `char` or `bpe`; None: the default of the task.
        seed, data, model, train, baseline: see `Estimator`.

    After `fit` also: `tokenizer_` and `vocabulary_`.
    """

    def __init__(
        self,
        cell: str | Cell = "lstm",
        *,
        tokenizer: str | None = None,
        seed: int = 0,
        data: Mapping[str, object] | None = None,
        model: Mapping[str, object] | None = None,
        train: Mapping[str, object] | None = None,
        baseline: bool = True,
    ) -> None:
        super().__init__(cell, seed=seed, data=data, model=model, train=train, baseline=baseline)
        self.tokenizer = tokenizer

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags
