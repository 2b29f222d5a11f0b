"""Stop strings: where one appears in a text that is being written, the text ends before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ostinato.errors import ConfigError


def until(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """The pieces of a text up to the first stop string, which may lie across several of them.

    Nothing of a stop string is given out: what may be the beginning of one is held back until
    it is clear. Where several are complete with the same piece, the one that begins first counts.

    >>> list(until(["KI", "NG", ". To\\n", "\\nbe"], ["\\n\\n"]))
    ['KI', 'NG', '. To', '']

    Args:
        pieces: the text, piece by piece; no more are taken than needed.
        stops: the stop strings; without any all pieces are given as they are.

    Yields:
        For each piece what is safe to show, which may be empty; at the end, without a stop
        string, what was held back.

    Raises:
        ConfigError: at the first piece, for an empty stop string.
    """
    check_stops(stops)
    held = ""
    for piece in pieces:
        held += piece
        found = [at for at in (held.find(stop) for stop in stops) if at >= 0]
        if found:
            yield held[: min(found)]
            return
        safe = len(held) - _longest_beginning(held, stops)
        yield held[:safe]
        held = held[safe:]
    if held:
        yield held


def check_stops(stops: Sequence[str]) -> None:
    """Refuses an empty stop string, which would end every text before it begins.

    Raises:
        ConfigError: when there is one.
    """
    if "" in stops:
        raise ConfigError("a stop string must not be empty")


def _longest_beginning(text: str, stops: Sequence[str]) -> int:
    """The length of the longest end of a text that is the beginning of a stop string."""
    longest = max(map(len, stops), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-length:]) for stop in stops):
            return length
    return 0
