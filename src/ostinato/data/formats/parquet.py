"""Parquet, read by pyarrow a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ostinato.data.extra import extra
from ostinato.data.files import File
from ostinato.data.formats._header import missing
from ostinato.data.labels import LabelColumn
from ostinato.data.rows import Check, Row, row
from ostinato.errors import DataError

SUFFIXES = (".parquet",)


def sniff(head: bytes, columns: Sequence[str]) -> bool:
    """Whether the file begins with Parquet's mark, and not with a text like it."""
    return head[:4] == b"PAR1" and head[4:5] < b" "


def rows(
    file: File, columns: Sequence[str] | None, label: LabelColumn | None, check: Check = row
) -> Iterator[Row]:
    """The named columns of each row.

    Raises:
        DataError: when pyarrow is missing or cannot read the file, or a column is missing.
    """
    arrow = extra("pyarrow", "parquet")
    parquet = extra("pyarrow.parquet", "parquet")
    number = 0
    try:
        with file.seekable() as copy, parquet.ParquetFile(copy) as table:
            header = table.schema_arrow.names
            columns = header if columns is None else columns
            for name in columns:
                if header.count(name) != 1:
                    raise DataError(f"{file.title}: {missing(name, header)}")
            blocks = table.iter_batches(1024, columns=list(columns), use_threads=False)
            for block in blocks:
                # By name: pyarrow gives the columns in the file's order.
                lists = [block.column(name).to_pylist() for name in columns]
                for values in zip(*lists, strict=True):
                    number += 1
                    named = dict(zip(columns, values, strict=True))
                    yield check(f"row {number}", named, label)
    except DataError:
        raise
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        why = " ".join(str(error).split())[:200]
        where = f", after row {number}" if number else ""
        raise DataError(f"{file.title}{where}: cannot be read as Parquet: {why}") from None
