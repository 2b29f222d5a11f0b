"""The settings of a classifier."""

from __future__ import annotations

from pydantic import Field

from ostinato.data import LabelColumn
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.classify.network import ClassifyNetworkSettings
from ostinato.train import Section


class ClassifyData(Section):
    """What is read, and as what."""

    text: str = Field("text", description="the column with the texts")
    label: str = Field("label", description="the column with the labels")
    multi_label: bool = Field(False, description="a text may have several labels, or none")
    separator: str | None = Field(
        None,
        min_length=1,
        description="what stands between the labels of a text, if it has several",
    )
    extra: str | None = Field(
        None, description="more labelled texts to learn from, none held out: a file or a source"
    )
    validation: float = Field(0.1, gt=0, lt=1, description="the part held out to choose the epoch")
    max_tokens: int = Field(400, ge=1, description="longer texts lose their beginning")
    vocabulary: int = Field(
        30_000, ge=2, le=10**7, description="the most words or characters known"
    )
    min_count: int = Field(2, ge=1, description="how often one must be seen to be known")
    batch_tokens: int = Field(6400, ge=1, description="tokens in a batch, padding included")

    @property
    def labels(self) -> LabelColumn:
        """The column with the labels; a separator means that there may be several."""
        return LabelColumn(self.label, self.multi_label or bool(self.separator), self.separator)


class ClassifySettings(TaskSettings):
    """Settings of a classifier."""

    task = "classify"
    tokenizer: str = Field("word", description="word, char or bpe")
    data: ClassifyData = ClassifyData()
    model: ClassifyNetworkSettings = ClassifyNetworkSettings()
