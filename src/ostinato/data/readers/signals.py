"""Labelled signals of a `.ts` file."""

from __future__ import annotations

from ostinato.data.files.bad import Skipped, good
from ostinato.data.files.file import File, title
from ostinato.data.files.format import without_packing
from ostinato.data.series import ts
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.labels import LabelColumn


def are_in(where: str) -> bool:
    """Whether a file holds signals, as its name says."""
    return without_packing(where).endswith(ts.SUFFIXES)


def read_signals(
    where: str, label: LabelColumn | None, skip_bad_rows: Skipped | None = None
) -> Examples:
    """The signals of a file, with their labels.

    Args:
        where: the file.
        label: whether each has a class, a tuple that holds one, or a number; None takes what is
            there.
        skip_bad_rows: leaves out bad lines and counts them; None refuses the first.

    Raises:
        DataError: for what cannot be read; it names file and line.
    """
    with File(where) as file:
        signals = good(ts.read(file, label), title(where), skip_bad_rows)
        return ts.examples(signals, label or LabelColumn())
