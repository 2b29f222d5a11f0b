"""Settings: trees of typed values from a TOML file and from `--a.b value` on the command line."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from ostinato.errors import ConfigError, UnknownName, first_few, quoted, shortened

RECIPES = Path(__file__).parents[1] / "recipes"
"""Settings that come with Ostinato, a file for each set of data."""
LARGEST = 10**6
"""The largest whole number in settings, where none is said."""
ENDLESS = LARGEST
"""Epochs that are never reached: something else ends training before."""


class Section(BaseModel):
    """A part of the settings; an unknown key is an error that gives the nearest right one.

    A whole number is at most `LARGEST`, unless its field says otherwise: settings may come from
    anywhere, and a size is memory or time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    task: ClassVar[str | None] = None  # what the settings of a whole run are for

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: object) -> object:
        """Refuses a name that is no UTF-8: a TOML file could not hold it."""
        for word in value if isinstance(value, (list, tuple, dict)) else [value]:
            try:
                str(word).encode()
            except UnicodeEncodeError:
                raise ValueError("not UTF-8, as settings must be; rename it") from None
        return value

    @field_validator("*")
    @classmethod
    def _bounded(cls, value: object, info: ValidationInfo) -> object:
        field = cls.model_fields[str(info.field_name)]
        own = any(hasattr(rule, most) for rule in field.metadata for most in ("le", "lt"))
        if isinstance(value, int) and not own and value > LARGEST:
            raise ValueError(f"at most {LARGEST:,} is allowed")
        return value

    @classmethod
    def parse(cls, values: Mapping[str, object], source: str) -> Self:
        """Settings from plain values, as a TOML file or a command line gives them.

        Raises:
            ConfigError: for an unknown key, or a value that does not fit; `source` says where.
        """
        task = values.get("task", cls.task)
        if task != cls.task:
            raise ConfigError(f"{source}: settings of task {quoted(task)}, not {cls.task!r}")
        try:
            return cls.model_validate({k: v for k, v in values.items() if k != "task"})
        except ValidationError as error:
            path, given, why = first_fault(error)
            if error.errors()[0]["type"] == "extra_forbidden":
                hint = nearest(path, known_paths(cls))
                raise ConfigError(f"{source}: unknown setting {quoted(path)}; {hint}") from None
            raise ConfigError(f"{source}: {path} = {quoted(given)}: {why}") from None

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Settings from a TOML file.

        Raises:
            ConfigError: when the file cannot be read, or holds what `parse` refuses.
        """
        return cls.parse(read_toml(path), str(path))

    def chosen(self) -> dict[str, object]:
        """The settings that somebody chose, by path, such as `train.lr`."""
        found: dict[str, object] = {}
        for name in sorted(self.model_fields_set):
            value = getattr(self, name)
            if isinstance(value, Section):
                found |= {f"{name}.{path}": inner for path, inner in value.chosen().items()}
            else:
                found[name] = value
        return found

    def whole(self) -> Self:
        """The same settings, each of which counts as chosen: what a run had is its own."""
        return self.model_validate(self.model_dump())

    def to_toml(self) -> str:
        """The settings as TOML, defaults included."""
        task = {"task": self.task} if self.task else {}
        return tomli_w.dumps(task | self.model_dump(exclude_none=True))


def first_fault(error: ValidationError) -> tuple[str, object, str]:
    """The first setting that is wrong: its path, what was given, and why it does not fit.

    A setting that may be of several kinds is wrong in as many ways. Of them those count that come
    nearest: the ones that look farthest into what was given.
    """
    found = [
        (
            tuple(str(k) for k in each["loc"] if not _is_kind(k)),
            each["input"],
            each["msg"].removeprefix("Value error, "),  # pydantic's word for one of our own
        )
        for each in error.errors()
    ]
    first = found[0][0]
    path, given, _ = max((f for f in found if f[0][: len(first)] == first), key=lambda f: len(f[0]))
    return ".".join(path), given, "; or: ".join(why for at, _, why in found if at == path)


def _is_kind(place: int | str) -> bool:
    """Whether a part of a place in the settings is pydantic's word for one of several kinds."""
    return isinstance(place, str) and ("[" in place or place.startswith("constrained-"))


def read_toml(path: str | Path) -> dict[str, Any]:
    """The values of a TOML file, or of a recipe by its name.

    Raises:
        UnknownName: when there is neither a file nor a recipe of that name.
        ConfigError: when there is no file, or it is not TOML; the message gives its line.
    """
    try:
        return tomllib.loads(_recipe(path).read_text("utf-8"))
    except OSError as error:
        if isinstance(error, FileNotFoundError) and str(path) == Path(path).stem:
            raise UnknownName("recipe", str(path), recipes()) from None
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or a number of pages
        raise ConfigError(f"{path}: {shortened(str(error), 200)}") from None


def recipes() -> list[str]:
    """The names of the recipes: settings that come with Ostinato."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def _recipe(path: str | Path) -> Path:
    """A file of the user; else the recipe that `imdb` or `recipes/imdb.toml` is a name of."""
    own = RECIPES / f"{Path(path).stem}.toml"
    named = str(path) in (own.stem, f"recipes/{own.name}") and not Path(path).is_file()
    return own if named and own.is_file() else Path(path)


def known_paths(section: type[BaseModel], before: str = "") -> list[str]:
    """The path of every setting, such as `train.lr`, and of every section."""
    paths = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        paths.append(f"{before}{name}")
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            paths += known_paths(inner, f"{before}{name}.")
    return paths


def nearest(path: str, known: list[str]) -> str:
    """The known path whose last word is nearest, or all that stand beside a wrong one."""
    section, _, word = path.rpartition(".")
    beside = [k for k in known if k.rpartition(".")[0] == section]
    words = {k.rpartition(".")[2]: k for k in (*known, *beside)}  # those beside it win
    near = difflib.get_close_matches(word, words, n=1)
    return f"did you mean {words[near[0]]!r}?" if near else f"known: {first_few(beside, 250)}"


Epochs: TypeAlias = Annotated[
    int, Field(ge=1, description="maximum number of epochs; default: by the amount of data")
]
LearningRate: TypeAlias = Annotated[
    float, Field(gt=0, description="maximum learning rate of Adam; default: by the kind of data")
]


class Training(Section):
    """How the loop trains."""

    epochs: Epochs = 10
    lr: LearningRate = 2e-3
    find_lr: bool = Field(
        False, description="find the learning rate by a range test before training"
    )
    schedule: Literal["linear", "cosine", "plateau", "constant"] = Field(
        "linear", description="learning rate schedule after the warm-up"
    )
    plateau_epochs: int = Field(
        1, ge=1, description="epochs without improvement before plateau reduces the learning rate"
    )
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="factor by which plateau reduces the learning rate"
    )
    warmup: float = Field(
        0.05, ge=0, lt=1, description="fraction of all steps in which the learning rate increases"
    )
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay, as in AdamW")
    clip: float = Field(1.0, gt=0, description="maximum norm of the gradient")
    accumulate: int = Field(
        1, ge=1, description="number of batches whose gradients are accumulated for one step"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: matrix products of the forward pass by PyTorch's autocast"
    )
    average: float = Field(
        0.0, ge=0, lt=1, description="decay per step of averaged weights; 0: no averaging"
    )
    patience: int = Field(
        3,
        ge=1,
        description="epochs without a better metric or loss on the validation set before training "
        "stops; default: a third of the epochs",
    )
    best_by: Literal["metric", "loss"] = Field(
        "metric",
        description="what chooses the best epoch: the metric of the task on the validation set, "
        "and of equals the validation loss; or the validation loss alone; default: loss, where "
        "the metric has fewer than 100 examples",
    )
    seconds: float | None = Field(
        None, gt=0, description="train for this many seconds; epochs and patience may end it before"
    )
    checkpoint: float = Field(
        60.0, ge=0, description="seconds between checkpoints within an epoch; 0: after every step"
    )
    tensorboard: bool = Field(False, description="also write TensorBoard events")
    threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads; default: PyTorch's choice"
    )
