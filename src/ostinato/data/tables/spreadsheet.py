"""Names in tables that spreadsheets open: none of them is run as a formula.

A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a
formula, unless it begins with an apostrophe. So a name that does, and is not a number, is written
with one apostrophe more, and read back with one less.
"""

from __future__ import annotations

import re

from ostinato.data.files.numerals import NUMBER

_FORMULA = re.compile("'*[=+\\-@\\t\\r]")
_MARKED = re.compile("'+[=+\\-@\\t\\r]")


def marked(name: str) -> str:
    """A name as a cell that no spreadsheet runs.

    >>> marked("=1+1"), marked("-1.5"), marked("'-x"), marked("a")
    ("'=1+1", '-1.5', "''-x", 'a')
    """
    return f"'{name}" if _FORMULA.match(name) and not NUMBER.fullmatch(name) else name


def unmarked(cell: str) -> str:
    """The name that a cell was written for.

    >>> unmarked("'=1+1"), unmarked("''-x"), unmarked("'tis")
    ('=1+1', "'-x", "'tis")
    """
    return cell[1:] if _MARKED.match(cell) else cell
