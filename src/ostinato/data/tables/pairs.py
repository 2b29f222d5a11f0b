"""Pairs of texts, one to be turned into the other: in parallel files, or in two columns.

Errors name file and row, as those of `readers` do.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ostinato.data.files.file import File, flaw, title
from ostinato.data.readers.labelled import packaged, table_rows
from ostinato.data.split import split_blocks
from ostinato.data.tables.rows import Row, Skipped, good, row
from ostinato.data.tables.texts import Chosen, Texts
from ostinato.errors import DataError, counted, quoted


@dataclass(frozen=True)
class Pairs:
    """Sources and their targets, in the order of the file they come from.

    Raises:
        ValueError: when there are not as many targets as sources.
    """

    sources: Sequence[str]
    targets: Sequence[str]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.targets):
            raise ValueError(f"{len(self.sources)} sources but {len(self.targets)} targets")

    def __len__(self) -> int:
        return len(self.sources)

    def select(self, indices: Iterable[int]) -> Pairs:
        """The pairs at these indices, in their order."""
        chosen = array("q", map(int, indices))
        return Pairs(_chosen(self.sources, chosen), _chosen(self.targets, chosen))

    def fingerprint(self) -> str:
        """SHA-256 (hex) over all pairs and their order: what a run says it saw."""
        digest = hashlib.sha256()
        for pair in zip(self.sources, self.targets, strict=True):
            digest.update(json.dumps(pair).encode())
        return digest.hexdigest()

    def split(self, share: float, seed: int) -> tuple[Pairs, Pairs]:
        """Holds out whole blocks of neighbours; the rows of one source stay together.

        Raises:
            DataError: when there are not two different sources.
        """
        numbers: dict[str, int] = {}
        number = [numbers.setdefault(source, len(numbers)) for source in self.sources]
        if len(numbers) < 2:
            raise DataError(f"{len(numbers)} different sources are too few to hold one out")
        _, held = split_blocks([""] * len(numbers), share, seed)
        out = set(held.tolist())
        both: tuple[list[int], list[int]] = ([], [])
        for k, n in enumerate(number):
            both[n in out].append(k)
        return self.select(both[0]), self.select(both[1])


def read_pairs(
    where: Sequence[str],
    source: str = "source",
    target: str = "target",
    *,
    separator: str | None = None,
    format: str | None = None,
    skip_bad_rows: Skipped | None = None,
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
        format: the table's format, where the file does not tell it.
        skip_bad_rows: goes on without bad rows and counts them; None refuses the first.

    Returns:
        The source's splits; for files all of them as "train".

    Raises:
        DataError: when there is nothing of that name, parallel files are of different length, or
            something is wrong in a row.
    """
    if len(where) == 2:
        name = f"{title(where[0])} and {title(where[1])}"
        return {"train": _pairs(_parallel(*where), name, skip_bad_rows)}
    if len(where) != 1:
        raise DataError(f"pairs lie in one file or in two, not in {len(where)}")
    source_of = packaged(where[0])
    if source_of is not None:
        if not isinstance(source_of, dict) or not isinstance(source_of["train"], Pairs):
            raise DataError(f"{where[0]} holds no pairs; a source such as `dates` is needed here")
        return source_of
    if separator == "":
        raise DataError("an empty separator parts nothing; give none at all for a table")
    if separator is None:
        rows = table_rows(where[0], format, "csv", [source, target], None)
    else:
        rows = _separated(where[0], separator)
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
        if fault := row("", {"source": one, "target": other}, None).fault:
            raise DataError(f"row {k}: {fault}")
    return pairs


def _pairs(rows: Iterator[Row], name: str, skipped: Skipped | None) -> Pairs:
    sources, targets = Texts(), Texts()
    for each in good(rows, name, skipped):
        sources.append(each.values[0])
        targets.append(each.values[1])
    return Pairs(sources.settled(), targets.settled())


def _separated(where: str, separator: str) -> Iterator[Row]:
    """The two parts of each line, white space around them taken off; blank lines are bad rows."""
    with File(where) as file:
        for number, line in file.lines():
            place = f"line {number}"
            one, found, other = line.partition(separator)
            if fault := flaw(line):
                yield Row(place, [], fault[1])
            elif not line.strip():
                yield Row(place, [], "the line is empty")
            elif not found:
                shown = quoted(separator).replace(" ", "␣")
                yield Row(place, [], f"no separator {shown}: the target column is missing")
            else:
                yield row(place, {"source": one.strip(), "target": other.strip()}, None)


def _parallel(source: str, target: str) -> Iterator[Row]:
    """The lines of the same number of two files.

    Raises:
        DataError: when one has more lines than the other.
    """
    with File(source) as one, File(target) as other:
        lines = one.lines(), other.lines()
        for number, (ours, theirs) in enumerate(zip_longest(*lines), start=1):
            if ours is None or theirs is None:
                short, long = (one, other) if ours is None else (other, one)
                count = number + sum(1 for _ in lines[long is other])
                raise DataError(
                    f"{long.title}, line {number}: has no partner; {short.title} has "
                    f"{counted(number - 1, 'line')}, {long.title} has {count:,}"
                )
            yield _paired(number, (one.title, ours[1]), (other.title, theirs[1]))


def _paired(number: int, *sides: tuple[str, str]) -> Row:
    for name, line in sides:
        if fault := flaw(line):
            return Row(f"line {number}", [], f"{fault[1]} in {name}")
        if not line.strip():
            return Row(f"line {number}", [], f"the line of {name} is empty")
    return Row(f"line {number}", [line.removesuffix("\n") for _, line in sides])


def _chosen(texts: Sequence[str], places: Sequence[int]) -> Sequence[str]:
    if isinstance(texts, list):
        return [texts[k] for k in places]
    return Chosen(texts, places)
