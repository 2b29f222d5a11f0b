"""The command line: one file for each command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

if sys.platform == "win32":
    raise SystemExit("ostinato: needs Linux or macOS; on Windows, install it in WSL")

from ostinato import signals
from ostinato.cli import streams
from ostinato.errors import OstinatoError
from ostinato.visible import visible


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command, and exits; an error is one line on standard error, and the status 1 or 2.

    A command that is ended by a signal says so in a line, and its status is 128 more than the
    signal's number: 130 for Ctrl-C. One whose output nobody reads any more ends with status 0.
    """
    streams.prepare()
    if arguments is None:
        signals.handle(signals.at_once)
        raise SystemExit(_status(sys.argv[1:]))
    with signals.handled():  # of the program that calls
        raise SystemExit(_status(list(arguments)))


def _status(words: list[str]) -> int:
    """Runs a command to its end; what its exit status is."""
    end = words.index("--") if "--" in words else len(words)  # what follows is no option
    debug = "--debug" in words[:end]
    try:
        try:
            # It imports much, and is interrupted without a word of where.
            from ostinato.cli.commands import run

            status = run([word for word in words[:end] if word != "--debug"] + words[end:])
        finally:
            signals.handle(signals.at_once)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        streams.close_output()
        return 0
    except KeyboardInterrupt as error:
        if debug:
            raise
        status = error.status if isinstance(error, signals.Ended) else 130
        _say(str(error) or "interrupted")
    except Exception as error:
        if debug:
            raise
        status = 1
        if isinstance(error, OstinatoError):
            status = getattr(error, "status", 1)
            _say(str(error))
        elif _out_of_memory(error):
            _say("not enough memory")
        elif isinstance(error, OSError):
            _say(f"{error.filename or 'output'}: {error.strerror}")
        else:
            _say(f"unexpected {type(error).__name__}: {error}; use --debug to see the traceback")
    _end_output()
    return status


def _out_of_memory(error: Exception) -> bool:
    """Whether memory was asked for that there is not; PyTorch has no type of its own for it."""
    said = "can't allocate memory", "out of memory", "Storage size calculation overflowed"
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in said)
    )


def _end_output() -> None:
    """Writes what waits to be written to standard output, as far as that can be."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        streams.close_output()
    if encoding := streams.escaped():
        _say(
            f"standard output is encoded in {encoding}; other characters are "
            "written as escapes; set PYTHONIOENCODING=utf-8 to write them "
            "unchanged"
        )


def _say(message: str) -> None:
    print("ostinato:", visible(" ".join(message.split())), file=sys.stderr)
