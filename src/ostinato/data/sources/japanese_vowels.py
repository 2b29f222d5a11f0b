"""Nine men say two Japanese vowels: 640 recordings, by speaker.

Kudo, Toyama & Shimbo 1999, "Multidimensional curve classification using passing-through regions".
Twelve coefficients of linear prediction a step, 7 to 29 steps.
"""

from __future__ import annotations

from ostinato.data.series.ts import parsed
from ostinato.data.sources import _package
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.labels import LabelColumn

LICENCE = "CC BY 4.0 (UCI Machine Learning Repository); the package: BSD-3-Clause"
SHA256 = "ac9dfa17b3a52e90fe56a17f7f44659afea1e078f3755484bb0236e8a00aca5a"


def read() -> dict[str, Examples]:
    """The recordings (T, 12) and the number of the speaker: 270 in "train", 370 in "test".

    Raises:
        DataError: when the package is missing or its files are not the known ones.
    """
    # The package's own requirements do not go with the newest pandas, and only its data are read.
    test, train = _package.files(
        "sktime",
        "datasets/data/JapaneseVowels/*.ts",
        SHA256,
        "pip install --no-deps sktime==1.2.0",
    )
    label = LabelColumn("label")
    return {"train": parsed(train, "train", label), "test": parsed(test, "test", label)}
