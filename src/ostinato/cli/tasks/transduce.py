"""Transducing on the command line: what `fit`, `evaluate`, `predict` and `compare` do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from ostinato.cells import find
from ostinato.cli.runs import Data, LinesFormat, RunOptions, SkipBadRows, TableFormat, bad_rows
from ostinato.cli.screen import answer, aside, console, duration, say_skipped, say_unknown, table
from ostinato.cli.trials import HELD_OUT, Trials, title_of
from ostinato.data import Pairs, Skipped, read_pairs, read_texts
from ostinato.observe.architecture import counts
from ostinato.tasks.transduce.codec import Side
from ostinato.tasks.transduce.estimator import Transducer, Transduction
from ostinato.tasks.transduce.held_out import TransduceHeldOut
from ostinato.tasks.transduce.measures import Measures
from ostinato.tasks.transduce.network import TransduceNetwork
from ostinato.tasks.transduce.settings import TransduceSettings

Files = Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())]
"""One file with pairs, or two that are parallel."""


def fit(
    data: Data,
    parallel: Data | None = None,
    /,
    *,
    validation: Files = None,
    options: RunOptions = RunOptions(),
    format: TableFormat = None,
    settings: Annotated[TransduceSettings | None, Parameter(name="*")] = None,
) -> None:
    """Train a network that turns sequences into others: translates, spells out, normalises.

    Example: ostinato fit transduce train.de.gz train.en.gz --validation val.de.gz val.en.gz

    Parameters
    ----------
    data
        A CSV, TSV, JSON Lines or Parquet file with the columns source and target, with
        --data.separator a text with both on each line, the first of two parallel files, `-` for
        standard input, `dates` or `cmudict`; .gz and .xz too.
    parallel
        The second of two parallel files: in its lines the targets.
    validation
        Pairs that choose the best epoch, in one file or two; without them a part is held out.
    settings
        The settings.
    """
    chosen = options.settings(TransduceSettings, settings)
    where = [data, parallel] if parallel else [data]
    with bad_rows(options.skip_bad_rows) as skipped:
        splits = _read(where, chosen, format, skipped)
    held = None
    if validation:
        with bad_rows(options.skip_bad_rows) as other:
            held = _read(validation, chosen, format, other)["train"]
    estimator = options.estimator(Transducer, chosen)
    run = options.train(
        estimator,
        where,
        splits["train"],
        named={"validation": validation, "format": format},
        validation=held,
        skipped=skipped,
    )
    _say_left_out(estimator)
    best = min(estimator.history_, key=lambda record: record["error_rate"])
    weights = counts(estimator.network_)["parameters"]
    spent = duration(sum(record["seconds"] for record in estimator.history_))
    result = table("greedy, on validation", "nats", "symbol errors", "exact", "parameters", "time")
    result.add_row(
        chosen.cell,
        f"{best['validation_loss']:.3f}",
        f"{best['error_rate']:.2%}",
        f"{best['exact_match']:.2%}",
        f"{weights:,}",
        spent,
    )
    console.print(result)
    console.print(f"With a beam of {chosen.decoding.beam}, on validation:")
    _tell(estimator.evaluate(estimator.validation_, more=estimator.references_))
    if "test" in splits:
        console.print("On the test part:")
        _tell(estimator.evaluate(splits["test"]))
    console.print(f"Saved in {run.path}. Next: ostinato predict {run.path} FILE", soft_wrap=True)


def evaluate(
    run: str,
    data: Data,
    parallel: Data | None = None,
    /,
    *,
    references: Files = None,
    beam: int | None = None,
    alpha: float | None = None,
    format: TableFormat = None,
    skip_bad_rows: SkipBadRows = False,
) -> None:
    """Measure a transducer on pairs: exact match, error rates, BLEU and chrF.

    Rows with the same source are one text with several references, any of which is right.

    Example: ostinato evaluate runs/d val.de.gz val.en.gz

    Parameters
    ----------
    run
        The folder of a run.
    data
        Pairs as for `fit`; `-` is standard input.
    parallel
        The second of two parallel files.
    references
        More pairs: those whose source is in the data are further references.
    beam
        Hypotheses kept at each step, 1 is greedy; the run's own unless given.
    alpha
        Length penalty; the run's own unless given.
    """
    transducer = Transducer.load(run)
    settings = transducer.settings()
    with bad_rows(skip_bad_rows) as skipped:
        splits = _read([data, parallel] if parallel else [data], settings, format, skipped)
    pairs = splits.get("test", splits["train"])
    more = _read(references, settings, format, None)["train"] if references else None
    _tell(transducer.evaluate(pairs, more=more, beam=beam, alpha=alpha))
    unknown = transducer.unknown(list(dict.fromkeys(pairs.sources)))
    print(f"unknown_symbols {unknown.total()}")
    say_unknown({"symbol": unknown})


def predict(
    run: str,
    file: Data = "-",
    /,
    *,
    best: int = 1,
    beam: int | None = None,
    alpha: float | None = None,
    alignments: bool = False,
    format: LinesFormat = None,
    skip_bad_rows: bool = False,
) -> None:
    """Write the most probable output for each text, in order.

    There is a line for each row of the file, also for a bad one that is left out: it is empty. With
    --best there are so many for each, and after a tab the log-probability of each in nats over its
    length penalty. With --alignments there is, after a tab, for each token of the output the token
    of the text that counted most, as pairs of places from 0: `2-1` says that the third token came
    from the second. A tab or a line end in an output is written \\t or \\n.

    Example: echo "7. März 2021" | ostinato predict runs/d -

    Parameters
    ----------
    run
        The folder of a run.
    file
        A file with a text on each line, a table with the run's source column, or `-`.
    best
        How many outputs for each text, at most the beam where one is given.
    beam
        Hypotheses kept at each step, 1 is greedy; the run's own unless given.
    alpha
        Length penalty; the run's own unless given.
    alignments
        Say which token of the text each token of the output came from.
    skip_bad_rows
        Write nothing for bad rows and say how many they are; without it the first one is an error.
    """
    transducer = Transducer.load(run)
    settings = transducer.settings()
    skipped = Skipped()
    texts = read_texts(
        file,
        settings.source.column,
        format=format,
        skip_bad_rows=skipped if skip_bad_rows else None,
    )
    say_skipped(skipped)
    if alignments and settings.model.attention == "none":
        aside.print("ostinato: a run without attention has no alignments", soft_wrap=True)
    most = max(best, settings.decoding.beam) if beam is None else beam
    found = transducer.search(texts, beam=most, best=best, alpha=alpha)
    for outputs in skipped.merged(found):
        if outputs is None:
            print()
            continue
        for each in outputs:
            score = [f"{each.score:.4f}"] if best > 1 else []
            answer(each.text, *score, *([_aligned(each)] if alignments else []))
    say_unknown({"symbol": transducer.unknown(texts)})


def compare(
    data: Data,
    parallel: Data | None = None,
    /,
    *,
    trials: Trials = Trials(),
    format: TableFormat = None,
    settings: Annotated[TransduceSettings | None, Parameter(name="*")] = None,
) -> None:
    """Compare cells as encoder and decoder, with texts copied as they are beside them.

    Example: ostinato compare transduce dates --cells lstm,gru --seeds 3 --train.epochs 3

    Every cell is trained with every seed on the same pairs in the same batches, and judged by the
    same pairs held out: the test part of a packaged source, else a fifth of the file, in whole
    blocks of neighbours. Given again with the same --out, it goes on where it was stopped.

    Parameters
    ----------
    data
        Pairs as for `fit transduce`, `-` for standard input.
    parallel
        The second of two parallel files.
    settings
        The settings, the same for all cells.
    """
    chosen = trials.settings(TransduceSettings, settings)
    where = [data, parallel] if parallel else [data]
    splits = _read(where, chosen, format, None)
    training, test = splits["train"], splits.get("test")
    if test is None:
        training, test = training.split(HELD_OUT, 0)

    def network(own: TransduceSettings) -> TransduceNetwork:
        return TransduceNetwork(find(own.cell), own.model, *symbols)

    both = (training.sources, chosen.source, "source"), (training.targets, chosen.target, "target")
    symbols = [len(Side.learn(*side)[0].vocabulary) for side in both] if trials.equal else [1, 1]
    about = " and ".join(map(title_of, where))
    # in memory: they go into processes
    training, test = (Pairs(list(part.sources), list(part.targets)) for part in (training, test))
    sizes, exam = (len(training), len(test)), TransduceHeldOut(test)
    trials.run(about, chosen, (training,), exam, network, sizes=sizes, multiple=2)


def _read(
    where: Sequence[str], settings: TransduceSettings, format: str | None, skipped: Skipped | None
) -> dict[str, Pairs]:
    return read_pairs(
        where,
        settings.source.column,
        settings.target.column,
        separator=settings.data.separator,
        format=format,
        skip_bad_rows=skipped,
    )


def _aligned(found: Transduction) -> str:
    """For each token of the output the token of the source that counted most."""
    if found.alignment is None:
        return ""
    return " ".join(f"{t}-{s}" for t, s in enumerate(found.alignment.argmax(-1)))


def _tell(measures: Measures) -> None:
    print(f"texts {measures.texts}")
    print(f"exact_match {measures.exact_match:.4f}")
    print(f"sequence_error_rate {1 - measures.exact_match:.4f}")
    print(f"token_error_rate {measures.token_error_rate:.4f}")
    print(f"bleu {measures.bleu:.2f}  {measures.signatures[0]}")
    print(f"chrf {measures.chrf:.2f}  {measures.signatures[1]}")


def _say_left_out(estimator: Transducer) -> None:
    """Which pairs were not trained on, in a line each on standard error."""
    reasons = {
        "their source is among those held out": len(estimator.references_),
        f"a side is longer than data.max_tokens = {estimator.settings().data.max_tokens}": (
            estimator.longer_
        ),
    }
    for why, count in reasons.items():
        if count:
            are = "pair is" if count == 1 else "pairs are"
            aside.print(f"ostinato: {count:,} {are} not trained on: {why}", soft_wrap=True)
