"""The part that every task's network shares: embedded symbols into a recurrent stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from ostinato.train import Section

if TYPE_CHECKING:
    from torch import nn

    from ostinato.equation import Cell
    from ostinato.nn import Recurrent


class StackSettings(Section):
    """Sizes and noise of an embedding and the recurrent layers over it."""

    embedding: int = Field(64, ge=1, le=2**16, description="size of a token's embedding")
    hidden: int = Field(
        64, ge=1, le=2**16, description="hidden units per direction; default: by the kind of data"
    )
    layers: int = Field(1, ge=1, le=64, description="recurrent layers")
    projection: int = Field(
        0, ge=0, le=2**16, description="size of the projection (projected_lstm)"
    )
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="dropout between layers and on their outputs; default: by the amount of data",
    )
    recurrent_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout of states, with the same mask at each step"
    )
    variational_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout of layers' inputs, with the same mask at each step"
    )
    weight_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout of the weights that multiply states"
    )
    zoneout: float = Field(0.0, ge=0, lt=1, description="probability that a unit keeps its value")
    forget_bias: float | None = Field(
        None, description="initial bias of the gate f, if there is one"
    )
    engine: str = Field("auto", description="engine: auto, native, aten or torch")

    def recurrent(
        self, cell: Cell, features: int | None = None, bidirectional: bool = False
    ) -> Recurrent:
        """The recurrent layers, over embedded symbols (T, B, embedding).

        Args:
            cell: the cell.
            features: of a step, where there is more than the embedding.
            bidirectional: whether each layer reads in both directions.
        """
        from ostinato.nn import Recurrent  # settings are read without PyTorch

        own_name = cell.graph.own_name
        biased = {node.label for _, node in cell.graph.affines() if node.bias}
        bias_init = {} if self.forget_bias is None else {"f": self.forget_bias}
        return Recurrent(
            cell,
            features or self.embedding,
            self.hidden,
            self.layers,
            dropout=self.dropout if self.layers > 1 else 0.0,
            proj_size=self.projection,
            variational_dropout=self.variational_dropout,
            recurrent_dropout=self.recurrent_dropout,
            weight_dropout=self.weight_dropout,
            zoneout=self.zoneout,
            bias_init={gate: bias for gate, bias in bias_init.items() if own_name(gate) in biased},
            engine=self.engine,
            bidirectional=bidirectional,
        )


class VectorSettings(StackSettings):
    """A stack over embeddings that may start with word vectors."""

    vectors: str | None = Field(
        None,
        min_length=1,
        description="file of word vectors that the embeddings start with: GloVe, word2vec (text or "
        "binary), fastText (.vec); may be compressed (.gz, .xz)",
    )
    vectors_rate: float = Field(
        1.0,
        ge=0,
        le=1,
        description="factor of the learning rate for embeddings that start with vectors; 0: they "
        "stay as they are",
    )
    further_words: int = Field(
        20_000,
        ge=0,
        description="vectors: how many words at the beginning of the file enter the vocabulary, "
        "though the training texts do not have them",
    )

    def rates(self, **embeddings: nn.Module) -> dict[str, float]:
        """The factors of the learning rate of embeddings, by their path in the network.

        Those whose factor is 0 do not learn at all.
        """
        if self.vectors_rate == 1:
            return {}
        for embedding in embeddings.values():
            embedding.requires_grad_(self.vectors_rate > 0)
        return dict.fromkeys(embeddings, self.vectors_rate)


class WordStackSettings(VectorSettings):
    """A stack over the embeddings of the words that answers are given for."""

    start: Literal["random", "ppmi"] = Field(
        "random", description="initial embeddings: random, or from word co-occurrence (ppmi)"
    )

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        """Refuses two ways for embeddings to start.

        Raises:
            ValueError: when there are two.
        """
        ways = [way for way, chosen in self.starts().items() if chosen]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)}: embeddings start in one way; leave one out")
        return self

    def starts(self) -> dict[str, bool]:
        """The ways for embeddings to start with what is known of words, and which are chosen."""
        return {"start = ppmi": self.start == "ppmi", "vectors": self.vectors is not None}
