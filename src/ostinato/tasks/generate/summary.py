"""What the commands show of a generator: how well it predicts what was held out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ostinato.tasks.base.summary import Figures, Message, Shown, duration, left_out, together

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
        # help is shown without PyTorch
        from ostinato.tasks.generate.ensemble import RECENT
        from ostinato.tasks.generate.measures import of_nats

        cache = f" and {both.weights[2]:.0%} from the last {RECENT} {unit}s" * bool(both.weights[2])
        found = of_nats(both.together)
        members = "network", "ngrams", "cache"
        weights = dict(zip(members, both.weights.tolist(), strict=True))
        yield Message(
            f"Both together: {found['nats']:.3f} nats ({found['bits']:.3f} bits) per {unit}, "
            f"perplexity {found['perplexity']:.2f}, with {both.weights[1]:.0%} of the probability "
            f"from {both.ngrams.order}-grams{cache}."
        )
        yield Figures({"together": found | {"weights": weights}})
        yield Message(together("network"))
