"""The engine `native` as a whole: the memory that it keeps from one call to the next."""

from __future__ import annotations

import sys

__all__ = ["trim"]


def trim() -> int:
    """Frees the memory that native code keeps for later calls; the bytes it was.

    Layers lend their buffers from one stock for the whole process, and hand them back when a call
    is over or its graph is dropped. The stock never holds more than 1 GiB: what was used longest
    ago is freed first. Buffers of graphs that are still alive, and those of streams, are in use
    and stay. The next call of a layer makes its buffers anew, which takes a little longer.
    """
    context = sys.modules.get("ostinato.levels.native.context")
    return int(context.idle.trim()) if context else 0
