"""Tagged sentences: of a file, or of a packaged source of texts."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Collection, Iterable, Iterator

from ostinato.data.files.bad import Bad, Skipped, good
from ostinato.data.files.file import File, NumberedLine, title
from ostinato.data.files.format import (
    Format,
    by_content,
    by_name,
    formats,
    named,
    without_packing,
)
from ostinato.data.readers.named import are_examples, packaged
from ostinato.data.sentences import formats as sentence_formats
from ostinato.data.sentences.formats import text
from ostinato.data.sentences.sentence import Sentence, TagColumns
from ostinato.data.sentences.tagged import TaggedFile
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.table import Table
from ostinato.errors import DataError

_TABLES = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")


def read_tagged(
    where: str,
    word: str = "",
    tag: str = "",
    *,
    format: str | None = None,
    skip_bad_rows: Skipped | None = None,
    trained: int | None = None,
    usual: str | None = None,
    known: Collection[str] = (),
    encoding: str | None = None,
) -> TaggedFile:
    """Tagged sentences, in file order.

    Args:
        where: a file, `-` for standard input, or a packaged source of texts.
        word: the column of the words, see the format; "" is its usual one.
        tag: the column of the tags.
        format: `conll`, `conllu`, `text` or `lines`, where the file does not say it.
        skip_bad_rows: leaves out bad sentences and counts them; None refuses the first.
        trained: how many columns the training file had, when it is not this one; then tags may
            be missing.
        usual: the format of the training file, when it is not this one: that of a file of
            unknown format. `word` and `tag` are columns of this format; another has its usual
            ones.
        known: the tags of the training file, by which tags are known in a file that may have none.
        encoding: that of the file, where it is not UTF-8.

    Raises:
        DataError: when there is nothing of that name, something is wrong in it, or it holds no
            sentence.
    """
    content = packaged(where)
    if content is not None:
        if format not in (None, "text"):
            raise DataError(f"{where} contains texts, and nothing in the format {format}")
        if not isinstance(content, str) and not are_examples(content):
            what = (
                "is a table of series" if isinstance(content, Table) else "contains pairs of texts"
            )
            raise DataError(f"{where} {what}, but sentences are required")
        read = (piece for line in _lines(content) for piece in text.pieces(line))
        return _gathered(where, "text", read, skip_bad_rows)
    with File(where, encoding) as file:
        wanted = TagColumns(word, tag, trained, known)
        name = _format(where, file, wanted, format, usual)
        if usual not in (None, name):
            wanted = TagColumns(trained=trained)
        mark = "\ufeff" if file.head.startswith(codecs.BOM_UTF8) else ""
        kind: Format[TagColumns, Sentence] = named(sentence_formats, name)
        return _gathered(title(where), name, kind.read(file, wanted), skip_bad_rows, mark)


def _gathered(
    title: str,
    format: str,
    read: Iterable[Sentence],
    skipped: Skipped | None,
    mark: str = "",
) -> TaggedFile:
    """All pieces, each word and tag that comes often held once."""
    pieces: list[Sentence] = []

    def sentences() -> Iterator[Sentence | Bad]:
        for piece in read:
            piece.words = [*map(sys.intern, piece.words)]
            piece.tags = [*map(sys.intern, piece.tags)]
            pieces.append(piece)
            if piece.fault:
                yield Bad(piece.place, piece.fault)
            elif piece.words:
                yield piece

    for _ in good(sentences(), title, skipped):
        pass
    return TaggedFile(title, format, pieces, mark)


def _lines(source: dict[str, Examples] | str) -> Iterator[NumberedLine]:
    """The lines of a packaged source, numbered."""
    texts = [source] if isinstance(source, str) else (f"{t}\n" for t in source["train"].texts)
    lines = (line for text in texts for line in io.StringIO(text))
    return (NumberedLine(number, line) for number, line in enumerate(lines, start=1))


def _format(
    where: str, file: File, wanted: TagColumns, given: str | None, usual: str | None
) -> str:
    """The format that is given, or detected from the name, or else from the first bytes; or
    the default."""
    if given:
        return given
    known: dict[str, Format[TagColumns, Sentence]] = formats(sentence_formats)
    name = by_name(where, known, but=("text",))  # a .txt may be in columns too
    if name == "conll" and usual != name and known["conllu"].sniff(file.head, wanted):
        return "conllu"  # trees in a file of that name
    if name:
        return name
    table = without_packing(where).endswith(_TABLES)
    names = set(known)
    if usual == "text":  # the lines of a verse may have as many words as each other too
        names &= {"conllu", "text"}
    if table:  # its rows are no sentences
        names &= {"conll", "conllu"}
    known = {name: format for name, format in known.items() if name in names}
    if name := by_content(file.head, wanted, known):
        return name
    if table:
        raise DataError(
            f"{file.title}: a table, but a tagger reads sentences in columns: each word on a line "
            "with its tag behind it, a blank line between sentences (CoNLL); if it is so, use "
            "--format conll"
        )
    return usual or ("text" if without_packing(where).endswith(text.SUFFIXES) else "conll")
