"""What the commands show of a tagger: how it was trained, how good it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ostinato.tasks.base.summary import (
    Figures,
    Message,
    Shown,
    SummaryTable,
    duration,
    parameters,
)

if TYPE_CHECKING:
    from ostinato.tasks.tag.estimator import Tagger
    from ostinato.tasks.tag.measures import Score, TagMeasures

MEASURES = "precision", "recall", "f1", "there", "found", "correct"
NAMES = {"f1": "F1", "accuracy": "accuracy"}


def trained(tagger: Tagger) -> Iterator[Shown]:
    """What was trained, on the validation sentences, and the baseline beside it."""
    metric, cell = tagger.metric, tagger.settings().cell
    best = tagger.best_
    weights = f"{parameters(tagger.network_):,}"
    spent = duration(sum(record["seconds"] for record in tagger.history_))
    rows = [[cell, f"{best[metric]:.4f}", weights, spent]]
    if tagger.baseline_:
        rows.append(["each word's most frequent tag", f"{tagger.baseline_score_:.4f}", "", ""])
    yield SummaryTable(["", f"validation {NAMES[metric]}", "parameters", "time"], rows)
    if tagger.baseline_ and tagger.baseline_better_ and tagger.baseline_score_ > best[metric]:
        yield Message("The baseline, each word's most frequent tag, is better.")


def measured(tagger: Tagger, result: TagMeasures) -> Iterator[Shown]:
    """The measures of tagged sentences, by type of entity or by tag too."""
    entities = tagger.labels_.entities
    yield Message(f"accuracy {result.accuracy:.4f}")
    if entities:
        yield Message(f"precision {result.total.precision:.4f}")
        yield Message(f"recall {result.total.recall:.4f}")
        yield Message(f"f1 {result.f1:.4f}")
    yield Message(f"words {result.words}")
    yield Message(f"unknown words {result.unknown_words}")
    yield Message(f"unknown characters {_characters(result)}\n")
    yield scores_table(result, entities)
    scores = {**result.scores, "all": result.total}
    each = {k: {m: getattr(s, m) for m in MEASURES} for k, s in scores.items()}
    yield Figures({**vars(result), **each.pop("all"), "scores": each})


def scores_table(result: TagMeasures, entities: bool) -> SummaryTable:
    """Precision, recall and F1 of each type of entity, or of each tag."""
    scores = result.scores | ({"all": result.total} if entities else {})
    there = "entities" if entities else "words"
    rows = [[name, *_row(score)] for name, score in scores.items()]
    return SummaryTable(["", "precision", "recall", "F1", there, "found"], rows)


def _row(score: Score) -> list[str]:
    measures = [f"{value:.2%}" for value in (score.precision, score.recall, score.f1)]
    return [*measures, f"{score.there:,}", f"{score.found:,}"]


def _characters(result: TagMeasures) -> str:
    """How many characters were not known, and the most frequent of them."""
    count = result.unknown_characters
    if not count:
        return "0"
    most = " ".join(c for c, _ in count.most_common(10) if c.isprintable())
    return f"{count.total()} ({most}{' …' if len(count) > 10 else ''})"
