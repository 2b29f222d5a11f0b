"""Runs as commands handle them: whose settings they have, and which folder they go into."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

from cyclopts import Parameter

from ostinato.cli.screen import aside
from ostinato.errors import ConfigError, RunError, quoted, shortened
from ostinato.tasks.base.reading import TrainingSet
from ostinato.tasks.base.settings import refuse_code
from ostinato.train import Run, Section, read_toml, recipes, undisturbed

if TYPE_CHECKING:
    from ostinato.tasks.base.estimator import Estimator


def _no_option(kind: object, where: str | None) -> None:
    if where and where.startswith("-") and where != "-":
        raise ValueError(
            f"This command has no such option; to use a file of this name, write ./{where}"
        )


_NAME = Parameter(allow_leading_hyphen=True, validator=_no_option)
Data: TypeAlias = Annotated[str, _NAME]
"""A file, a folder, a packaged source, or `-`."""
OptionalData: TypeAlias = Annotated[str | None, _NAME]
"""The same, where there may be none."""
Config: TypeAlias = Annotated[
    str | None,
    Parameter(
        help="A TOML file of settings, which options on the command line override; or the name of "
        f"one that comes with Ostinato: {', '.join(recipes())}."
    ),
]
Device: TypeAlias = Annotated[
    str | None,
    Parameter(
        help="Where to compute: auto, cpu, cuda, cuda:1, …; auto, the default, is CUDA where there "
        "is a GPU, and else the CPU."
    ),
]
S = TypeVar("S", bound=Section)
E = TypeVar("E", bound="Estimator[Any]")


@Parameter(name="*")
@dataclass(frozen=True)
class RunOptions:
    """The options of every `fit` about its run; `repeats` is for `fit --like` alone."""

    config: Config = None
    out: Annotated[
        str | None, Parameter(help="The folder of the run. Default: runs/TASK-1, -2, …")
    ] = None
    resume: Annotated[
        bool,
        Parameter(
            help="Continue the run in `out` from its last checkpoint, with its own settings.",
            show_default=False,
        ),
    ] = False
    skip_bad_rows: Annotated[
        bool,
        Parameter(
            help="Skip bad rows and print how many there are. Default: the first "
            "bad row is an error.",
            show_default=False,
        ),
    ] = False
    baseline: Annotated[
        bool, Parameter(help="Also fit the simple baseline, which the model is measured against.")
    ] = True
    device: Device = None
    repeats: Annotated[str | None, Parameter(parse=False)] = None

    @property
    def before(self) -> Run | None:
        """The run that is resumed or repeated."""
        path = self.out if self.resume else self.repeats
        return Run(path) if path else None

    def settings(self, kind: type[S], given: S | None) -> S:
        """The settings of the run: those given, or of the run that is resumed or repeated."""
        return merge(kind, self.config, given, self.before)

    def estimator(self, kind: type[E], settings: Section) -> E:
        """The estimator of these settings; one that is trained again has the cell of its run."""
        from ostinato.tasks.base.stored import cell_in, named_or_stored

        given: dict[str, object] = {} if self.baseline else {"baseline": False}
        if given and "baseline" not in signature(kind).parameters:
            raise ConfigError("--no-baseline: this task has no baseline that is fitted")
        if self.before is not None:
            given["cell"] = named_or_stored(cell_in(self.before))
        return kind.of(settings, **given)

    def train(
        self,
        estimator: Estimator[Any],
        files: Sequence[str],
        training: TrainingSet,
        named: Mapping[str, object],
    ) -> Run:
        """Trains into a run folder; of a new run without a single checkpoint nothing stays.

        Args:
            estimator: what is trained.
            files: the data by name.
            training: what its `fit` takes.
            named: what other options of the command say of the data, by name; None is not said.

        Raises:
            ConfigError: when it is not said what to resume.
        """
        from ostinato.cli.bars import progress_bar  # who predicts needs none

        if self.resume and not self.out:
            raise ConfigError("--resume requires --out, the folder of the run to continue")
        settings = estimator.settings()
        folder = free_folder(settings.task) if self.out is None else self.out
        run = Run(folder)
        said = {name: value for name, value in named.items() if value is not None}
        ours = False
        try:
            if not self.resume:
                with undisturbed():  # who finds the folder may end the command at once
                    run, ours = Run.create(folder), True
            run.data = {"files": list(files), **said} if said or len(files) > 1 else files[0]
            run.like = Run(self.repeats) if self.repeats else None
            with progress_bar(f"{settings.cell} on {' and '.join(files)}") as show:
                estimator.fit(
                    *training.inputs,
                    run=run,
                    show=show,
                    resume=self.resume,
                    device=self.device or self._device_before(),
                    **training.options,
                )
        except BaseException as error:
            kept = not ours or bool(run.checkpoints())
            if not kept:
                run.delete()
            if isinstance(error, KeyboardInterrupt) and (ours or self.resume):
                self._say_stopped(run, settings.task, files, said, kept)
            raise
        if settings.train.find_lr:
            test = "learning_rate.json"
            lr, where = run.read_json(test)["lr"], run.path / test
            aside.print(f"Learning rate {lr:.1e}, from the range test in {where}.", soft_wrap=True)
        return run

    def _device_before(self) -> str | None:
        """Where the run was trained that is resumed or repeated."""
        before = self.before
        if before is None or not before.begun:
            return None
        return before.manifest.device or "cpu"  # the only one before there was a choice

    def _say_stopped(
        self, run: Run, task: str, files: Sequence[str], named: Mapping[str, object], kept: bool
    ) -> None:
        """Prints how to continue an interrupted run, in a line on standard error."""
        if not kept:
            aside.print(f"Stopped before the first step; {run.path} was removed.", soft_wrap=True)
            return
        words = ["ostinato", "fit", task, *files]
        for name, value in named.items():
            words += [f"--{name}", *(value if isinstance(value, list) else [str(value)])]
        words += ["--skip-bad-rows"] if self.skip_bad_rows else []
        words += [] if self.baseline else ["--no-baseline"]
        words += ["--device", self.device] if self.device else []
        words += ["--resume", "--out", str(run.path)]
        again = ("cat DATA | " if "-" in files else "") + " ".join(map(shell_word, words))
        aside.print(
            f"Stopped; the checkpoint is saved in {run.path}. To continue: {again}", soft_wrap=True
        )


def shell_word(word: str) -> str:
    r"""A word as a shell reads it; one with control characters or no UTF-8 as Bash does.

    >>> shell_word("my film.csv"), shell_word("a\udcffb")
    ("'my film.csv'", "$'a\\xffb'")
    """
    if word.isprintable():
        return shlex.quote(word)
    escaped = (f"\\x{b:02x}" if not 32 <= b < 127 else chr(b) for b in os.fsencode(word))
    return "$'" + "".join("\\" + c if c in "\\'" else c for c in escaped) + "'"


def merge(kind: type[S], config: str | None, given: S | None, run: Run | None = None) -> S:
    """Settings from a file, and over them those given on the command line; or those of a run.

    Raises:
        ConfigError: for settings given to a run that is resumed, which has its own; for a file of
            settings that names a file of code.
    """
    if run:
        if config or given:
            raise ConfigError("--resume uses the settings of the run; do not give others")
        return as_it_ran(kind, run)
    values = read_toml(config) if config else {}
    if config and not (given and "cell" in given.model_fields_set):
        refuse_code(values, config)
    for name, value in (given.model_dump(exclude_unset=True) if given else {}).items():
        both = isinstance(value, dict) and isinstance(values.get(name), dict)
        values[name] = {**values[name], **value} if both else value
    return kind.parse(values, config or "command line")


def as_it_ran(kind: type[S], run: Run) -> S:
    """The settings of a run, and as many threads as it had: another number, other last bits.

    Raises:
        RunError: when there is no run, it was stopped before training began, or it names as data
            what is neither file nor folder, such as a pipe, which would be waited for.
    """
    from ostinato.tasks.base.stored import settings_in

    if not run.begun:
        raise RunError(f"{run.path}: there is no run to continue; train without --resume")
    settings = settings_in(run, kind)
    values = settings.model_dump()
    for name in ("data.extra", "data.validation", "model.vectors", "model.target_vectors"):
        part, _, key = name.partition(".")
        where = values.get(part, {}).get(key)
        known = not isinstance(where, str) or not os.path.exists(where)
        if not (known or os.path.isfile(where) or os.path.isdir(where)):
            raise RunError(
                f"{run.path}/config.toml: {name} = "
                f"{shortened(repr(where))} is neither a file nor a folder, "
                "and a run may not read it"
            )
    values["train"] = {**values["train"], "threads": run.manifest.threads}
    return kind.parse(values, f"{run.path}/config.toml")


def free_folder(task: str) -> str:
    """The first of runs/task-1, runs/task-2, … that is not there yet."""
    names = (f"runs/{task}-{k}" for k in itertools.count(1))
    return next(name for name in names if not Path(name).exists())


def named_cells(cells: str) -> dict[str, str]:
    """What `--cells` asks for: how each is called, and the word for it.

    Raises:
        UnknownName: for an unknown cell.
        ConfigError: when a cell is named twice, or none is.
    """
    from ostinato.cells import find

    found: dict[str, str] = {}
    for word in filter(None, (word.strip() for word in cells.split(","))):
        name = find(word).name
        if name in found:
            raise ConfigError(f"--cells {shortened(cells)}: {quoted(name)} is given twice")
        found[name] = word
    if not found:
        raise ConfigError("--cells requires the name of a cell")
    return found
