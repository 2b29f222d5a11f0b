"""The settings of a classifier."""

from __future__ import annotations

from pydantic import Field

from ostinato.data import LabelColumn
from ostinato.tasks.base.pooled.settings import PooledData, PooledSettings
from ostinato.tasks.classify.network import ClassifyNetworkSettings
from ostinato.train import Section


class _ClassifyColumns(Section):
    text: str = Field("text", description="column with the texts")
    label: str = Field("label", description="column with the labels")
    multi_label: bool = Field(
        False, description="multi-label texts: any number of labels, also none"
    )
    separator: str | None = Field(
        None,
        min_length=1,
        description="separator of the labels of a multi-label text",
    )
    extra: str | None = Field(
        None, description="additional training texts, never held out: a file or a source"
    )


class ClassifyData(PooledData, _ClassifyColumns):
    """Settings of the data."""

    @property
    def labels(self) -> LabelColumn:
        """The column with the labels; a separator means multi-label texts."""
        return LabelColumn(self.label, self.multi_label or bool(self.separator), self.separator)


class ClassifySettings(PooledSettings):
    """Settings of a classifier."""

    task = "classify"
    data: ClassifyData = ClassifyData()
    model: ClassifyNetworkSettings = ClassifyNetworkSettings()
