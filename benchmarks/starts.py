"""What word vectors and a language model give: `python benchmarks/starts.py [VECTORS] [RUN]`.

2,000 of the packaged sentences of film critics are trained on, and 1,706 others are the test part;
each row is the mean over three seeds. The first row starts at random, the second with VECTORS, a
file of word vectors. The third starts at random too, with the tokenizer and the sizes of RUN, a
language model of words of one layer (`ostinato fit generate --tokenizer word`), and the fourth with
its layers. `-` leaves one out. One thread; a row takes a few minutes.
"""

import sys

import numpy as np

from ostinato import Classifier
from ostinato.data import read_labelled, split_blocks
from ostinato.tasks.base.pretrained import LanguageModel

SENTENCES, SEEDS = 2000, 3


def parts():
    """What is trained on, and the test part."""
    examples = read_labelled("film-sentences")["train"]
    kept, held = split_blocks(examples.labels, 0.2, 0)
    chosen = np.random.default_rng(1).permutation(len(kept))[:SENTENCES]
    return examples.select(np.sort(np.sort(kept)[np.sort(chosen)])), examples.select(np.sort(held))


def accuracies(training, test, options):
    """On the test part, of each seed."""
    data = {"batch_tokens": 1000, "min_count": options.pop("min_count", 1)}
    tokenizer, cell = options.pop("tokenizer", None), options.pop("cell", "lstm")
    train = {"epochs": 8, "patience": 3, "lr": 2e-3, "threads": 1}
    model = {"embedding_dropout": 0.3} | options
    for seed in range(SEEDS):
        classifier = Classifier(
            cell, tokenizer=tokenizer, seed=seed, data=data, model=model, train=train,
            baseline=False,
        )  # fmt: skip
        classifier.fit(training.texts, training.labels, device="cpu")
        yield classifier.score(test.texts, test.labels)


def starts(vectors, run):
    """The settings of each row by its name."""
    if vectors != "-":
        yield "at random", {"embedding": 100}
        yield "word vectors", {"vectors": vectors}
    if run != "-":
        found = LanguageModel.read(run)
        sizes = {name: getattr(found.settings, name) for name in ("embedding", "hidden")}
        same = {"cell": found.cell, "min_count": 2}
        yield (
            "its sizes, at random",
            same | {"tokenizer": found.name, "bidirectional": False} | sizes,
        )
        yield "language model", same | {"pretrained": run}


def main():
    """Prints the table."""
    vectors, run = [*sys.argv[1:], "-", "-"][:2]
    training, test = parts()
    for name, options in starts(vectors, run):
        found = list(accuracies(training, test, dict(options)))
        each = "  ".join(f"{accuracy:.2%}" for accuracy in found)
        print(f"{name:<22}{np.mean(found):>8.2%}  ({each})", flush=True)


if __name__ == "__main__":
    main()
