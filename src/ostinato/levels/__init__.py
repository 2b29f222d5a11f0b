"""Levels: the same cell in another language. A file here is a level; its stem is its name.

A level must have `source(cell, backward=False)`, the text that it shows, which is the text that
it runs. One that computes has more:

- `scan(cell)`: the loop over a sequence, on the arrays or tensors of its language;
- `run(cell, case)`: a `_case.Case` forward and backward, as plain arrays; `proof` compares it with
  all other levels then. `run_reversed` and `run_float32` likewise, where it has them;
- `supports(cell)`: whether it can run this cell; where there is none it can run every cell;
- `HEEDS`: the fields of `_case.Asked` that it heeds; where there is none it always computes all
  gradients;
- `rounds_to_float32()`: whether its numbers are float32, whatever it is given.

`_text`, `_stacked` and `_case` are what several levels share: how a step becomes lines of text,
products with stacked matrices, and the case that levels run.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType

from ostinato import registry
from ostinato.errors import UnknownName


def names() -> list[str]:
    """The levels that there are."""
    return registry.names(sys.modules[__name__])


@cache
def find(name: str) -> ModuleType:
    """The level of a name.

    Raises:
        UnknownName: when there is no such level; the nearest right name is given.
    """
    if name not in names():
        raise UnknownName("level", name, names())
    return registry.find(sys.modules[__name__], "level", name)
