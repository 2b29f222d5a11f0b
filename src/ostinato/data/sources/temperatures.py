"""Weather in Seattle from 2012 to 2015, day by day: a light first forecast.

Measured at the airport; from the examples of Vega.
"""

from __future__ import annotations

import csv
import io

from ostinato.data.sources import _package
from ostinato.data.tables.table import Table

LICENCE = "BSD-3-Clause (the package); the measurements: NOAA, public domain"
SHA256 = "62f0609f787158128aa2bd102967173a4953122dd4f872bf1d502cae1037df0b"

_NAMES = {
    "date": "date",
    "temp_max": "maximum",
    "temp_min": "minimum",
    "precipitation": "rain",
    "wind": "wind",
}


def read() -> Table:
    """A row for each of 1461 days, in order.

    Its columns are date, maximum and minimum (of the temperature, in degrees Celsius), rain (in
    millimetres) and wind (in metres per second).

    Raises:
        DataError: when the package is missing or its file is not the known one.
    """
    raw, *_ = _package.files(
        "vega_datasets", "_data/seattle-weather.csv", SHA256, "pip install vega-datasets==0.9.0"
    )
    rows = list(csv.DictReader(io.StringIO(raw.decode("ascii"))))
    table = {own: [row[theirs] for row in rows] for theirs, own in _NAMES.items()}
    return Table(table | {"date": [date.replace("/", "-") for date in table["date"]]})
