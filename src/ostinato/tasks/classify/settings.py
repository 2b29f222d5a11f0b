"""The settings of a classifier."""

from __future__ import annotations

from pydantic import Field

from ostinato.data import LabelColumn
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.classify.network import ClassifyNetworkSettings
from ostinato.train import Section


class ClassifyData(Section):
    """Settings of the data."""

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
    validation: float = Field(
        0.1, gt=0, lt=1, description="fraction held out to choose the best epoch"
    )
    max_tokens: int = Field(
        400, ge=1, description="maximum length of a text; the beginning of longer ones is cut off"
    )
    vocabulary: int = Field(30_000, ge=2, le=10**7, description="maximum size of the vocabulary")
    min_count: int = Field(2, ge=1, description="minimum count of a token in the vocabulary")
    batch_tokens: int = Field(6400, ge=1, description="tokens per batch, including padding")

    @property
    def labels(self) -> LabelColumn:
        """The column with the labels; a separator means multi-label texts."""
        return LabelColumn(self.label, self.multi_label or bool(self.separator), self.separator)


class ClassifySettings(TaskSettings):
    """Settings of a classifier."""

    task = "classify"
    tokenizer: str = Field("word", description="tokenizer: word, char or bpe")
    data: ClassifyData = ClassifyData()
    model: ClassifyNetworkSettings = ClassifyNetworkSettings()
