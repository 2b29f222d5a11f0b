"""The network of a transducer: encoder → bridge → decoder, and the search for its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ostinato.decode import Hypothesis, beam_search
from ostinato.equation import Cell
from ostinato.nn import Bridge, Carried, Decoder, Embedding, Encoder, Memory, Recurrent, attention
from ostinato.nn.pooling import real_steps
from ostinato.tasks.base.batch import Batch
from ostinato.tasks.base.network import Network
from ostinato.tasks.base.parts import Part, embedding_part, in_words, layer_parts, parameters_of
from ostinato.tasks.transduce.settings import TransduceNetworkSettings


@dataclass(frozen=True)
class TransduceBatch(Batch):
    """Sources as the network takes them, and with their targets, where these are known.

    Attributes:
        source: (S, B) int64.
        lengths: of the sources (B,) int64.
        given: each target after the boundary (T, B) int64.
        steps: the lengths of `given` (B,) int64.
        goal: the N symbols that are to follow at the real steps of `given`, the boundary at last
            (N,) int64.
    """

    on_cpu: ClassVar[frozenset[str]] = frozenset({"lengths", "steps"})

    source: Tensor
    lengths: Tensor
    given: Tensor | None = None
    steps: Tensor | None = None
    goal: Tensor | None = None


class TransduceOutputs(NamedTuple):
    """What the network makes of a batch.

    Attributes:
        first: what the decoder's first step is given.
        memory: what attention looks at; None without it.
        logits: of the symbols that follow those given (N, V), of the N real steps alone, in the
            order in which `real_steps` are true; None where no targets are given.
    """

    first: Carried
    memory: Memory | None
    logits: Tensor | None


class TransduceNetwork(Network[TransduceBatch, TransduceOutputs]):
    """Encoder, bridge and decoder.

    One symbol more than the target's vocabulary has, the last, begins and ends each output.

    Args:
        cell: the recurrence, of encoder and decoder.
        settings: sizes and noise.
        source: symbols of the source.
        target: symbols of the target.
    """

    def __init__(
        self, cell: Cell, settings: TransduceNetworkSettings, source: int, target: int
    ) -> None:
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
        self.rates = settings.rates(
            **({"encoder.embedding": self.encoder.embedding} if settings.vectors else {}),
            **({"decoder.embedding": self.decoder.embedding} if settings.target_vectors else {}),
        )

    @property
    def recurrent(self) -> Recurrent:  # type: ignore[override]
        """The encoder's stack."""
        return self.encoder.recurrent

    def embed(self, batch: TransduceBatch) -> Tensor:
        """Symbols of sources as vectors (S, B, E)."""
        return self.encoder.embed(batch.source)

    def run(
        self, embedded: Tensor, batch: TransduceBatch, forcing: float = 1.0
    ) -> TransduceOutputs:
        """Sources as vectors (S, B, E) → what the decoder begins with, and makes of what is given.

        Args:
            embedded: see `embed`.
            batch: lengths of the sources, and perhaps targets.
            forcing: see `Decoder`.
        """
        outputs, states = self.encoder.run(embedded, batch.lengths)
        if self.bridge:
            states = self.bridge(states)
        elif not self.bridged:
            states = tuple(torch.zeros_like(state) for state in states)
        first, look = self.decoder.start(states), self.decoder.attention
        memory = look.remember(outputs, batch.lengths) if look else None
        given, steps = batch.given, batch.steps
        if given is None or steps is None:
            return TransduceOutputs(first, memory, None)
        readouts, _, _ = self.decoder(given, first, memory, steps, forcing=forcing)
        logits = self.decoder.logits(readouts[real_steps(given, steps).squeeze(-1)])
        return TransduceOutputs(first, memory, logits)

    def forward(self, batch: TransduceBatch, forcing: float = 1.0) -> TransduceOutputs:
        """`embed` and `run`."""
        return self.run(self.embed(batch), batch, forcing)

    @torch.no_grad()
    def search(
        self,
        outputs: TransduceOutputs,
        length: int,
        *,
        beam: int = 1,
        best: int = 1,
        alpha: float = 0.0,
    ) -> list[list[Hypothesis]]:
        """The texts that `beam_search` finds for each source; no symbol in them is unknown.

        Args:
            outputs: what the network made of the sources.
            length: the most symbols of a text, the end not counted.
            beam: how many hypotheses are kept; 1 is greedy.
            best: how many are returned for each source.
            alpha: the length penalty.
        """
        first, memory, _ = outputs
        state = first.states[0]
        return beam_search(
            lambda before, symbols: self.step(before, symbols, memory),
            first,
            torch.full((state.shape[1],), self.boundary, device=state.device),
            length + 1,
            beam=beam,
            best=best,
            end=self.boundary,
            alpha=alpha,
            pick=Carried.pick,
        )

    def step(
        self, before: Carried, symbols: Tensor, memory: Memory | None
    ) -> tuple[Tensor, Carried]:
        """A step of the decoder: symbols (N,) → ln P of those that follow (N, V), what it leaves.

        The unknown symbol never follows.
        """
        readouts, _, after = self.decoder(symbols[None], before, memory)
        logits = self.decoder.logits(readouts[0])
        logits[:, 0] = -torch.inf
        return logits.log_softmax(-1), after

    @torch.no_grad()
    def alignments(self, outputs: TransduceOutputs, given: Tensor, rows: Tensor) -> Tensor | None:
        """The weights of attention while targets are read that are known (N, T, S).

        Args:
            outputs: what the network made of the sources.
            given: each target after the boundary (T, N).
            rows: which source each of them belongs to (N,).
        """
        first, memory, _ = outputs
        if memory is None:
            return None
        _, weights, _ = self.decoder(given, first.pick(rows), memory.pick(rows))
        found: Tensor = weights
        return found

    def parts(self) -> list[Part]:
        """See `Network`: those of the encoder first."""
        encoder, decoder = self.encoder, self.decoder
        parts = [embedding_part(encoder.embedding, "source embedding")]
        parts += layer_parts(encoder.recurrent, "encoder")
        if self.bridge:
            inside, gives = "linear, from last states to first ones", "states of each layer"
            parts.append(Part("bridge", "bridge", inside, gives, parameters_of(self.bridge)))
        parts.append(embedding_part(decoder.embedding, "target embedding"))
        parts += layer_parts(decoder.recurrent, "decoder")
        if look := decoder.attention:
            gives = f"B × T × {encoder.output_size}, beside the decoder's"
            parts.append(Part("attention", "attention", in_words(look), gives, parameters_of(look)))
        symbols, features = decoder.embedding.weight.shape
        own, kind = (0, "tied") if decoder.weight is None else (decoder.weight.numel(), "linear")
        return [
            *parts,
            Part(
                kind="output",
                name="output",
                inside=f"tanh, {decoder.readout.in_features} → {features}, {kind} → {symbols}",
                gives=f"B × T × {symbols} logits",
                parameters=parameters_of(decoder.readout) + decoder.bias.numel() + own,
            ),
        ]


def _embedding(symbols: int, settings: TransduceNetworkSettings) -> Embedding:
    made = Embedding(symbols, settings.embedding)
    nn.init.normal_(made.weight, std=0.1)  # a symbol not yet learned says little
    return made
