"""What commands show of a task, as plain records: who shows them decides how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ostinato.data import Skipped
from ostinato.errors import counted, quoted
from ostinato.train import Ending, Progress

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
    """A table; all columns but the first hold numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str | None = None


@dataclass(frozen=True)
class Fields:
    """An answer in a line of its own, with tabs between its fields."""

    values: Sequence[str]


@dataclass(frozen=True)
class Verbatim:
    """A piece of a text or file that goes to standard output as it is.

    Attributes:
        text: the piece.
        raw: whether it is written in UTF-8 whatever the encoding of standard output, and what was
            no UTF-8 as it was read.
    """

    text: str
    raw: bool = False


MANY = 0.3
"""A share of unknown tokens from which a text is hardly read."""
Shown: TypeAlias = Message | Note | SummaryTable | Fields | Verbatim


def left_out(skipped: Skipped | None) -> Iterator[Note]:
    """What was left out of the data; nothing where nothing was."""
    if skipped and skipped.places:
        yield Note(f"ostinato: {skipped.summary()}")


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
    """That a network and the linear baseline answer together, and how it would answer alone."""
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
