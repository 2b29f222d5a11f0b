"""Real data that comes inside packages: one file each, `read()` and where it is from.

`read()` gives labelled examples by split, or one plain text. A packaged source needs no
download; what it reads is checked against `SHA256`, and nothing but data files is touched.
"""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType

from ostinato.errors import DataError


def check_installed(*sources: ModuleType) -> None:
    """That the packages are there that hold the data of these sources.

    Raises:
        DataError: when one is missing; the message says how to install all that are.
    """
    missing = [each.INSTALL for each in sources if find_spec(each.PACKAGE) is None]
    if missing:
        raise DataError(f"packages with data are not installed: {' && '.join(missing)}")
