"""Any file whatever is read or refused in one line, by every reader, and at once."""

import gzip
import io
import json
import lzma
import random
import time
from collections.abc import Callable

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from damage import TOKENS, mutated
from ostinato.data import Skipped, read_labelled, read_text, read_texts
from ostinato.errors import OstinatoError

TEXTS = ["good", 'a "fine", long\nfilm', "très bon 😀", "x" * 300, "0.5", " bad "] * 3
LABELS = ["1", "pos", "neg", "0.5", "pos", "2.0"] * 3


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def valid() -> dict[str, bytes]:
    pairs = list(zip(TEXTS, LABELS, strict=True))
    table = pyarrow.table({"text": TEXTS, "label": LABELS})
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, row_group_size=5)
    csv = "text,label\n" + "".join(f"{quoted(x)},{quoted(y)}\n" for x, y in pairs)
    tsv = "text\tlabel\n" + "".join(f"{x.strip()}\t{y}\n" for x, y in pairs if "\n" not in x)
    lines = "".join(json.dumps({"text": x, "label": y}) + "\n" for x, y in pairs)
    return {
        "csv": csv.encode(),
        "tsv": tsv.encode(),
        "jsonl": lines.encode(),
        "json": json.dumps([{"text": x, "label": y} for x, y in pairs]).encode(),
        "parquet": file.getvalue(),
        "txt": "\n".join(TEXTS).encode(),
        "csv.gz": gzip.compress(csv.encode(), mtime=0),
        "jsonl.xz": lzma.compress(lines.encode()),
        "unknown": lines.encode(),
    }


VALID = valid()


def outcome(read: Callable, path: str, skipped: Skipped | None):
    try:
        return read(path, skip_bad_rows=skipped)
    except OstinatoError as error:
        return error


@pytest.fixture(scope="module")
def check(tmp_path_factory) -> Callable[[str, bytes], None]:
    folder = tmp_path_factory.mktemp("fuzz")

    def check(kind: str, raw: bytes) -> None:
        path = folder / f"fuzz.{kind}"
        path.write_bytes(raw)
        began = time.monotonic()
        for read in (read_labelled, read_texts, read_text):
            counts = []
            for skipped in (None, Skipped()):
                found = outcome(read, str(path), skipped)
                if isinstance(found, OstinatoError):
                    assert str(found).startswith(str(path))
                    assert "\n" not in str(found)
                    assert len(str(found)) - len(str(path)) < 300
                    continue
                texts = found["train"].texts if isinstance(found, dict) else found
                counts.append(len(texts))
                "".join(texts).encode()  # it is text
                assert read is read_text or all(text.strip() for text in texts)
                assert "\n" not in (skipped.summary() if skipped else "")
            assert len(set(counts)) < 2  # what is read without skipping is read with it
        assert time.monotonic() - began < 10
        assert list(folder.iterdir()) == [path]
        path.unlink()

    return check


@given(kind=st.sampled_from(sorted(VALID)), seed=st.integers(0, 2**32))
def test_a_file_that_was_right_once(check, kind, seed):
    check(kind, mutated(VALID[kind], random.Random(seed)))


@given(
    kind=st.sampled_from(sorted(VALID)),
    raw=st.binary() | st.lists(st.sampled_from([*TOKENS, b"text", b"label", b"a"])).map(b"".join),
)
def test_any_bytes(check, kind, raw):
    check(kind, raw)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(VALID))
def test_ten_thousand_files(check, kind):
    draw = random.Random(kind)
    for _ in range(10_000 // len(VALID)):
        check(kind, mutated(VALID[kind], draw))
