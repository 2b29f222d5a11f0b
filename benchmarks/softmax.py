"""Training a language model of 10,000 words on all of them in each step, and on a sample.

    python benchmarks/softmax.py [--rounds 9]

A step is forward, backward and the optimiser's, for an LSTM over 32 × 35 words drawn by Zipf's law,
on one thread. Kinds of loss take turns, and of each the fastest round counts.
"""

import argparse
import time

import torch
from torch.nn.functional import cross_entropy

from ostinato.nn import Embedding, Recurrent, SampledSoftmax

WORDS, STEPS, BATCH, SAMPLES = 10_000, 35, 32, 1000


def steps_of(hidden):
    """A step with each kind of loss, by name."""
    torch.manual_seed(0)
    embedding, recurrent = Embedding(WORDS, hidden), Recurrent("lstm", hidden, hidden)
    output = torch.nn.Linear(hidden, WORDS)
    weights = [w for part in (embedding, recurrent, output) for w in part.parameters()]
    optimizer = torch.optim.AdamW(weights)
    counts = 1e6 / torch.arange(1, WORDS + 1)
    x, y = torch.multinomial(counts, 2 * STEPS * BATCH, True).view(2, STEPS, BATCH)
    sampled = SampledSoftmax(counts, SAMPLES)
    losses = {
        "all words": lambda read: cross_entropy(output(read).flatten(0, 1), y.flatten()),
        f"{SAMPLES:,} drawn": lambda read: sampled(read, y, output.weight, output.bias),
        "no output layer": lambda read: read.square().mean(),
    }

    def step(loss):
        optimizer.zero_grad()
        loss(recurrent(embedding(x))[0]).backward()
        optimizer.step()

    return {name: lambda loss=loss: step(loss) for name, loss in losses.items()}


def main():
    """Measures, and prints a table in Markdown."""
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--rounds", type=int, default=9)
    rounds = given.parse_args().rounds
    torch.set_num_threads(1)
    print("| hidden units | loss from | words per second | times as fast |")
    print("| ---: | --- | ---: | ---: |")
    for hidden in (256, 400):
        best = {}
        steps = steps_of(hidden)
        for _ in range(rounds):
            for name, step in steps.items():
                began = time.perf_counter()
                step()
                best[name] = min(best.get(name, 1e9), time.perf_counter() - began)
        for name, seconds in best.items():
            speed = STEPS * BATCH / seconds
            print(f"| {hidden} | {name} | {speed:,.0f} | {best['all words'] / seconds:.1f} |")


if __name__ == "__main__":
    main()
