"""Tagging on the command line: what `fit`, `evaluate`, `predict` and `compare` do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from ostinato.cells import find
from ostinato.cli.runs import Data, RunOptions, SkipBadRows, bad_rows
from ostinato.cli.screen import as_shown, aside, console, duration, say_unknown, table
from ostinato.cli.trials import HELD_OUT, Trials, title_of
from ostinato.data import read_tagged
from ostinato.data.sentences import Answer
from ostinato.errors import ConfigError, DataError, counted
from ostinato.observe.architecture import counts
from ostinato.tasks.tag.estimator import Tagger
from ostinato.tasks.tag.held_out import TagHeldOut, held_out
from ostinato.tasks.tag.labels import Labels
from ostinato.tasks.tag.measures import Score, TagMeasures
from ostinato.tasks.tag.network import TagNetwork
from ostinato.tasks.tag.settings import TagSettings
from ostinato.train import Run


def fit(
    data: Data,
    /,
    *,
    options: RunOptions = RunOptions(),
    format: str | None = None,
    settings: Annotated[TagSettings | None, Parameter(name="*")] = None,
) -> None:
    """Train a tagger of words: names, parts of speech, or the case and marks of a plain text.

    Example: ostinato fit tag train.conllu --data.validation dev.conllu --out runs/t

    Parameters
    ----------
    data
        Tagged sentences in columns (CoNLL) or in CoNLL-U, `-` for standard input; or a plain text
        (.txt, `film-prose`), from which restoring case and punctuation is learnt; .gz and .xz too.
    format
        conll, conllu or text, where neither the name of the file nor its beginning tells.
    settings
        The settings.
    """
    chosen = options.settings(TagSettings, settings)
    columns = chosen.data.word, chosen.data.tag
    with bad_rows(options.skip_bad_rows) as skipped:
        sentences = read_tagged(data, *columns, format=format, skip_bad_rows=skipped)
    validation = None
    if isinstance(chosen.data.validation, str):
        with bad_rows(options.skip_bad_rows) as other:
            held = read_tagged(
                chosen.data.validation,
                *columns,
                format=format,
                skip_bad_rows=other,
                usual=sentences.format,
            )
        validation = held.tagged()
    estimator = options.estimator(Tagger, chosen)
    run = options.train(
        estimator,
        [data],
        sentences,
        named={"format": format},
        validation=validation,
        skipped=skipped,
    )
    metric = estimator.metric
    best = max(estimator.history_, key=lambda record: record[metric])
    weights = counts(estimator.network_)["parameters"]
    result = table("", f"validation {NAMES[metric]}", "parameters", "time")
    spent = duration(sum(record["seconds"] for record in estimator.history_))
    result.add_row(chosen.cell, f"{best[metric]:.4f}", f"{weights:,}", spent)
    if estimator.baseline_:
        result.add_row("each word's most frequent tag", f"{estimator.baseline_score_:.4f}", "", "")
    console.print(result)
    if estimator.baseline_ and estimator.baseline_score_ > best[metric]:
        console.print("Each word's most frequent tag is better here.")
    console.print(f"Saved in {run.path}. Next: ostinato evaluate {run.path} DATA", soft_wrap=True)


NAMES = {"f1": "F1", "accuracy": "accuracy"}


def evaluate(
    run: str, data: Data, /, *, format: str | None = None, skip_bad_rows: SkipBadRows = False
) -> None:
    """Measure a tagger on sentences it has not seen: entities as conlleval counts them, words.

    Of the very sentences that it was trained on, only those that it held out are measured.

    Example: ostinato evaluate runs/t test.conllu

    Parameters
    ----------
    run
        The folder of a run.
    data
        Tagged sentences as for `fit`; `-` is standard input.
    format
        conll, conllu or text; unless given, what the name of the file or its beginning tells, or
        else that of the training file.
    """
    tagger = Tagger.load(run)
    with bad_rows(skip_bad_rows) as skipped:
        sentences = tagger.read_file(data, format=format, skip_bad_rows=skipped)
    given = sentences.tagged()
    unseen = held_out(given, tagger, Run.open(run))
    if unseen is None:
        say = f"{sentences.title}: the run was trained on all of it; this is no measure of new text"
        aside.print(f"ostinato: {say}", soft_wrap=True)
    elif len(unseen) < len(given):
        say = f"measured on what it held out, {len(unseen):,} of {counted(len(given), 'sentence')}"
        aside.print(
            f"ostinato: {sentences.title}: the run was trained on it; {say}", soft_wrap=True
        )
    result = tagger.evaluate(unseen or given)
    entities = tagger.labels_.entities
    print(f"accuracy {result.accuracy:.4f}")
    if entities:
        print(f"precision {result.total.precision:.4f}")
        print(f"recall {result.total.recall:.4f}")
        print(f"f1 {result.f1:.4f}")
    print(f"words {result.words}")
    print(f"unknown words {result.unknown_words}")
    print(f"unknown characters {_characters(result)}\n")
    console.print(scores_table(result, entities))


def scores_table(result: TagMeasures, entities: bool) -> Table:
    """Precision, recall and F1 of each type of entity, or of each tag."""
    there = "entities" if entities else "words"
    shown = table("", "precision", "recall", "F1", there, "found")

    def row(name: str, score: Score) -> None:
        measures = (f"{value:.2%}" for value in (score.precision, score.recall, score.f1))
        shown.add_row(name, *measures, f"{score.there:,}", f"{score.found:,}")

    for name, score in result.scores.items():
        row(name, score)
    if entities:
        row("all", result.total)
    return shown


def _characters(result: TagMeasures) -> str:
    """How many characters were not known, and the most frequent of them."""
    count = result.unknown_characters
    if not count:
        return "0"
    most = " ".join(c for c, _ in count.most_common(10) if c.isprintable())
    return f"{count.total()} ({most}{' …' if len(count) > 10 else ''})"


def predict(
    run: str,
    file: Data = "-",
    /,
    *,
    confidence: bool = False,
    beside: bool = False,
    format: str | None = None,
    skip_bad_rows: bool = False,
) -> None:
    """Tag a file with a trained tagger: the file comes out again, with the tags in their column.

    All else is as it was: comments, blank lines, other columns. Where a file in columns has
    fewer than the training file, the tags are a further column. Of a sentence with a bad line
    that is left out, nothing is changed.

    The file may be of another format than the training file: then the tags go into the last
    column, or UPOS, unless other tags stand there. At a terminal, characters that cannot be seen
    are written as \\x1b; in a file all is as it was.

    Example: ostinato predict runs/t new.conllu > tagged.conllu

    Parameters
    ----------
    run
        The folder of a run.
    file
        A file as for `fit`, with or without tags, or `-` for standard input.
    confidence
        Write how likely each tag is: in a further column, or in MISC.
    beside
        Write the tags beside those of the file: in a further column, or in MISC.
    format
        conll, conllu or text; unless given, what the name of the file or its beginning tells, or
        else that of the training file.
    skip_bad_rows
        Leave sentences with a bad line as they are, and say how many they are.
    """
    tagger = Tagger.load(run)
    with bad_rows(skip_bad_rows) as skipped:
        sentences = tagger.read_file(file, format=format, skip_bad_rows=skipped, blind=True)
    if sentences.format == "text" and (confidence or beside):
        raise ConfigError("plain text has no place for confidences, or for tags beside it")
    own = [sentence.tags for sentence in sentences.sentences]
    if sentences.format != tagger.format_ and not beside and not tagger.labels_.any_known(own):
        raise DataError(
            f"{sentences.title}: other tags stand where those of the run, "
            f"{tagger.labels_.named()}, would go; --beside writes them beside those"
        )
    say_unknown(tagger.unknown([sentence.words for sentence in sentences.sentences]))

    def answers() -> Iterator[Answer]:
        for tags, sure in tagger.tag(sentences):
            yield Answer(tags, sure.tolist() if confidence else None, beside)

    raw = getattr(sys.stdout, "buffer", None)  # a text stream in memory has none
    for piece in sentences.written(answers()):
        # What was no UTF-8 is written as it was.
        said = as_shown(piece).encode("utf-8", "surrogateescape")
        if raw is None:
            sys.stdout.write(said.decode("utf-8", "replace"))
        else:
            raw.write(said)


def compare(
    data: Data,
    /,
    *,
    trials: Trials = Trials(),
    format: str | None = None,
    settings: Annotated[TagSettings | None, Parameter(name="*")] = None,
) -> None:
    """Compare cells as taggers of words, with each word's most frequent tag beside them.

    Example: ostinato compare tag train.conllu --cells lstm,gru --seeds 3 --out runs/c

    Every cell is trained with every seed on the same sentences in the same batches, and judged by
    the same sentences held out: a fifth of the file, in whole blocks of neighbours. Given again
    with the same --out, it goes on where it was stopped.

    Parameters
    ----------
    data
        Tagged sentences as for `fit tag`, or `-` for standard input.
    format
        conll, conllu or text, where neither the name of the file nor its beginning tells.
    settings
        The settings, the same for all cells.
    """
    chosen = trials.settings(TagSettings, settings)
    given = read_tagged(data, chosen.data.word, chosen.data.tag, format=format).tagged()
    if len(given) < 10:
        raise DataError(f"{data}: a comparison of taggers needs ten sentences")
    training, held = given.split(HELD_OUT, 0)
    classes = len(Labels.of(given, chosen.data.scheme, chosen.data.unlabelled).classes)

    def network(own: TagSettings) -> TagNetwork:
        return TagNetwork(find(own.cell), own.model, 2, 2, classes)  # embeddings differ in nothing

    trials.run(title_of(data), chosen, (training,), TagHeldOut(held), network)
