"""`ostinato show CELL`: a cell at a level."""

from __future__ import annotations

import sys

from ostinato import cells, levels
from ostinato.cli.screen import console
from ostinato.visible import visible


def show(cell: str, /, *, level: str = "python", backward: bool = False) -> None:
    """Show the code of a cell at a level, exactly as it runs.

    Example: ostinato show lstm --level python --backward

    Parameters
    ----------
    cell
        The name of a cell, or path/to/file.py:name.
    level
        python, numpy, torch, aten, keras, native or latex.
    backward
        Also show the backward step and backpropagation through time.
    """
    text: str = levels.find(level).source(cells.find(cell), backward=backward)
    if sys.stdout.isatty():
        from rich.syntax import Syntax

        language = {"latex": "latex", "native": "llvm"}.get(level, "python")
        console.print(
            Syntax(visible(text, "\n"), language, background_color="default", word_wrap=True)
        )
    else:
        sys.stdout.write(text)
