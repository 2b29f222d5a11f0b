"""Watches a cell's function run, so that errors have their line and signals their names."""

from __future__ import annotations

import io
import linecache
import sys
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any

from ostinato.equation.check import LETTERS
from ostinato.equation.graph import Node
from ostinato.equation.symbols import Notebook, Symbol
from ostinato.errors import CellError


@dataclass(frozen=True)
class SourceLine:
    """A line of a cell's source."""

    code: CodeType
    line: int = 0

    @classmethod
    def of(cls, error: Exception, code: CodeType) -> SourceLine:
        """The line of the cell in which an error arose."""
        line, walk = 0, error.__traceback__
        while isinstance(walk, TracebackType):
            if walk.tb_frame.f_code is code:
                line = walk.tb_lineno
            walk = walk.tb_next
        return cls(code, line)

    def error(self, why: str) -> CellError:
        """That something is wrong here, and what; it quotes the line."""
        line = self.line or self.code.co_firstlineno
        text = linecache.getline(self.code.co_filename, line).strip()
        where = f"{self.code.co_filename}:{line}: cell {self.code.co_name!r}: {why}"
        return CellError(f"{where}\n    {text}" if text else where)


class Watch:
    """Watches a cell's function run: what its variables hold in turn, and the line of every node.

    Attributes:
        bound: by variable the symbols that it held, each with its line, in the order of the text.
        returned_at: the line that returned.
        lines: the line that made each node.
    """

    def __init__(self, code: CodeType, book: Notebook) -> None:
        self.code, self.book = code, book
        self.bound: dict[str, list[tuple[int, int]]] = {}
        self.returned_at = 0
        self.lines: dict[int, int] = {}
        self._held: dict[str, int] = {}
        self._line = 0

    def __enter__(self) -> None:
        self.before = sys.gettrace()
        add = self.book.add

        def add_and_note(node: Node) -> int:
            index = add(node)
            frame: FrameType | None = sys._getframe(1)
            while frame is not None and frame.f_code is not self.code:
                frame = frame.f_back
            if frame is not None:
                self.lines.setdefault(index, frame.f_lineno)
            return index

        self.book.add = add_and_note  # type: ignore[method-assign]
        sys.settrace(self._called)

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code is not self.code:
            return None
        frame.f_trace_opcodes = True  # a line may bind a variable more than once
        return self._event

    def _event(self, frame: FrameType, event: str, argument: object) -> Any:
        held = {
            name: value.index
            for name, value in frame.f_locals.items()
            if isinstance(value, Symbol) and value.notebook is self.book
        }
        for name, index in held.items():
            if self._held.get(name) != index:
                self.bound.setdefault(name, []).append((index, self._line))
        self._held, self._line = held, frame.f_lineno
        if event == "return":
            self.returned_at = frame.f_lineno
        return self._event

    def __exit__(self, *error: object) -> None:
        sys.settrace(self.before)
        del self.book.add

    def notes(self, names: Mapping[int, str]) -> dict[int, str]:
        """Of each signal the comment where it was made, or else where it was bound to its name."""
        bound = {(name, index): line for name, all_ in self.bound.items() for index, line in all_}
        notes = {
            index: self.note(self.lines.get(index, 0)) or self.note(bound.get((name, index), 0))
            for index, name in names.items()
        }
        return {index: note for index, note in notes.items() if note}

    def note(self, line: int) -> str:
        """The comment at the end of a line."""
        return _comment(linecache.getline(self.code.co_filename, line))


def _comment(line: str) -> str:
    """The comment at the end of a line of source; a # inside a string is none."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(line.strip()).readline))
    except (tokenize.TokenError, SyntaxError):  # the line is a part of a longer statement
        return _printable(line.partition("#")[2].strip())
    comments = [t.string for t in tokens if t.type == tokenize.COMMENT]
    return _printable(comments[0].strip("# ")) if comments else ""


def _printable(note: str) -> str:
    """A note as levels can write it into a line: what cannot be printed is a space."""
    return "".join(c if c.isprintable() else " " for c in note[:LETTERS])
