"""Code: LLVM's text made into functions of this process, or into another machine's assembly."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from ostinato.levels.native.runtime import cache as objects
from ostinato.levels.native.runtime.target import Target

if TYPE_CHECKING:
    import llvmlite.binding as llvm

SPEED = 2
"""LLVM's level of optimisation, from 0 to 3."""

GENERATOR = ("ostinato.equation", "ostinato.levels.native")
"""The packages whose files decide what code is written."""

_LIBRARY = "cell"
_IMPORTED = time.time()  # seconds since 1970


class Code:
    """Compiled functions, which live in memory as long as this object does.

    Args:
        data: an object file for this machine.
        target: what it was compiled for.
    """

    def __init__(self, data: bytes, target: Target) -> None:
        import llvmlite.binding as llvm

        _initialize()
        # JITLink lays a module out as one block of memory, so that small code reaches its
        # constants within 2 GiB wherever it lies; LLVM's older linker aborts when it does not.
        self._engine = llvm.create_lljit_compiler(_machine(target), use_jit_link=True)
        library = llvm.JITLibraryBuilder().add_object_img(data).add_current_process()
        self._library = library.link(self._engine, _LIBRARY)
        self._functions: dict[str, Mapping[str, int]] = {}

    def address(self, name: str) -> int:
        """Where a function begins.

        Raises:
            KeyError: when there is none of that name.
        """
        if name not in self._functions:
            try:
                self._functions[name] = self._engine.lookup(_LIBRARY, name)
            except RuntimeError:
                raise KeyError(name) from None
        return self._functions[name][name]


def load(key: str, make: Callable[[], str], target: Target, title: str = "") -> Code:
    """Functions from the cache of objects, or compiled now and kept there.

    Args:
        key: names what is compiled: the graph, the number type, the options. The target and the
            versions of compiler and generator are added to it.
        make: gives the module as LLVM's text; called only if the cache does not have the object.
        target: a target that this machine can run.
        title: what is compiled, in words, for `ostinato cache`: `lstm float32`.

    Raises:
        RuntimeError: when LLVM cannot read the text.
        ConfigError: when OSTINATO_CACHE_LIMIT is not a number.
    """
    whole = full_key(key, target)
    data = objects.read(whole)
    if data is None:
        data = compile(make(), target)
        objects.write(whole, data, title, str(target))
    return Code(data, target)


def compile(text: str, target: Target) -> bytes:
    """LLVM's text as an object file.

    Raises:
        RuntimeError: when LLVM cannot read the text.
    """
    _initialize()
    with _optimized(text, target) as (machine, module):
        data: bytes = machine.emit_object(module)
    return data


def assembly(text: str, target: Target) -> str:
    """LLVM's text as assembly, for any target.

    Raises:
        RuntimeError: when LLVM cannot read the text.
    """
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    with _optimized(text, target) as (machine, module):
        lines: str = machine.emit_assembly(module)
    return lines


def full_key(key: str, target: Target) -> str:
    """A key with all else that compiled code depends on, as 64 hexadecimal digits."""
    import llvmlite
    import llvmlite.binding as llvm

    parts = [
        key, target.triple, target.cpu, target.features, str(target.vector_bytes),
        str(target.registers), platform.machine(), llvmlite.__version__,
        str(llvm.llvm_version_info), str(SPEED), generator(),
    ]  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def generator() -> str:
    """A hash of the files that write the code: when one changes, nothing old is loaded.

    A file that was changed since this process imported it does not say what runs here: then the
    hash is this process's alone, so that its code is not loaded by others.
    """
    content = hashlib.sha256()
    for package in GENERATOR:
        files = _sources(importlib.resources.files(package), package)
        for name, file in sorted(files, key=lambda pair: pair[0]):
            text = file.read_bytes()
            content.update(f"{name} {len(text)}\n".encode() + text)
            if isinstance(file, Path) and file.stat().st_mtime > _IMPORTED:
                content.update(os.urandom(16))
    return content.hexdigest()


def _sources(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    """The Python files of a package and of the packages in it, by name."""
    for file in folder.iterdir():
        if file.is_dir():
            yield from _sources(file, f"{name}/{file.name}")
        elif file.name.endswith(".py"):
            yield f"{name}/{file.name}", file


@cache
def _initialize() -> None:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _machine(target: Target) -> llvm.TargetMachine:
    import llvmlite.binding as llvm

    # Small and position-independent: constants are operands in memory. In the large code that
    # is usual in memory, each constant's address takes a register first.
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=SPEED, reloc="pic", codemodel="small"
    )


@contextmanager
def _optimized(text: str, target: Target) -> Iterator[tuple[llvm.TargetMachine, llvm.ModuleRef]]:
    """The machine of a target, and the module of a text after LLVM's passes for it.

    They are closed in order: the garbage collector, when an error's traceback holds them, would
    free the context before the module that lies in it, and the process would crash.
    """
    import llvmlite.binding as llvm

    with _machine(target) as machine, llvm.create_context() as context:
        try:
            module = llvm.parse_assembly(text, context)
        except RuntimeError as error:
            raise _unreadable(error) from None
        with module:
            try:
                module.verify()
            except RuntimeError as error:
                raise _unreadable(error) from None
            module.triple = machine.triple
            module.data_layout = str(machine.target_data)
            # Loops are written as vectors, in the width that fits: no pass shall know better.
            with llvm.create_pipeline_tuning_options(speed_level=SPEED) as options:
                options.loop_vectorization = False
                options.slp_vectorization = False
                options.loop_interleaving = False
                options.loop_unrolling = False
                with (
                    llvm.create_pass_builder(machine, options) as builder,
                    builder.getModulePassManager() as passes,
                ):
                    passes.run(module, builder)
            yield machine, module


def _unreadable(error: RuntimeError) -> RuntimeError:
    """LLVM's complaint in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return RuntimeError("LLVM cannot read the code: " + " ".join(lines[:2]))
