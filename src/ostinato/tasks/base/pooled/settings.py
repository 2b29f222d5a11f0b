"""Settings that tasks have in common whose network pools over all steps."""

from __future__ import annotations

from pydantic import Field

from ostinato.tasks.base.settings import PartOrFile, TaskSettings
from ostinato.tasks.base.stack import WordStackSettings
from ostinato.train import Section


class PooledData(Section):
    """Settings of the held-out part, the vocabulary and the batches."""

    validation: PartOrFile = Field(
        0.1,
        description="validation set that chooses the best epoch: a fraction of the data, or a file",
    )
    max_tokens: int = Field(
        400, ge=1, description="maximum length of a text; the beginning of longer ones is cut off"
    )
    vocabulary: int = Field(30_000, ge=2, le=10**7, description="maximum size of the vocabulary")
    min_count: int = Field(2, ge=1, description="minimum count of a token in the vocabulary")
    batch: int | None = Field(
        None, ge=1, description="maximum number of sequences per batch; default: by their number"
    )
    batch_tokens: int = Field(6400, ge=1, description="tokens per batch, including padding")


class PooledStackSettings(WordStackSettings):
    """Settings of the network: embedding, recurrent layers, pooling."""

    dropout: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="dropout of embeddings and pooled features; default: by the amount of data",
    )
    bidirectional: bool = Field(True, description="whether the network is bidirectional")
    pooling: str = Field(
        "max_mean", description="pooling: last, max, mean, attention, first_last, max_mean"
    )
    pretrained: str | None = Field(
        None,
        min_length=1,
        description="run of `ostinato fit generate` whose tokenizer, embedding and recurrent "
        "layers the network starts with",
    )
    pretrained_rate: float = Field(
        1.0,
        ge=0,
        le=1,
        description="pretrained: factor of the learning rate from each layer to the one below it; "
        "0: they stay as they are",
    )
    bigrams: int = Field(
        0, ge=0, le=10**7, description="maximum number of bigrams with their own embeddings"
    )
    word_dropout: float = Field(
        0.0, ge=0, lt=1, description="probability that a word is replaced by the unknown word"
    )
    embedding_dropout: float | None = Field(
        None, ge=0, lt=1, description="dropout of embeddings; default: dropout"
    )

    alone: bool = Field(
        False,
        description="the network answers alone; default: the linear baseline answers with it "
        "where both are better on the validation set",
    )

    def for_texts(self) -> dict[str, bool]:
        """Settings that only texts can have, and whether they are asked for."""
        asked = self.starts() | {"bigrams": self.bigrams > 0}
        return {f"model.{name}": chosen for name, chosen in asked.items()}

    def starts(self) -> dict[str, bool]:
        """See `WordStackSettings`."""
        return super().starts() | {"pretrained": self.pretrained is not None}


class PooledSettings(TaskSettings):
    """Settings of a task whose network pools over all steps."""

    tokenizer: str = Field(
        "word",
        description="tokenizer: word, char or bpe; default: word, and char for names and the like",
    )
    data: PooledData = PooledData()
    model: PooledStackSettings = PooledStackSettings()
