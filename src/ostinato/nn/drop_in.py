"""`RNN`, `LSTM` and `GRU` as torch.nn has them: constructors, state dicts and results.

Options of `Recurrent` that torch.nn does not have go by keyword.
"""

from __future__ import annotations

from typing import Unpack

from ostinato.errors import UnknownName
from ostinato.nn.options import Options
from ostinato.nn.recurrent import Recurrent


class RNN(Recurrent):
    """`torch.nn.RNN`, same constructor, weights and results: cell `rnn` or `relu_rnn`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        **options: Unpack[Options],
    ) -> None:
        named = {"tanh": "rnn", "relu": "relu_rnn"}
        if nonlinearity not in named:
            raise UnknownName("nonlinearity", nonlinearity, named)
        self.nonlinearity = nonlinearity
        super().__init__(
            named[nonlinearity], input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, **options,
        )  # fmt: skip


class LSTM(Recurrent):
    """`torch.nn.LSTM`, same constructor, weights and results: cell `lstm` or `projected_lstm`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(
            "projected_lstm" if proj_size else "lstm", input_size, hidden_size, num_layers, bias,
            batch_first, dropout, bidirectional, proj_size, **options,
        )  # fmt: skip


class GRU(Recurrent):
    """`torch.nn.GRU`, same constructor, weights and results: cell `gru`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(
            "gru", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            **options,
        )  # fmt: skip
