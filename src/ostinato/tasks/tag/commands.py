"""What `fit`, `compare`, `evaluate` and `predict` do of this task."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from ostinato.cells import find
from ostinato.data import Skipped, read_tagged
from ostinato.data.sentences import Answer
from ostinato.errors import ConfigError, DataError, counted
from ostinato.tasks.base.reading import HELD_OUT, Comparison, SkipBadRows, TrainingSet
from ostinato.tasks.base.summary import Note, Shown, Verbatim, left_out, not_known
from ostinato.tasks.tag.estimator import Tagger
from ostinato.tasks.tag.held_out import TagHeldOut, held_out
from ostinato.tasks.tag.labels import Labels
from ostinato.tasks.tag.network import TagNetwork
from ostinato.tasks.tag.settings import TagSettings
from ostinato.tasks.tag.summary import measured, trained
from ostinato.train import Run


def training(
    data: str, /, *, format: str | None = None, settings: TagSettings, skip_bad_rows: bool
) -> Generator[Shown, None, TrainingSet]:
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
    columns = settings.data.word, settings.data.tag
    skipped, other = (Skipped() if skip_bad_rows else None for _ in range(2))
    sentences = read_tagged(data, *columns, format=format, skip_bad_rows=skipped)
    yield from left_out(skipped)
    validation = None
    if isinstance(settings.data.validation, str):
        validation = read_tagged(
            settings.data.validation,
            *columns,
            format=format,
            skip_bad_rows=other,
            usual=sentences.format,
        ).tagged()
        yield from left_out(other)
    return TrainingSet((sentences,), {"validation": validation, "skipped": skipped}, trained)


def comparison(
    data: str, /, *, format: str | None = None, settings: TagSettings
) -> Generator[Shown, None, Comparison]:
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
    yield from ()
    given = read_tagged(data, settings.data.word, settings.data.tag, format=format).tagged()
    if len(given) < 10:
        raise DataError(f"{data}: a comparison of taggers needs ten sentences")
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
    """Measure a tagger on sentences it has not seen: entities as conlleval counts them, words.

    Of the very sentences that it was trained on, only those that it held out are measured.

    Example: ostinato evaluate runs/t test.conllu

    Parameters
    ----------
    data
        Tagged sentences as for `fit`; `-` is standard input.
    format
        conll, conllu or text; unless given, what the name of the file or its beginning tells, or
        else that of the training file.
    """
    skipped = Skipped() if skip_bad_rows else None
    sentences = tagger.read_file(data, format=format, skip_bad_rows=skipped)
    yield from left_out(skipped)
    given = sentences.tagged()
    unseen = held_out(given, tagger, Run.open(run.path))
    if unseen is None:
        say = f"{sentences.title}: the run was trained on all of it; this is no measure of new text"
        yield Note(f"ostinato: {say}")
    elif len(unseen) < len(given):
        say = f"measured on what it held out, {len(unseen):,} of {counted(len(given), 'sentence')}"
        yield Note(f"ostinato: {sentences.title}: the run was trained on it; {say}")
    yield from measured(tagger, tagger.evaluate(unseen or given))


def prediction(
    tagger: Tagger,
    file: str = "-",
    /,
    *,
    confidence: bool = False,
    beside: bool = False,
    format: str | None = None,
    skip_bad_rows: bool = False,
) -> Iterator[Shown]:
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
    skipped = Skipped() if skip_bad_rows else None
    sentences = tagger.read_file(file, format=format, skip_bad_rows=skipped, blind=True)
    yield from left_out(skipped)
    if sentences.format == "text" and (confidence or beside):
        raise ConfigError("plain text has no place for confidences, or for tags beside it")
    own = [sentence.tags for sentence in sentences.sentences]
    if sentences.format != tagger.format_ and not beside and not tagger.labels_.any_known(own):
        raise DataError(
            f"{sentences.title}: other tags stand where those of the run, "
            f"{tagger.labels_.named()}, would go; --beside writes them beside those"
        )
    yield from not_known(tagger.unknown([sentence.words for sentence in sentences.sentences]))
    answers = (
        Answer(tags, sure.tolist() if confidence else None, beside)
        for tags, sure in tagger.tag(sentences)
    )
    for piece in sentences.written(answers):
        yield Verbatim(piece, raw=True)
