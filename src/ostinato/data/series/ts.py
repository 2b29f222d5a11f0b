"""Files of labelled signals, as the archives of UEA, UCR and Monash write them.

Bagnall et al. 2018, "The UEA multivariate time series classification archive": on each line the
channels between colons, numbers between commas, and the class at the end. Lines that begin with
# or @ are the head. Tan et al. 2021, "Time series extrinsic regression": likewise, with a number to
predict in place of the class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ostinato.data.files.bad import Bad, good
from ostinato.data.files.file import File, NumberedLine, flaw
from ostinato.data.files.numerals import number
from ostinato.data.series.signals import Signal, fault_of
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.labels import Label, LabelColumn, interned
from ostinato.data.tables.rows import target_text
from ostinato.errors import DataError, counted

SUFFIXES = (".ts",)


class LabelledSignal(NamedTuple):
    """A signal (T, D) of a file, and its class or the text of its number."""

    place: str
    signal: Signal
    label: str


def sniff(head: bytes, wanted: None) -> bool:
    """Never: only its name says so."""
    return False


def read(file: File, wanted: LabelColumn | None) -> Iterator[LabelledSignal | Bad]:
    """The signals of a file, with their labels.

    Args:
        file: the file.
        wanted: whether labels are classes or numbers; None takes them as they are.

    Raises:
        DataError: when steps have times of their own, or there are no such labels.
    """
    return _signals(file.lines(), file.title, wanted)


def examples(signals: Iterable[LabelledSignal], label: LabelColumn) -> Examples:
    """Signals as examples; each has one label."""
    texts, labels = list[Signal](), list[Label]()
    for each in signals:
        texts.append(each.signal)
        labels.append(interned((each.label,) if label.multi_label else each.label))
    return Examples(texts, labels)


def parsed(content: bytes, title: str, label: LabelColumn) -> Examples:
    """The examples in the bytes of a file."""
    texts = content.decode("utf-8").splitlines()
    lines = (NumberedLine(number, text) for number, text in enumerate(texts, start=1))
    return examples(good(_signals(lines, title, label), title, None), label)


def _signals(
    lines: Iterable[NumberedLine], title: str, wanted: LabelColumn | None
) -> Iterator[LabelledSignal | Bad]:
    width: int | None = None
    for line in lines:
        text, place = line.text.strip(), line.place
        if not text or text[0] in "#@":
            _check_head(f"{title}, {place}", text, wanted)
            continue
        if found := flaw(text):
            yield Bad(place, found[1])
            continue
        *channels, label = text.split(":")
        if not channels or not label.strip():
            yield Bad(place, "no class after the last colon")
            continue
        try:
            signal = np.array(_numbers(channels), np.float32).T
            label = target_text("target", label) if wanted and wanted.numeric else label.strip()
        except ValueError as error:
            yield Bad(place, str(error))
            continue
        if fault := fault_of(signal, width):
            yield Bad(place, fault)
            continue
        width = signal.shape[1]
        yield LabelledSignal(place, signal, label)


def _check_head(place: str, line: str, wanted: LabelColumn | None) -> None:
    """That the file is one of those that are read here.

    Raises:
        DataError: when steps have times of their own, or there are no such labels.
    """
    words = line.lower().split()
    if words[:2] == ["@timestamps", "true"]:
        raise DataError(f"{place}: time stamps of steps are not supported")
    if words[:2] in (["@classlabel", "false"], ["@targetlabel", "false"]):
        raise DataError(f"{place}: its series have no labels")
    if words[:2] == ["@targetlabel", "true"] and wanted and not wanted.numeric:
        raise DataError(
            f"{place}: its series have numbers to predict, and no classes: `ostinato fit regress` "
            "takes them"
        )


def _numbers(channels: Sequence[str]) -> list[list[float]]:
    """The numbers of each channel; ? is missing.

    Raises:
        ValueError: when one is not a number, or the channels are not of one length.
    """
    columns: list[list[float]] = []
    for place, channel in enumerate(channels, start=1):
        try:
            columns.append([np.nan if x.strip() == "?" else number(x) for x in channel.split(",")])
        except ValueError as error:
            raise ValueError(f"channel {place}: {error}") from None
        if len(columns[-1]) != len(columns[0]):
            steps = counted(len(columns[-1]), "step")
            raise ValueError(f"channel {place} has {steps}, channel 1 {len(columns[0])}")
    return columns
