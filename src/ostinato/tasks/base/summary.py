"""What commands show of a task, as plain records: who shows them decides how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ostinato.data import Skipped
from ostinato.errors import counted, quoted
from ostinato.train import Ending, Progress, Run

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Message:
    """Lines of a summary, for standard output."""

    text: str


@dataclass(frozen=True)
class Note:
    """A line for whoever watches, on standard error: what was read, left out or not known."""

    text: str


@dataclass(frozen=True)
class SummaryTable:
    """A table; all columns but the first hold numbers, unless all hold text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str | None = None
    text: bool = False


@dataclass(frozen=True)
class Fields:
    """An answer in a line of its own, with tabs between its fields.

    Attributes:
        values: the fields.
        columns: the answer as further columns of a `TableAsked`, by name; None where a row that
            has several answers has its columns already.
        record: the answer as plain data, for `--json`; empty where the line before has it already.
    """

    values: Sequence[str]
    columns: Mapping[str, str] | None = None
    record: Mapping[str, object] | None = None


@dataclass(frozen=True)
class TableAsked:
    """A table that the following answers are about, row by row: it is given back with them.

    Attributes:
        format: what it is: csv, tsv, jsonl, parquet, ….
        rows: its rows with all their columns.
    """

    format: str
    rows: Iterable[Mapping[str, object]]


@dataclass(frozen=True)
class Fans:
    """Forecasts to be drawn on a page.

    Attributes:
        page: the file.
        drawn: see `report.forecast_page`.
    """

    page: Path
    drawn: Mapping[str, Any]


@dataclass(frozen=True)
class Figures:
    """What messages and tables say, as plain data by name: shown by `--json` in place of them."""

    values: Mapping[str, object]


@dataclass(frozen=True)
class Verbatim:
    """A piece of a text or file that goes to standard output as it is.

    Attributes:
        text: the piece.
        raw: whether it is written in UTF-8 whatever the encoding of standard output, and what was
            no UTF-8 as it was read.
        records: what it says as plain data, for `--json`.
    """

    text: str
    raw: bool = False
    records: Sequence[Mapping[str, object]] = ()


MANY = 0.3
"""A share of unknown tokens from which a text is hardly read."""
Shown: TypeAlias = Message | Note | SummaryTable | Fields | Fans | Figures | TableAsked | Verbatim


def within(name: str, shown: Iterable[Shown]) -> Iterator[Shown]:
    """The same, with the figures under a name."""
    for each in shown:
        yield Figures({name: each.values}) if isinstance(each, Figures) else each


def given_back(table: tuple[str, Iterable[Mapping[str, object]]] | None) -> Iterator[TableAsked]:
    """The table that is predicted on, if it is one: its format and its rows."""
    if table:
        yield TableAsked(*table)


def left_out(skipped: Skipped | None) -> Iterator[Note]:
    """What was left out of the data; nothing where nothing was."""
    if skipped and skipped.places:
        yield Note(f"ostinato: {skipped.summary()}")


def learned_from(run: Run, digest: str) -> Iterator[Note]:
    """That data are those of training, or chose the best epoch; nothing of others.

    Args:
        run: the run.
        digest: the SHA-256 of the data, as the run's manifest has it.
    """
    trained = run.manifest.data
    if digest in (trained.get("sha256"), trained.get("extra_sha256")):
        yield Note(
            "ostinato: the run was trained on these data; the result does not hold for others"
        )
    elif digest == trained.get("validation_sha256"):
        yield Note(
            "ostinato: these data chose the best epoch of the run; the result is worse on others"
        )


def held_out_unknown(share: float | None) -> Iterator[Message]:
    """How much of the validation part was not known, and what to do where that is much."""
    if share:
        advice = "; consider another --tokenizer, such as char or bpe" if share > MANY else ""
        yield Message(f"{share:.1%} of the validation tokens are not in the vocabulary{advice}.")


def not_known(unknown: Mapping[str, Counter[str]], of: int = 0) -> Iterator[Note]:
    """What is not known from training, by what it is (a "word"); of each the eight most frequent.

    Nothing where there is nothing.

    Args:
        unknown: what is not known.
        of: how many there are of what comes first, known or not; 0 where that is not to be said.
    """
    there = {noun: count for noun, count in unknown.items() if count}
    if not there:
        return
    many = " and ".join(counted(count.total(), noun) for noun, count in there.items())
    if of:
        noun, count = next(iter(there.items()))
        many = f"{count.total():,} of {counted(of, noun)} ({count.total() / of:.1%})"
    shown = "; ".join(
        ", ".join(f"{quoted(symbol)} × {times}" for symbol, times in count.most_common(8))
        + (", …" if len(count) > 8 else "")
        for count in there.values()
    )
    be = "is" if sum(count.total() for count in there.values()) == 1 else "are"
    yield Note(f"ostinato: {many} {be} not in the vocabulary, and read as <unk>: {shown}")


def ended(ending: Ending, no_better: str | None) -> Iterator[Message]:
    """How training ended, and what to change where too little was learnt.

    Args:
        ending: how it did.
        no_better: what answers without reading is as good, in words, if there is something.
    """
    yield Message(ending.in_words())
    longer = f"--train.epochs {3 * ending.epochs}" if ending.planned else "--train.seconds"
    if no_better:
        yield Message(
            f"The network has learnt nothing: {no_better} is as good, as far as the "
            f"validation set can tell. Train longer ({longer}), look for another learning rate "
            "(--train.find-lr), and check that the answers can be known from the input."
        )
    elif ending.falling:
        yield Message(f"The validation loss was still falling: train longer ({longer}).")


def progress_in_words(progress: Progress) -> str:
    """Where training stands, in words."""
    return progress.doing or (
        f"epoch {progress.epoch}  loss {progress.loss:.3f} nats  "
        f"{progress.tokens_per_second:,.0f} tokens/s  {duration(progress.seconds_left)} left"
    )


def parameters(network: nn.Module) -> int:
    """The weights of a network, one by one; one that two parts share counts once."""
    return sum(weight.numel() for weight in network.parameters())


def together(network: str) -> str:
    """That a network and a baseline answer together, and how it would answer alone."""
    return (
        f"Both answer together, which is better on the validation set than the {network} alone; "
        "--model.alone takes it alone."
    )


def duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> duration(48.2), duration(185)
    ('48 s', '3 min 05 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
