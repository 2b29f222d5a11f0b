"""Pairs of a source and a target."""

import csv
import re
from collections import Counter
from itertools import chain

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from ostinato.data import Pairs
from ostinato.tasks.transduce.measures import measure as measured

UNITS, EPOCHS, BATCH, LONGEST = 256, 10, 64, 40
PAD, START, END, UNKNOWN = range(4)


class Attentive(nn.Module):
    """The network of PyTorch's tutorial on translation: GRUs with attention, teacher forcing."""

    def __init__(self, sources, targets):
        super().__init__()
        self.source, self.target = (nn.Embedding(n, UNITS, PAD) for n in (sources, targets))
        self.encoder = nn.GRU(UNITS, UNITS, batch_first=True)
        self.decoder = nn.GRU(UNITS, UNITS, batch_first=True)
        self.output = nn.Linear(2 * UNITS, targets)
        self.dropout = nn.Dropout(0.1)

    def encode(self, x):
        """What is remembered (B, S, H), and the last state."""
        lengths = (x != PAD).sum(1)
        rows = self.dropout(self.source(x))
        packed = pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
        memory, state = self.encoder(packed)
        return pad_packed_sequence(memory, batch_first=True)[0], state

    def forward(self, memory, state, y):
        """Logits (B, T, V) of what follows each symbol of y."""
        h, state = self.decoder(self.dropout(self.target(y)), state)
        padding = (memory == 0).all(-1)[:, None]
        read = (h @ memory.mT).masked_fill(padding, -torch.inf).softmax(-1) @ memory
        return self.output(torch.cat([h, read], -1)), state


def _table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def _words(text):
    return re.findall(r"[^\s.,!?]+|[.,!?]", text)


def _vocabulary(texts):
    """What comes at least twice, as one does whose output layer takes most of the time."""
    counts = Counter(chain.from_iterable(texts))
    return {symbol: k + 4 for k, symbol in enumerate(sorted(s for s in counts if counts[s] > 1))}


def _padded(texts, known):
    rows = [[*(known.get(symbol, UNKNOWN) for symbol in text), END] for text in texts]
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True)


def _seq2seq(train, test, measure, split):
    torch.manual_seed(0)
    given = [(split(source), _words(target)) for source, target in _table(train)]
    known = [_vocabulary([pair[k] for pair in given]) for k in (0, 1)]
    network = Attentive(*(len(each) + 4 for each in known))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(EPOCHS):
        order = torch.randperm(len(given)).tolist()
        for batch in (order[k : k + BATCH] for k in range(0, len(order), BATCH)):
            x, y = (_padded([given[i][k] for i in batch], known[k]) for k in (0, 1))
            before = torch.cat([torch.full_like(y[:, :1], START), y[:, :-1]], 1)
            logits, _ = network(*network.encode(x), before)
            optimizer.zero_grad()
            goal = y.flatten()
            nn.functional.cross_entropy(logits.flatten(0, 1), goal, ignore_index=PAD).backward()
            optimizer.step()
    rows = _table(test)
    sources = list(dict.fromkeys(source for source, _ in rows))
    predicted = _greedy(network.eval(), _padded(map(split, sources), known[0]), known[1])
    pairs = Pairs([row[0] for row in rows], [row[1] for row in rows])
    found = measured(dict(zip(sources, predicted, strict=True)), pairs)
    return {"bleu": found.bleu, "token_error_rate": found.token_error_rate}[measure]


@torch.no_grad()
def _greedy(network, x, known):
    """The most probable symbol at each step."""
    symbols, (memory, state) = {k: symbol for symbol, k in known.items()}, network.encode(x)
    y, found = torch.full_like(x[:, :1], START), []
    for _ in range(LONGEST):
        logits, state = network(memory, state, y)
        y = logits.argmax(-1)
        found.append(y)
    for row in torch.cat(found, 1).tolist():
        row = row[: row.index(END)] if END in row else row
        yield re.sub(r" ([.,])", r"\1", " ".join(symbols.get(k, "") for k in row))


def of_words(train, test, measure):
    """GRUs with attention in 30 lines of torch, words."""
    return _seq2seq(train, test, measure, _words)


def of_characters(train, test, measure):
    """GRUs with attention in 30 lines of torch, characters."""
    return _seq2seq(train, test, measure, list)
