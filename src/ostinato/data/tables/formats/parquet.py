"""Parquet, read by pyarrow a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import IO, Any

from ostinato.data.extra import extra
from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File
from ostinato.data.files.limits import too_long
from ostinato.data.tables.formats._header import missing
from ostinato.data.tables.rows import R, Wanted
from ostinato.errors import DataError

SUFFIXES = (".parquet",)
_ROWS = 1024  # that are read together


def sniff(head: bytes, wanted: Wanted[R]) -> bool:
    """Whether the file begins with Parquet's mark, and not with a text like it."""
    return head[:4] == b"PAR1" and head[4:5] < b" "


def read(file: File, wanted: Wanted[R]) -> Iterator[R | Bad]:
    """The named columns of each row.

    Raises:
        DataError: when pyarrow is missing or cannot read the file, or a column is missing.
    """
    arrow = extra("pyarrow", "parquet")
    parquet = extra("pyarrow.parquet", "parquet")
    number = 0
    try:
        with file.seekable() as copy, _opened(parquet, copy) as table:
            header = table.schema_arrow.names
            columns = header if wanted.columns is None else wanted.columns
            for name in columns:
                if header.count(name) != 1:
                    raise DataError(f"{file.title}: {missing(name, header, name in header)}")
            _check_sizes(file, table.metadata)
            blocks = table.iter_batches(_ROWS, columns=list(columns), use_threads=False)
            for block in blocks:
                # By name: pyarrow gives the columns in the file's order.
                lists = [_values(block.column(name)) for name in columns]
                for values in zip(*lists, strict=True):
                    number += 1
                    file.grow(sum(map(_size, values)))
                    named = dict(zip(columns, values, strict=True))
                    if max(map(_size, values), default=0) > file.limits.row:
                        yield Bad(f"row {number}", too_long("a text", file.limits.row))
                    else:
                        yield wanted.check(f"row {number}", named)
    except DataError:
        raise
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        why = " ".join(str(error).split())[:200]
        where = f", after row {number}" if number else ""
        raise DataError(f"{file.title}{where}: cannot be read as Parquet: {why}") from None


def _opened(parquet: ModuleType, file: IO[bytes]) -> Any:
    """The file, with texts as places in a dictionary: one that many rows have is held once."""
    schema = parquet.read_schema(file)
    texts = [field.name for field in schema if str(field.type) in ("string", "large_string")]
    return parquet.ParquetFile(file, read_dictionary=texts)


def _check_sizes(file: File, about: Any) -> None:
    """Whether as much comes of the file as it says of itself may come of it.

    Raises:
        DataError: when it is more than the limit.
    """
    groups = [about.row_group(k) for k in range(about.num_row_groups)]
    columns = [group.column(k) for group in groups for k in range(group.num_columns)]
    file.check_growth(sum(column.total_uncompressed_size for column in columns))
    lists = sum(column.num_values for column in columns) - about.num_rows * about.num_columns
    file.check_growth(8 * lists)


def _values(column: Any) -> list[object]:
    """A column as Python has it; equal texts are one."""
    if not hasattr(column, "dictionary"):
        return list(column.to_pylist())
    places, texts = column.indices.to_pylist(), column.dictionary
    known = {k: None if k is None else texts[k].as_py() for k in set(places)}
    return [known[k] for k in places]


def _size(value: object) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, str | bytes):
        return 8 + len(value)
    return 8 + sum(map(_size, value)) if isinstance(value, list) else 8
