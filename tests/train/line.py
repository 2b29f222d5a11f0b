"""A task small enough to be worked out by hand."""

import math

import torch
from torch import nn

from ostinato.train import Judge

START = torch.tensor([[0.3, -0.2, 0.5]], dtype=torch.float64)


class Line:
    """Least squares: y = w · x. Validation gives the scores it is told to give."""

    def __init__(self, epochs=2, scores=None, judged_by="score", spoilt=None):
        self.model = nn.Linear(3, 1, bias=False, dtype=torch.float64)
        self.model.load_state_dict({"weight": START})
        generator = torch.Generator().manual_seed(0)
        self.data = torch.randn(epochs, 2, 5, 4, dtype=torch.float64, generator=generator)
        self.data[0, 0] *= 100  # a gradient to be clipped, among some that are not
        if spoilt:
            self.data[spoilt] = math.nan
        self.scores, self.judged_by = scores or range(epochs), Judge(judged_by, judged_by)
        self.weights, self.state = [], ()

    def batches(self, epoch):
        self.epoch = epoch % len(self.data)
        return list(self.data[self.epoch])

    def loss(self, batch):
        loss = (self.model(batch[:, :3])[:, 0] - batch[:, 3]).square().mean()
        return loss, len(batch), 2 * len(batch)

    def validate(self):
        self.weights.append(self.model.weight.detach().clone())
        return {self.judged_by.name: self.scores[self.epoch]}


class Drawing(Line):
    """Noise on its data, and numbers carried from batch to batch."""

    def loss(self, batch):
        (carried,) = self.state or (torch.ones(2, dtype=torch.float64),)
        self.state = (carried * 1.1 + batch[0, :2],)
        loss, terms, tokens = super().loss(batch + torch.rand_like(batch))
        return loss * carried.square().sum(), terms, tokens


class Stop(Exception):
    pass


def timeless(record):
    return {k: v for k, v in record.items() if k not in ("seconds", "tokens_per_second")}
