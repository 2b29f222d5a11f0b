"""The network of a transducer: encoder → bridge → decoder, and the search for its outputs."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ostinato.decode import Hypothesis, beam_search
from ostinato.equation import Cell
from ostinato.nn import Bridge, Carried, Decoder, Embedding, Encoder, Memory, Recurrent, attention
from ostinato.nn.pooling import real_steps
from ostinato.tasks.base.stack import Stack


class TransduceModel(Stack):
    """The network."""

    embedding: int = Field(64, ge=1, le=2**16, description="features of a token, and of a readout")
    hidden: int = Field(
        128,
        ge=2,
        le=2**16,
        multiple_of=2,
        description="hidden units; the encoder's directions have half each",
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="between layers, and on readouts")
    embedding_dropout: float = Field(0.0, ge=0, lt=1, description="on embeddings")
    bidirectional: bool = Field(True, description="the encoder reads both ways")
    attention: str = Field(
        "additive", description="dot, general, additive; none: the context vector alone"
    )
    input_feeding: bool = Field(False, description="a step reads the readout before it: slow")
    bridge: Literal["linear", "copy", "none"] = Field(
        "linear", description="how the decoder's first states come from the encoder's last ones"
    )
    tied: bool = Field(False, description="the output reads the table of the embedding")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="the part of each symbol shared out"
    )
    teacher_forcing: float = Field(
        1.0, ge=0, le=1, description="chance, at last, that a step is given the right symbol before"
    )
    forcing_schedule: Literal["constant", "linear"] = Field(
        "linear", description="whether that chance falls from 1, epoch by epoch, or stays"
    )


class TransduceNetwork(nn.Module):
    """Encoder, bridge and decoder.

    One symbol more than the target's vocabulary has, the last, begins and ends each output.

    Args:
        cell: the recurrence, of encoder and decoder.
        settings: sizes and noise.
        source: symbols of the source.
        target: symbols of the target.
    """

    def __init__(self, cell: Cell, settings: TransduceModel, source: int, target: int) -> None:
        super().__init__()
        both = settings.bidirectional
        half = {"hidden": settings.hidden // 2, "projection": settings.projection // 2}
        below = settings.model_copy(update=half) if both else settings
        above = settings
        if settings.input_feeding:
            above = settings.model_copy(update={"embedding": 2 * settings.embedding})
        on_embeddings = settings.embedding_dropout
        self.boundary = target
        self.encoder = Encoder(
            _embedding(source, settings), below.recurrent(cell, bidirectional=both), on_embeddings
        )
        recurrent, outputs = above.recurrent(cell), self.encoder.output_size
        look = None
        if settings.attention != "none":
            look = attention(settings.attention, recurrent.output_size, outputs)
        self.bridge: Bridge | None = None
        if settings.bridge == "linear":
            sizes = [
                {"H": recurrent.hidden_size, "R": recurrent.proj_size}[size]
                for size in cell.graph.sizes.values()
            ]
            self.bridge = Bridge(settings.layers, [(size, size) for size in sizes])
        self.bridged = settings.bridge != "none"
        self.decoder = Decoder(
            _embedding(target + 1, settings),
            recurrent,
            look,
            outputs,
            feeding=settings.input_feeding,
            tied=settings.tied,
            dropout=on_embeddings,
            readout_dropout=settings.dropout,
        )

    @property
    def recurrent(self) -> Recurrent:
        """The encoder's stack."""
        return self.encoder.recurrent

    def read(self, source: Tensor, lengths: Tensor) -> tuple[Carried, Memory | None]:
        """Sources (S, B) and lengths (B,) → what the decoder is given first, and its memory."""
        outputs, states = self.encoder(source, lengths)
        if self.bridge:
            states = self.bridge(states)
        elif not self.bridged:
            states = tuple(torch.zeros_like(state) for state in states)
        look = self.decoder.attention
        return self.decoder.start(states), look.remember(outputs, lengths) if look else None

    def forward(
        self, source: Tensor, lengths: Tensor, given: Tensor, steps: Tensor, forcing: float = 1.0
    ) -> Tensor:
        """Logits of the symbols that follow those given.

        Args:
            source: (S, B).
            lengths: of the sources (B,).
            given: each target after the boundary (T, B).
            steps: the lengths of `given` (B,).
            forcing: see `Decoder`.

        Returns:
            (N, V), of the N real steps alone, in the order in which `real_steps` are true.
        """
        first, memory = self.read(source, lengths)
        readouts, _, _ = self.decoder(given, first, memory, steps, forcing=forcing)
        logits: Tensor = self.decoder.logits(readouts[real_steps(given, steps).squeeze(-1)])
        return logits

    @torch.inference_mode()
    def search(
        self,
        source: Tensor,
        lengths: Tensor,
        length: int,
        *,
        beam: int = 1,
        best: int = 1,
        alpha: float = 0.0,
    ) -> list[list[Hypothesis]]:
        """The outputs that `beam_search` finds for each source; no symbol in them is unknown.

        Args:
            source: (S, B).
            lengths: of the sources (B,).
            length: the most symbols of an output, the end not counted.
            beam: how many hypotheses are kept; 1 is greedy.
            best: how many are returned for each source.
            alpha: the length penalty.
        """
        first, memory = self.read(source, lengths)
        begin = torch.full((source.shape[1],), self.boundary)
        return beam_search(
            lambda before, symbols: self._step(before, symbols, memory),
            first,
            begin,
            length + 1,
            beam=beam,
            best=best,
            end=self.boundary,
            alpha=alpha,
            pick=Carried.pick,
        )

    @torch.inference_mode()
    def alignments(self, source: Tensor, lengths: Tensor, given: Tensor, rows: Tensor) -> Tensor:
        """The weights of attention while targets are read that are known: (N, T, S).

        Args:
            source: (S, B).
            lengths: of the sources (B,).
            given: each target after the boundary (T, N).
            rows: which source each of them belongs to (N,).
        """
        first, memory = self.read(source, lengths)
        assert memory is not None
        _, weights, _ = self.decoder(given, first.pick(rows), memory.pick(rows))
        found: Tensor = weights
        return found

    def _step(
        self, before: Carried, symbols: Tensor, memory: Memory | None
    ) -> tuple[Tensor, Carried]:
        readouts, _, after = self.decoder(symbols[None], before, memory)
        logits = self.decoder.logits(readouts[0])
        logits[:, 0] = -torch.inf  # the unknown symbol says nothing
        return logits.log_softmax(-1), after


def _embedding(symbols: int, settings: TransduceModel) -> Embedding:
    made = Embedding(symbols, settings.embedding)
    nn.init.normal_(made.weight, std=0.1)  # a symbol not yet learnt says little
    return made
