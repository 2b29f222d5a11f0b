"""`ostinato cache`: the folder of compiled cells."""

from __future__ import annotations

import time

from ostinato.cli.screen import console, table
from ostinato.levels.native.runtime import cache as objects


def cache(*, clear: bool = False) -> None:
    """List the compiled cells in the cache, or remove them.

    Example: ostinato cache --clear

    A cell is compiled when it is first used, and again only if its equations, this software or the
    processor change. OSTINATO_CACHE sets another folder, or off; OSTINATO_CACHE_LIMIT is the
    maximum size in MiB.

    Parameters
    ----------
    clear
        Remove all compiled cells; they are compiled again when they are next used.
    """
    folder = objects.folder()
    if folder is None:
        console.print("The cache is disabled: OSTINATO_CACHE is off, or there is no home folder.")
        return
    if clear:
        number, size = objects.clear()
        console.print(f"Removed {_objects(number)}, {_size(size)}, from {folder}", soft_wrap=True)
        return
    most, entries = objects.limit(), objects.entries()
    size = sum(entry.size for entry in entries)
    summary = f"{_objects(len(entries))}, {_size(size)} of at most {_size(most)}, in {folder}"
    console.print(summary, soft_wrap=True)
    if not entries:
        return
    rows = table("code", "target", "size", "last used")
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        rows.add_row(entry.title, entry.target, _size(entry.size), used)
    console.print(rows)


def _objects(number: int) -> str:
    return f"{number} object" if number == 1 else f"{number} objects"


def _size(size: int) -> str:
    """Bytes as people read them: `84 KiB`, `1.5 MiB`."""
    if size < objects.MIB:
        return f"{-(-size // 1024)} KiB"
    return f"{size / objects.MIB:.1f}".removesuffix(".0") + " MiB"
