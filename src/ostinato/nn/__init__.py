"""PyTorch modules: recurrent layers over any cell, embeddings, poolings."""

from ostinato.nn.drop_in import GRU, LSTM, RNN
from ostinato.nn.embedding import Embedding
from ostinato.nn.packing import Packing
from ostinato.nn.pooling import POOLINGS, Pooling, pooling
from ostinato.nn.recurrent import Recurrent

__all__ = [
    "GRU", "LSTM", "POOLINGS", "RNN", "Embedding", "Packing", "Pooling", "Recurrent", "pooling",
]  # fmt: skip
