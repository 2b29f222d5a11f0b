"""PyTorch modules: recurrent layers over any cell, embeddings, attention, poolings, CRF, …"""

from ostinato.nn.attention import ATTENTIONS, Attention, Memory, attention
from ostinato.nn.bigrams import BigramEmbedding, frequent_pairs
from ostinato.nn.characters import CharacterEncoder
from ostinato.nn.crf import CRF, Constraints
from ostinato.nn.decoder import Carried, Decoder
from ostinato.nn.drop_in import GRU, LSTM, RNN
from ostinato.nn.dropout import Dropout
from ostinato.nn.embedding import Embedding, Tied
from ostinato.nn.encoder import Bridge, Encoder
from ostinato.nn.packing import Packing
from ostinato.nn.pooling import POOLINGS, Pooling, pooling
from ostinato.nn.recurrent import Recurrent
from ostinato.nn.sampled_softmax import SampledSoftmax
from ostinato.nn.segments import Queries, Segments

__all__ = [
    "ATTENTIONS", "CRF", "GRU", "LSTM", "POOLINGS", "RNN", "Attention", "BigramEmbedding", "Bridge",
    "Carried", "CharacterEncoder", "Constraints", "Decoder", "Dropout", "Embedding", "Encoder",
    "Memory", "Packing", "Pooling", "Queries", "Recurrent", "SampledSoftmax", "Segments",
    "Tied", "attention", "frequent_pairs", "pooling",
]  # fmt: skip
