"""What a page says of how its results came about: when, in what time, on which machine."""

from __future__ import annotations

import os
import platform
import time
from typing import TypedDict

import torch


class Stamp(TypedDict):
    """When and where results were made.

    Attributes:
        created: the time, in UTC.
        seconds: how long it took.
        machine: the system, its cores and PyTorch's version, in words.
    """

    created: str
    seconds: float
    machine: str


def stamp(began: float) -> Stamp:
    """The stamp of results that are ready now.

    Args:
        began: when work on them began, as `time.perf_counter` said.
    """
    system = f"{platform.system()} {platform.machine()}"
    return Stamp(
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seconds=time.perf_counter() - began,
        machine=f"{system}, {os.cpu_count()} cores, torch {torch.__version__}",
    )
