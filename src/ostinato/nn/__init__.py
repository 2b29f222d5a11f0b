"""PyTorch modules: recurrent layers over any cell, embeddings, dropout, poolings, CRF, segments."""

from ostinato.nn.bigrams import BigramEmbedding, frequent_pairs
from ostinato.nn.characters import CharacterEncoder
from ostinato.nn.crf import CRF, Constraints
from ostinato.nn.drop_in import GRU, LSTM, RNN
from ostinato.nn.dropout import Dropout
from ostinato.nn.embedding import Embedding
from ostinato.nn.packing import Packing
from ostinato.nn.pooling import POOLINGS, Pooling, pooling
from ostinato.nn.recurrent import Recurrent
from ostinato.nn.segments import Queries, Segments

__all__ = [
    "CRF", "GRU", "LSTM", "POOLINGS", "RNN", "BigramEmbedding", "CharacterEncoder", "Constraints",
    "Dropout", "Embedding", "Packing", "Pooling", "Queries", "Recurrent", "Segments",
    "frequent_pairs", "pooling",
]  # fmt: skip
