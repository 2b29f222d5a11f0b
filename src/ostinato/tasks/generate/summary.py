"""What the commands show of a generator: how well it predicts what was held out."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import TYPE_CHECKING

from ostinato.tasks.base.summary import Message, Shown, duration, left_out, together

if TYPE_CHECKING:
    from ostinato.tasks.generate.estimator import Generator


def trained(generator: Generator) -> Iterator[Shown]:
    """What its best epoch came to on the held-out part, and the baseline beside it."""
    yield from left_out(generator.skipped_)
    best = generator.best_
    baseline, tokenizer = generator.baseline_, generator.settings().tokenizer
    unit = {"char": "character", "bpe": "token"}.get(tokenizer, "word")
    yield Message(
        f"Held-out part of the text: {best['nats']:.3f} nats "
        f"({best['bits']:.3f} bits) per {unit}, perplexity "
        f"{best['perplexity']:.2f}."
    )
    if unit != "character":
        yield Message(
            f"That is {best['bits_per_character']:.3f} bits per character. "
            f"{best['unknown']:.1%} of the {unit}s are unknown; their "
            "spelling does not count in the loss."
        )
    if baseline:
        better = "; it is better than the network" if baseline.nats < best["nats"] else ""
        yield Message(
            f"{baseline.order}-gram baseline (Kneser-Ney): "
            f"{baseline.nats:.3f} nats per {unit}, counted in "
            f"{duration(baseline.seconds)}{better}."
        )
    if both := generator.model_.ngrams:
        from ostinato.tasks.generate.ensemble import RECENT  # help is shown without PyTorch

        cache = f" and {both.weights[2]:.0%} from the last {RECENT} {unit}s" * bool(both.weights[2])
        yield Message(
            f"Both together: {both.together:.3f} nats ({both.together / log(2):.3f} bits) per "
            f"{unit}, with {both.weights[1]:.0%} of the probability from {both.ngrams.order}-grams"
            f"{cache}."
        )
        yield Message(together("network"))
