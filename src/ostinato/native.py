"""The engine `native` as a whole: the memory that it reuses from one call to the next."""

from __future__ import annotations

import sys

__all__ = ["trim"]


def trim() -> int:
    """Frees the memory that native code keeps for later calls; returns its bytes.

    Layers take their buffers from one stock for the whole process, and return them when a call is
    over or its graph is freed. The stock never holds more than 1 GiB: the least recently used
    buffers are freed first. Buffers of live graphs and of streams are in use and not freed. The
    next call of a layer allocates its buffers again, which takes a little longer.
    """
    stock = sys.modules.get("ostinato.levels.native.runtime.stock")
    return int(stock.idle.trim()) if stock else 0
