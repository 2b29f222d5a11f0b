"""The prose of Python's own language reference: a text that needs no package at all."""

from __future__ import annotations

from ostinato.errors import DataError

LICENCE = "PSF-2.0"
SHA256 = None  # the text belongs to the Python that runs, and differs between versions


def read() -> str:
    """The help topics of `pydoc`, in alphabetical order: about 465 000 characters in 3.11.

    Raises:
        DataError: when this Python was installed without its help topics.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise DataError(
            "this Python has no pydoc_data.topics; install the full standard library"
        ) from None
    return "\n\n".join(topics[name].strip() for name in sorted(topics)) + "\n"
