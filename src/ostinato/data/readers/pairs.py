"""Pairs of texts by name: in parallel files, in two columns, or in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from ostinato.data.files.bad import Bad, Skipped, good
from ostinato.data.files.file import File, NumberedLine, title
from ostinato.data.readers.named import are_pairs, packaged, table_rows
from ostinato.data.tables.dialect import DETECTED, Dialect
from ostinato.data.tables.pairs import Pairs
from ostinato.data.tables.rows import Row, Wanted, row, with_plain_ends
from ostinato.data.tables.texts import Texts
from ostinato.errors import DataError, counted, quoted


def read_pairs(
    where: Sequence[str],
    source: str = "source",
    target: str = "target",
    *,
    separator: str | None = None,
    format: str | None = None,
    skip_bad_rows: Skipped | None = None,
    dialect: Dialect = DETECTED,
) -> dict[str, Pairs]:
    """Pairs by split, in file order.

    Args:
        where: a table with two columns, a text with a separator in each line, `-` for standard
            input, or the name of a packaged source; or two parallel files, in which the lines of
            one number are a pair.
        source: the column of a table with the sources.
        target: the column with the targets.
        separator: what stands between source and target in each line of a plain text, such as a
            tab or two spaces; None for a table.
        format: the table's format, where the file does not say it.
        skip_bad_rows: leaves out bad rows and counts them; None refuses the first.
        dialect: how the files are written.

    Returns:
        The source's splits; for files all of them as "train".

    Raises:
        DataError: when there is nothing of that name, parallel files are of different length, or
            something is wrong in a row.
    """
    if len(where) == 2:
        name = f"{title(where[0])} and {title(where[1])}"
        return {
            "train": _pairs(_parallel(where[0], where[1], dialect.encoding), name, skip_bad_rows)
        }
    if len(where) != 1:
        raise DataError(f"pairs are stored in one file or in two, not in {len(where)}")
    content = packaged(where[0])
    if content is not None:
        if not are_pairs(content):
            raise DataError(f"{where[0]} contains no pairs; a source such as `dates` is required")
        return content
    if separator == "":
        raise DataError("the separator is empty; for a table, do not give a separator")
    if separator is None:
        rows = table_rows(where[0], Wanted([source, target], row, dialect), format)
    else:
        rows = _separated(where[0], separator, dialect.encoding)
    return {"train": _pairs(rows, title(where[0]), skip_bad_rows)}


def pairs_of(sources: Sequence[str], targets: Sequence[str]) -> Pairs:
    """Pairs that are in memory, each checked.

    Raises:
        DataError: for a pair with an empty part, or one that is no text.
        ValueError: when there are not as many targets as sources.
    """
    for name, texts in {"sources": sources, "targets": targets}.items():
        if isinstance(texts, str):
            raise DataError(f"{name} must be a list of texts, not one text")
    pairs = Pairs(list(sources), list(targets))
    for k, (one, other) in enumerate(zip(pairs.sources, pairs.targets, strict=True), start=1):
        pair = row(f"row {k}", {"source": one, "target": other})
        if isinstance(pair, Bad):
            raise DataError(str(pair))
    return pairs


def _pairs(rows: Iterator[Row | Bad], name: str, skipped: Skipped | None) -> Pairs:
    sources, targets = Texts(), Texts()
    for each in good(rows, name, skipped):
        sources.append(each.texts[0])
        targets.append(each.texts[1])
    return Pairs(sources.settled(), targets.settled())


def _separated(where: str, separator: str, encoding: str | None) -> Iterator[Row | Bad]:
    """The two parts of each line, white space around them taken off; blank lines are bad."""
    with File(where, encoding) as file:
        for line in file.good_lines():
            if isinstance(line, Bad):
                yield line
                continue
            one, found, other = line.text.partition(separator)
            if not line.text.strip():
                yield Bad(line.place, "the line is empty")
            elif not found:
                shown = quoted(separator).replace(" ", "␣")
                yield Bad(line.place, f"no separator {shown}: the target column is missing")
            else:
                yield row(line.place, {"source": one.strip(), "target": other.strip()})


def _parallel(source: str, target: str, encoding: str | None) -> Iterator[Row | Bad]:
    """The lines of the same number of two files.

    Raises:
        DataError: when one has more lines than the other.
    """
    with File(source, encoding) as one, File(target, encoding) as other:
        lines = one.lines(), other.lines()
        for number, (ours, theirs) in enumerate(zip_longest(*lines), start=1):
            if ours is None or theirs is None:
                short, long = (one, other) if ours is None else (other, one)
                count = number + sum(1 for _ in lines[long is other])
                raise DataError(
                    f"{long.title}, line {number}: has no counterpart; "
                    f"{short.title} has {counted(number - 1, 'line')}, "
                    f"{long.title} has {count:,}"
                )
            yield _paired((one, ours), (other, theirs))


def _paired(*sides: tuple[File, NumberedLine]) -> Row | Bad:
    for file, line in sides:
        if fault := file.flaw(line.text):
            return Bad(line.place, f"{fault} in {file.title}")
        if not line.text.strip():
            return Bad(line.place, f"the line of {file.title} is empty")
    texts = [with_plain_ends(line.text.removesuffix("\n")) for _, line in sides]
    return Row(sides[0][1].place, texts)
