"""Dates written out in many languages, and the same dates as ISO 8601 writes them.

The writing is that of CLDR, the Unicode locale data, through the package Babel. Days from 1900 to
2099, in the long form (7 March 2021) or the full one, which begins or ends with the day of the
week. No day of the test is in the training data, in whatever language.
"""

from __future__ import annotations

import random
from datetime import date

from ostinato.data.extra import extra
from ostinato.data.tables.pairs import Pairs

LICENCE = "BSD-3-Clause (Babel); Unicode-3.0 (CLDR)"
SHA256 = None  # the writing belongs to the Babel that is installed

LANGUAGES = (
    "ar", "bg", "ca", "cs", "da", "de", "el", "en_GB", "en_US", "es", "et", "fi", "fr", "he", "hi",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "nl", "pl", "pt", "ro", "ru", "sv", "sw", "th",
    "tr", "uk", "vi", "zh",
)  # fmt: skip
_TRAIN, _TEST = 700, 60  # dates of a language
_TEST_DAYS = 2_000


def read() -> dict[str, Pairs]:
    """Pairs by split, "train" and "test", languages mixed.

    Raises:
        DataError: when Babel is not installed.
    """
    written = extra("babel.dates", "pairs").format_date
    draw = random.Random(0)
    first, last = (date(year, 1, 1).toordinal() for year in (1900, 2100))
    days = [date.fromordinal(k) for k in range(first, last)]
    draw.shuffle(days)
    split = {"train": (days[_TEST_DAYS:], _TRAIN), "test": (days[:_TEST_DAYS], _TEST)}
    pairs = {}
    for name, (known, count) in split.items():
        rows = [
            (written(day, draw.choice(("long", "full")), locale=language), day.isoformat())
            for language in LANGUAGES
            for day in draw.sample(known, count)
        ]
        draw.shuffle(rows)
        pairs[name] = Pairs([row[0] for row in rows], [row[1] for row in rows])
    return pairs
