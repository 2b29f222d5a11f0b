"""What `fit`, `compare`, `evaluate` and `predict` do of this task."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from ostinato.data import Skipped, readers
from ostinato.data.sentences import Answer
from ostinato.errors import ConfigError, DataError, counted
from ostinato.tasks.base.reading import HELD_OUT, Comparison, SkipBadRows, TrainingSet
from ostinato.tasks.base.summary import Note, Shown, Verbatim, left_out, not_known
from ostinato.tasks.tag.settings import TagSettings
from ostinato.tasks.tag.summary import measured, trained
from ostinato.train import Run

if TYPE_CHECKING:
    from ostinato.tasks.tag.estimator import Tagger
    from ostinato.tasks.tag.model import TagModel


def training(
    data: str, /, *, format: str | None = None, settings: TagSettings, skip_bad_rows: bool
) -> Generator[Shown, None, TrainingSet]:
    """Train a tagger of words: named entities, parts of speech, or case and punctuation.

    Example: ostinato fit tag train.conllu --data.validation dev.conllu --out runs/t

    Parameters
    ----------
    data
        Tagged sentences in columns (CoNLL) or in CoNLL-U, `-` for standard input; or a plain text
        (.txt, `film-prose`), to learn to restore case and punctuation; may be compressed (.gz,
        .xz).
    format
        The file format: conll, conllu or text. Default: detected from the file's name or content.
    settings
        The settings.
    """
    own = settings.data
    columns = own.word, own.tag
    skipped, other = (Skipped() if skip_bad_rows else None for _ in range(2))
    sentences = readers.read_tagged(
        data, *columns, format=format, skip_bad_rows=skipped, encoding=own.encoding
    )
    yield from left_out(skipped)
    validation = None
    if isinstance(settings.data.validation, str):
        validation = readers.read_tagged(
            settings.data.validation,
            *columns,
            format=format,
            skip_bad_rows=other,
            usual=sentences.format,
            encoding=own.encoding,
        ).tagged()
        yield from left_out(other)
    return TrainingSet((sentences,), {"validation": validation, "skipped": skipped}, trained)


def comparison(
    data: str, /, *, format: str | None = None, settings: TagSettings
) -> Generator[Shown, None, Comparison]:
    """Compare cells as taggers of words, and with each word's most frequent tag.

    Example: ostinato compare tag train.conllu --cells lstm,gru --seeds 3 --out runs/c

    Every cell is trained with every seed on the same sentences in the same batches, and evaluated
    on the same held-out set: a fifth of the file, in whole blocks of neighbouring sentences. To
    continue an interrupted comparison, use the same --out.

    Parameters
    ----------
    data
        Tagged sentences as for `fit tag`, or `-` for standard input.
    format
        The file format: conll, conllu or text. Default: detected from the file's name or content.
    settings
        The settings, the same for all cells.
    """
    from ostinato.cells import find
    from ostinato.tasks.tag.held_out import TagHeldOut
    from ostinato.tasks.tag.labels import Labels
    from ostinato.tasks.tag.network import TagNetwork

    yield from ()
    own, encoding = settings.data, settings.data.encoding
    given = readers.read_tagged(data, own.word, own.tag, format=format, encoding=encoding).tagged()
    if len(given) < 10:
        raise DataError(f"{data}: a comparison of taggers needs at least ten sentences")
    kept, held = given.split(HELD_OUT, 0)
    classes = len(Labels.of(given, settings.data.scheme, settings.data.unlabelled).classes)

    def network(own: TagSettings) -> TagNetwork:
        return TagNetwork(find(own.cell), own.model, 2, 2, classes)  # embeddings differ in nothing

    judge = TagHeldOut(held)
    return Comparison((kept,), judge, network, (len(kept), len(judge)))


def evaluation(
    tagger: Tagger,
    run: Run,
    data: str,
    /,
    *,
    format: str | None = None,
    skip_bad_rows: SkipBadRows = False,
) -> Iterator[Shown]:
    """Evaluate a tagger on sentences: entities as counted by conlleval, words.

    If the data are those of training, only the held-out sentences are used.

    Example: ostinato evaluate runs/t test.conllu

    Parameters
    ----------
    data
        Tagged sentences as for `fit`; `-` is standard input.
    format
        The file format: conll, conllu or text. Default: detected from the file's name or content,
        or else that of the training file.
    """
    from ostinato.tasks.tag.held_out import held_out

    skipped = Skipped() if skip_bad_rows else None
    sentences = tagger.read_file(data, format=format, skip_bad_rows=skipped)
    yield from left_out(skipped)
    given = sentences.tagged()
    unseen = held_out(given, tagger, Run.open(run.path))
    if unseen is None:
        say = (
            f"{sentences.title}: the run was trained on all of this file; the "
            "result does not hold for new text"
        )
        yield Note(f"ostinato: {say}")
    elif len(unseen) < len(given):
        say = (
            f"evaluated on its held-out part, {len(unseen):,} of {counted(len(given), 'sentence')}"
        )
        yield Note(f"ostinato: {sentences.title}: the run was trained on this file; {say}")
    yield from measured(tagger, tagger.evaluate(unseen or given))


def prediction(
    model: TagModel,
    file: str = "-",
    /,
    *,
    confidence: bool = False,
    beside: bool = False,
    format: str | None = None,
    skip_bad_rows: bool = False,
) -> Iterator[Shown]:
    """Print a file with the predicted tags in the tag column; sentences as columns.

    Everything else is unchanged: comments, blank lines, other columns. If the file has fewer
    columns than the training file, the tags are an additional column. A skipped sentence with a
    bad line is unchanged.

    The file may have another format than the training file: then the tags are written to the last
    column, or UPOS, unless it contains tags of another kind. On a terminal, control characters are
    written as \\x1b; in a file they are unchanged.

    Example: ostinato predict runs/t new.conllu > tagged.conllu

    Parameters
    ----------
    file
        A file as for `fit`, with or without tags; words or sentences, one on each line; or `-` for
        standard input.
    confidence
        Write the probability of each tag to an additional column, or to MISC.
    beside
        Keep the tags of the file and write the predicted ones to an additional column, or to MISC.
    format
        The file format: conll, conllu, lines (sentences) or text. Default: detected from the file's
        name or content, or else that of the training file.
    skip_bad_rows
        Leave sentences with a bad line unchanged, and print how many there are.
    """
    skipped = Skipped() if skip_bad_rows else None
    sentences = model.read_file(file, format=format, skip_bad_rows=skipped, blind=True)
    yield from left_out(skipped)
    if sentences.format == "text" and (confidence or beside):
        raise ConfigError(
            "plain text cannot store confidences or additional tags; use another format"
        )
    own = [each.tags for each in sentences.sentences]
    if sentences.format != model.format and not beside and not model.labels.any_known(own):
        raise DataError(
            f"{sentences.title}: the tag column has tags other than those of "
            f"the run ({model.labels.named()}); use --beside to write the "
            "predicted tags to another column"
        )
    words = [sentence.words for sentence in sentences.sentences]
    yield from not_known(model.unknown(words))
    found = model.predict(words)
    records = [{"words": w, **each.to_json()} for w, each in zip(words, found, strict=True)]
    yield Verbatim("", records=records)
    sure = (each.confidences.tolist() if confidence else None for each in found)
    answers = (Answer(e.tags, s, beside) for e, s in zip(found, sure, strict=True))
    yield from (Verbatim(piece, raw=True) for piece in sentences.written(answers))
