"""Targets: what native code is generated for, this machine or another."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from functools import cache

from ostinato.errors import UnknownName


@dataclass(frozen=True)
class Target:
    """A processor as the generator sees it.

    Args:
        name: `host`, or the portable instruction set: sse2, avx2, avx512 or neon.
        triple: architecture, vendor and system, as LLVM writes them.
        cpu: the processor that LLVM schedules for.
        features: what is added to it and taken away, as LLVM writes it: `+fma,-avx512f`.
        vector_bytes: the size of a vector register: 16, 32 or 64 bytes.
        registers: the number of vector registers: 16 or 32.
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int

    def lanes(self, bits: int) -> int:
        """How many numbers of 32 or 64 bits a vector holds.

        >>> TARGETS["avx2"].lanes(32)
        8
        """
        return self.vector_bytes * 8 // bits

    def __str__(self) -> str:
        return f"{self.cpu} {self.vector_bytes * 8}-bit"


_LINUX = "x86_64-unknown-linux-gnu"
_WIDE = "-prefer-256-bit"
"""Intel's processors are tuned to leave 512-bit registers alone; our vectors fill them."""

TARGETS = {
    "sse2": Target("sse2", _LINUX, "x86-64", "", 16, 16),
    "avx2": Target("avx2", _LINUX, "x86-64-v3", "", 32, 16),
    "avx512": Target("avx512", _LINUX, "x86-64-v4", _WIDE, 64, 32),
    "neon": Target("neon", "aarch64-unknown-linux-gnu", "generic", "+neon", 16, 32),
}
"""Targets that do not depend on this machine; on x86 each can run what those before it can."""

_NEEDS = {"sse2": "", "avx2": "avx2 fma", "avx512": "avx512f avx512vl avx512dq avx512bw"}


def available() -> bool:
    """Whether native code can be made and run here."""
    return obstacle() is None


@cache
def obstacle() -> str | None:
    """Why native code cannot be made and run here, in words; None when it can."""
    if platform.machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"):
        return f"there is no native code for {platform.machine()}"
    try:
        import llvmlite.binding as llvm

        llvm.check_jit_execution()
    except ImportError as error:
        return f"llvmlite cannot be imported ({error})"
    except OSError as error:  # its library is missing, or memory must not be executable
        return f"llvmlite does not work here ({error})"
    return None


def host() -> Target:
    """This machine, with all that it can do; OSTINATO_TARGET=avx2 or sse2 makes it do with less.

    Raises:
        UnknownName: when OSTINATO_TARGET names no target that this machine can run.
    """
    return _host(os.environ.get("OSTINATO_TARGET") or "host")


@cache
def _host(name: str) -> Target:
    import llvmlite.binding as llvm

    triple = llvm.get_process_triple()
    if os.name == "nt":
        triple += "-elf"  # all that LLVM's linker in memory can read there
    present = llvm.get_host_cpu_features()
    if triple.startswith(("x86_64", "amd64")):
        runs = [n for n, needs in _NEEDS.items() if all(present.get(f) for f in needs.split())]
    else:
        runs = ["neon"]
    if name in runs:
        return replace(TARGETS[name], triple=triple)
    if name != "host":
        raise UnknownName("OSTINATO_TARGET for this machine", name, ["host", *runs])
    best = TARGETS[runs[-1]]
    features = ",".join(filter(None, [present.flatten(), best.features]))
    return replace(
        best, name="host", triple=triple, cpu=llvm.get_host_cpu_name(), features=features
    )
