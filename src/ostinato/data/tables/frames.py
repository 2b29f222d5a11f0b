"""Texts and labels that are in memory: lists, arrays, and tables of other libraries.

A Series or a frame of pandas or polars (by narwhals), and a `Dataset` of Hugging Face, are taken
as they are. Such a library is never imported here: who has an object of it has imported it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ostinato.data.series.signals import are_signals, checked
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.labels import LabelColumn, each, interned, label_text, refuse_measurements
from ostinato.data.tables.rows import row, two_parts
from ostinato.data.tables.texts import Chosen, Texts
from ostinato.errors import DataError, first_few, quoted

_PLAIN = (list, tuple, np.ndarray, Texts, Chosen)


def examples_of(
    texts: Any,
    labels: Any = None,
    text: str = "text",
    label: str | LabelColumn = "label",
    split: str = "train",
) -> Examples:
    """Labelled examples, each checked.

    Args:
        texts: the texts, as a list, an array or a Series; signals, as a list of arrays (T, D) or
            an array (N, T, D); or a table with both columns.
        labels: the label of each text, of any type `label_text` knows, or a list of several; None
            for a table.
        text: the column with the texts.
        label: the column with the labels; class numbers of a `Dataset` become their names. A
            `LabelColumn` may have several.
        split: which part of a `DatasetDict`; its first where there is none of that name.

    Raises:
        DataError: for a row that is missing, empty or of a wrong type, a column that is not
            there, or labels that are measurements.
        ValueError: when there are not as many labels as texts.
    """
    if isinstance(texts, Examples):
        return texts
    label = LabelColumn(label) if isinstance(label, str) else label
    if labels is None:
        columns = _columns(texts, [text, label.name], split)
    else:
        columns = [_column(texts, text, split), _column(labels, label.name, split)]
    size = [len(column) for column in columns]
    if size[0] != size[1]:
        raise ValueError(f"{size[0]} texts but {size[1]} labels")
    numeric = are_signals(columns[0])
    if numeric:
        columns[0] = checked(columns[0])
    same = numeric or isinstance(
        columns[0], Texts | Chosen
    )  # already in a file, or points into one
    kept, names, own = Texts(), [], dict[str, Any]()
    column = replace(label, name="label")
    for k, pair in enumerate(zip(*columns, strict=True), start=1):
        text_of = {} if numeric else {"text": pair[0]}
        read = row(f"row {k}", text_of | {"label": pair[1]}, column)
        if read.fault:
            raise DataError(f"{read.place}: {read.fault}")
        if not same:
            kept.append(str(pair[0]))
        names.append(interned(read.values[-1]))
        for part in column.parts(pair[1]):
            own.setdefault(label_text(part), part)
    refuse_measurements(list(dict.fromkeys(n for name in names for n in each(name))), "labels")
    numbers = not any(isinstance(value, str) for value in own.values())
    return Examples(columns[0] if same else kept.settled(), names, own if numbers else {})


def texts_of(texts: Any, text: str = "text", split: str = "test") -> Sequence[Any]:
    """Texts without labels; here a text may be empty.

    Args:
        texts: a list, an array or a Series of texts, or a table with a column of them.
        text: the column with the texts.
        split: which part of a `DatasetDict`; its first where there is none of that name.

    Raises:
        DataError: for a single text in place of a list, or what is no text.
    """
    column: Sequence[str] = _column(texts, text, split)
    if are_signals(column):
        return checked(column)
    for k, value in enumerate(column, start=1):
        if not isinstance(value, str):
            raise DataError(f"row {k}: {quoted(value)} is not a text")
    return column


def columns_of(table: Any) -> dict[str, Sequence[Any]]:
    """All columns of a table of numbers.

    Args:
        table: a frame of pandas or polars, a mapping of columns, a `Dataset`, an array (T,) or
            (T, N), a Series or a list; columns without a name are `value`, or `value 1`, ….

    Raises:
        DataError: for what is none of these, or columns that are not of one length.
    """
    if isinstance(table, str | bytes):
        raise DataError("a table is needed here, not a text; `ostinato.data` reads files")
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

        native = narwhals.from_native(table, allow_series=True, pass_through=True)
        if isinstance(native, narwhals.LazyFrame):
            native = native.collect()
        if isinstance(native, narwhals.Series):
            return {str(native.name or "value"): native.to_list()}
        if not isinstance(native, narwhals.DataFrame):
            raise DataError(f"a {type(table).__name__} is no table")
        named = {str(name): native[name].to_list() for name in native.columns}
    if len(set(map(len, named.values()))) > 1:
        sizes = first_few(f"{quoted(name)} {len(values)}" for name, values in named.items())
        raise DataError(f"the columns are not of one length: {sizes}")
    return named


def _column(values: Any, name: str, split: str) -> Any:
    """The values of a list, an array or a Series, or of the column of a table."""
    if isinstance(values, str | bytes):
        raise DataError(f"{name}s must be a list of {name}s, not one {name}")
    if isinstance(values, np.ndarray) and values.ndim == 3:  # signals of one length
        return list(values)
    if getattr(values, "ndim", 1) != 1 and hasattr(values, "dtype"):
        raise DataError(
            f"an array of shape {tuple(values.shape)} is no list of {name}s; give one dimension"
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
            raise DataError(f"a {type(values).__name__} is no list of {name}s")
    return _columns(values, [name], split)[0]


def _columns(table: Any, names: Sequence[str], split: str) -> list[Any]:
    """The named columns of a table."""
    if isinstance(table, Mapping) and table and all(map(_is_dataset, table.values())):
        table = table.get(split, next(iter(table.values())))
    if _is_dataset(table):
        _check(names, table.column_names)
        return [_class_names(table, name) for name in names]
    if isinstance(table, Mapping):
        _check(names, list(table))
        return [table[name] for name in names]
    import narwhals

    frame = narwhals.from_native(table, pass_through=True)
    if isinstance(frame, narwhals.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, narwhals.DataFrame):
        raise DataError(f"labels are missing: give them, or a table with {' and '.join(names)}")
    _check(names, frame.columns)
    return [frame[name].to_list() for name in names]


def _is_dataset(table: Any) -> bool:
    return isinstance(getattr(table, "column_names", None), list) and hasattr(table, "features")


def _class_names(dataset: Any, name: str) -> list[Any]:
    values = list(dataset[name])
    known = getattr((dataset.features or {}).get(name), "names", None)
    return [known[v] if isinstance(v, int) and v >= 0 else v for v in values] if known else values


def _check(names: Sequence[str], columns: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(two_parts(name))
        if name not in columns:
            shown = first_few(map(quoted, columns))
            raise DataError(f"no column {quoted(name)}; the columns are {shown}")
