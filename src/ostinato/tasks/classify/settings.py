"""The settings of a classifier."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator

from ostinato.data import LabelColumn
from ostinato.data.tables.labels import label_text
from ostinato.tasks.base.pooled.settings import PooledData, PooledSettings, PooledStackSettings
from ostinato.tasks.base.settings import TextColumns

Weight: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Threshold: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class ClassifyColumns(TextColumns):
    """Which columns of a table are what, and how it is written."""

    label: str = Field("label", description="column with the labels")
    multi_label: bool = Field(
        False, description="multi-label texts: any number of labels, also none"
    )
    separator: str | None = Field(
        None,
        min_length=1,
        description="separator of the labels of a multi-label text",
    )

    @property
    def labels(self) -> LabelColumn:
        """The column with the labels; a separator means multi-label texts."""
        return LabelColumn(self.label, self.multi_label or bool(self.separator), self.separator)


class ClassifyData(PooledData, ClassifyColumns):
    """Settings of the data."""

    extra: str | None = Field(
        None, description="additional training texts, never held out: a file or a source"
    )


class ClassifyNetworkSettings(PooledStackSettings):
    """The network, what its loss counts, and how its answers become labels."""

    label_smoothing: float = Field(0.0, ge=0, lt=1, description="label smoothing")
    members: int = Field(
        1,
        ge=1,
        le=64,
        description="number of networks in the ensemble, whose predictions are averaged",
    )
    linear: int = Field(
        0,
        ge=0,
        le=62,
        description="maximum length of the n-grams of a linear model that is combined "
        "with the network; 0: none",
    )
    class_weight: Literal["balanced"] | dict[str, Weight] | None = Field(
        None, description="class weights in training: balanced, or a number for each class"
    )
    calibrate: bool = Field(
        True,
        description="calibrate probabilities on the held-out set (temperature scaling); default: "
        "where it has 100 examples",
    )
    threshold: Threshold | Literal["f1", "accuracy"] | None = Field(
        None,
        description="probability threshold of a label, or the measure (f1, accuracy) "
        "that chooses it on the held-out set; for two classes, that of the "
        "second",
    )

    def for_texts(self) -> dict[str, bool]:
        """See `PooledStackSettings`."""
        return super().for_texts() | {"model.linear": self.linear > 0}

    @field_validator("class_weight", mode="before")
    @classmethod
    def _by_name(cls, chosen: object) -> object:
        """Classes may be numbers in Python, where their names are text here."""
        if isinstance(chosen, dict):
            return {label_text(name): weight for name, weight in chosen.items()}
        return chosen


class ClassifySettings(PooledSettings):
    """Settings of a classifier."""

    task = "classify"
    data: ClassifyData = ClassifyData()
    model: ClassifyNetworkSettings = ClassifyNetworkSettings()
