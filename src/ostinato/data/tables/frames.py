"""Columns that are in memory: lists, arrays, and tables of other libraries.

A Series or a frame of pandas or polars (by narwhals), and a `Dataset` of Hugging Face, are taken
as they are. Such a library is never imported here: who has an object of it has imported it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ostinato.data.tables.rows import two_parts
from ostinato.data.tables.texts import Chosen, Texts
from ostinato.errors import DataError, first_few, quoted

_PLAIN = (list, tuple, np.ndarray, Texts, Chosen)


def columns_of(table: Any) -> dict[str, Sequence[Any]]:
    """All columns of a table of numbers.

    Args:
        table: a frame of pandas or polars, a mapping of columns, a `Dataset`, an array (T,) or
            (T, N), a Series or a list; columns without a name are `value`, or `value 1`, ….

    Raises:
        DataError: for what is none of these, or columns that are not of one length.
    """
    if isinstance(table, str | bytes):
        raise DataError("a table is required, not a string; use `ostinato.data` to read files")
    if isinstance(table, list | tuple | np.ndarray):
        table = np.asarray(table, dtype=object if isinstance(table, list | tuple) else None)
        if table.ndim == 1:
            return {"value": table.tolist()}
        if table.ndim != 2:
            raise DataError(f"an array of series is (T,) or (T, N), not {table.shape}")
        return {f"value {k}": column.tolist() for k, column in enumerate(table.T, start=1)}
    if _is_dataset(table):
        return {name: list(table[name]) for name in table.column_names}
    if isinstance(table, Mapping):
        named: dict[str, Sequence[Any]] = {str(k): list(values) for k, values in table.items()}
    else:
        import narwhals

        table = _in_time(table)
        native = narwhals.from_native(table, allow_series=True, pass_through=True)
        if isinstance(native, narwhals.LazyFrame):
            native = native.collect()
        if isinstance(native, narwhals.Series):
            return _index(table) | {str(native.name or "value"): native.to_list()}
        if not isinstance(native, narwhals.DataFrame):
            raise DataError(f"a {type(table).__name__} is not a table")
        named = {str(name): native[name].to_list() for name in native.columns}
        named = {k: v for k, v in _index(table).items() if k not in named} | named
    if len(set(map(len, named.values()))) > 1:
        sizes = first_few(f"{quoted(name)} {len(values)}" for name, values in named.items())
        raise DataError(f"the columns have different lengths: {sizes}")
    return named


def column(values: Any, name: str, split: str) -> Any:
    """The values of a list, an array or a Series, or of the column of a table."""
    if isinstance(values, str | bytes):
        raise DataError(f"{name}s must be a list of {name}s, not one {name}")
    if isinstance(values, np.ndarray) and values.ndim == 3:  # signals of one length
        return list(values)
    if getattr(values, "ndim", 1) != 1 and hasattr(values, "dtype"):
        raise DataError(
            f"an array of shape {tuple(values.shape)} is not a list of "
            f"{name}s; it must have one dimension"
        )
    if isinstance(values, _PLAIN):
        return values
    if not _is_dataset(values) and not isinstance(values, Mapping):
        import narwhals

        native = narwhals.from_native(values, allow_series=True, pass_through=True)
        if isinstance(native, narwhals.Series):
            return native.to_list()
        if native is values:  # not of a library that narwhals knows
            if isinstance(values, Iterable):
                return list(values)
            raise DataError(f"a {type(values).__name__} is not a list of {name}s")
    return columns(values, [name], split)[0]


def columns(table: Any, names: Sequence[str], split: str) -> list[Any]:
    """The named columns of a table."""
    if isinstance(table, Mapping) and table and all(map(_is_dataset, table.values())):
        table = table.get(split, next(iter(table.values())))
    if _is_dataset(table):
        _check(names, table.column_names)
        features = table.features or {}
        return [named(list(table[name]), features.get(name)) for name in names]
    if isinstance(table, Mapping):
        _check(names, list(table))
        return [table[name] for name in names]
    import narwhals

    frame = narwhals.from_native(table, pass_through=True)
    if isinstance(frame, narwhals.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, narwhals.DataFrame):
        raise DataError(f"labels are missing: give labels, or a table with {' and '.join(names)}")
    _check(names, frame.columns)
    return [frame[name].to_list() for name in names]


def _in_time(table: Any) -> Any:
    """A table of pandas in the order of its index, if that is of times."""
    return table.sort_index() if any(map(_has_times, _levels(table))) else table


def _index(table: Any) -> dict[str, list[Any]]:
    """The index of a table of pandas as columns, where it has times or names."""
    levels = _levels(table)
    if not any(_has_times(level) or level.name is not None for level in levels):
        return {}
    return {"" if level.name is None else str(level.name): list(level) for level in levels}


def _levels(table: Any) -> list[Any]:
    """The indices of a table of pandas; none of another."""
    index: Any = getattr(table, "index", None)
    if not hasattr(index, "get_level_values"):
        return []
    return [index.get_level_values(k) for k in range(index.nlevels)]


def _has_times(index: Any) -> bool:
    return hasattr(index, "freqstr") and not hasattr(index, "components")


def _is_dataset(table: object) -> bool:
    return isinstance(getattr(table, "column_names", None), list) and hasattr(table, "features")


def named(values: Sequence[Any], feature: Any) -> Sequence[Any]:
    """Numbers of classes as their names, also in lists, where a feature of a `Dataset` has names.

    Args:
        values: the values of a column.
        feature: what the `Dataset` says of the column.
    """
    if known := getattr(feature, "names", None):
        return [known[v] if isinstance(v, int) and v >= 0 else v for v in values]
    inner = getattr(feature, "feature", None)
    if getattr(inner, "names", None):
        return [named(each, inner) for each in values]
    return values


def _check(names: Sequence[str], columns: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(two_parts(name))
        if name not in columns:
            shown = first_few(map(quoted, columns))
            raise DataError(f"no column {quoted(name)}; the columns are {shown}")
