"""A decoder: generates a sequence symbol by symbol, with attention to another sequence.

With the embedding e of the symbol before, the state s and the attention of Luong et al. 2015

    h_t, s_t = recurrent(e_t, s_{t-1})        c_t, a_t = attention(h_t, memory)
    r_t = tanh(W [c_t; h_t] + b)              logits_t = V r_t + d .

Attention does not come back into the recurrence, so that whole sequences run through the fused
level at once. With input feeding it does, e_t becomes [e_t; r_{t-1}], and steps go one by one.
Without attention all that the decoder knows of the other sequence is its first state: the context
vector of Sutskever et al. 2014.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ostinato.nn.attention import Attention, Memory
from ostinato.nn.dropout import Dropout
from ostinato.nn.embedding import Embedding
from ostinato.nn.encoder import States
from ostinato.nn.recurrent import Recurrent


@dataclass(frozen=True)
class Carried:
    """The state of a decoder between two steps.

    Attributes:
        states: of the recurrent stack.
        fed: the readout of the last step (1, N, E) with input feeding, otherwise None.
    """

    states: States
    fed: Tensor | None = None

    def pick(self, rows: Tensor) -> Carried:
        """The rows (N,) of it, in this order."""
        fed = None if self.fed is None else self.fed.index_select(1, rows)
        return Carried(tuple(state.index_select(1, rows) for state in self.states), fed)


class Decoder(nn.Module):
    """Symbols to the logits of those that follow; see above.

    Args:
        embedding: of the symbols, E features each.
        recurrent: the stack; it reads E features, with input feeding 2·E.
        attention: None for the context vector alone.
        context: K, the features of a context.
        feeding: whether there is input feeding.
        tied: whether V is the table of the embedding (Press & Wolf 2017).
        dropout: on embeddings.
        readout_dropout: on readouts.
    """

    def __init__(
        self,
        embedding: Embedding,
        recurrent: Recurrent,
        attention: Attention | None,
        context: int,
        *,
        feeding: bool = False,
        tied: bool = False,
        dropout: float = 0.0,
        readout_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding, self.recurrent, self.attention = embedding, recurrent, attention
        self.feeding = feeding
        symbols, features = embedding.weight.shape
        inputs = recurrent.output_size + (context if attention else 0)
        self.readout = nn.Linear(inputs, features)
        self.weight = None if tied else nn.Parameter(torch.empty(symbols, features))
        self.bias = nn.Parameter(torch.zeros(symbols))
        if self.weight is not None:
            nn.init.uniform_(self.weight, -(features**-0.5), features**-0.5)
        self.dropout, self.readout_dropout = Dropout(dropout), Dropout(readout_dropout)

    def start(self, states: States) -> Carried:
        """What the first step is given."""
        if not self.feeding:
            return Carried(states)
        fed = states[0].new_zeros(1, states[0].shape[1], self.embedding.embedding_dim)
        return Carried(states, fed)

    def forward(
        self,
        symbols: Tensor,
        before: Carried,
        memory: Memory | None,
        lengths: Tensor | None = None,
        *,
        forcing: float = 1.0,
    ) -> tuple[Tensor, Tensor | None, Carried]:
        """Reads symbols; each is the one before the symbol to be predicted.

        Args:
            symbols: (T, N); N may be a multiple of the memory's B, when each of its sequences is
                read by as many neighbouring rows.
            before: what the first step is given.
            memory: of the other sequences; None without attention.
            lengths: of the sequences (N,); what is given for a step behind an end means nothing.
            forcing: the chance that a step reads the symbol that is given; otherwise it reads the
                most probable one after the step before (Bengio et al. 2015).

        Returns:
            Readouts r (T, N, E), the weights of attention (N, T, S), and what the next step is
            given. `logits` gives the logits of readouts.
        """
        if forcing < 1 or self.feeding:
            return self._by_steps(symbols, before, memory, forcing)
        inputs = self.dropout(self.embedding(symbols))
        outputs, states = self._recur(inputs, before.states, lengths)
        readouts, weights = self._read(outputs, memory)
        return readouts, weights, Carried(states)

    def logits(self, readouts: Tensor) -> Tensor:
        """Readouts (…, E) → logits (…, V) of the symbols."""
        weight = self.embedding.weight if self.weight is None else self.weight
        return nn.functional.linear(readouts, weight, self.bias)

    def _by_steps(
        self, symbols: Tensor, before: Carried, memory: Memory | None, forcing: float
    ) -> tuple[Tensor, Tensor | None, Carried]:
        readouts: list[Tensor] = []
        weights: list[Tensor] = []
        for t in range(len(symbols)):
            given = symbols[t : t + 1]
            if forcing < 1 and t:
                own = self.logits(readouts[-1].detach()).argmax(-1)
                given = given.where(torch.rand(given.shape, device=given.device) < forcing, own)
            inputs = self.dropout(self.embedding(given))
            if before.fed is not None:
                inputs = torch.cat([inputs, before.fed], -1)
            outputs, states = self._recur(inputs, before.states, None)
            readout, seen = self._read(outputs, memory)
            before = Carried(states, readout if self.feeding else None)
            readouts.append(readout)
            if seen is not None:
                weights.append(seen)
        return torch.cat(readouts), torch.cat(weights, 1) if weights else None, before

    def _recur(
        self, inputs: Tensor, states: States, lengths: Tensor | None
    ) -> tuple[Tensor, States]:
        outputs, last = self.recurrent(
            inputs, states if len(states) > 1 else states[0], lengths=lengths
        )
        return outputs, (last,) if isinstance(last, Tensor) else tuple(last)

    def _read(self, outputs: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor | None]:
        """Outputs (T, N, H) → readouts (T, N, E), weights (N, T, S)."""
        weights = None
        if self.attention and memory:
            T, N, H = outputs.shape
            B = len(memory.values)
            # The rows of one sequence ask as if they were steps: its memory is kept once.
            queries = outputs.reshape(T, B, N // B, H).transpose(1, 2).reshape(-1, B, H)
            context, weights = self.attention(queries, memory)
            context = context.reshape(T, N // B, B, -1).transpose(1, 2).reshape(T, N, -1)
            weights = weights.reshape(B, T, N // B, -1).transpose(1, 2).reshape(N, T, -1)
            outputs = torch.cat([context, outputs], -1)
        return self.readout_dropout(torch.tanh(self.readout(outputs))), weights
