"""Temperatures of 2010, hour by hour, in Seattle and San Francisco: a light first forecast.

Normal temperatures of the weather stations, in degrees Fahrenheit, from the examples of Vega.
"""

from __future__ import annotations

import csv
import io

from ostinato.data.sources import _package
from ostinato.data.table import Table

LICENCE = "BSD-3-Clause (the package); the measurements: NOAA, public domain"
SHA256 = "863cd1bf024ca8b79edbb9f85f76186c91b05f72807ba67186c908534c701aa5"

_CITIES = ("Seattle", "San Francisco")


def read() -> Table:
    """The columns city, time and temperature: Seattle first, then San Francisco.

    Raises:
        DataError: when the package is missing or its files are not the known ones.
    """
    raw = _package.files(
        "vega_datasets", "_data/s*-temps.csv", SHA256, "pip install vega-datasets==0.9.0"
    )
    columns: dict[str, list[str]] = {"city": [], "time": [], "temperature": []}
    for city, content in zip(_CITIES, raw, strict=True):  # seattle-temps.csv, sf-temps.csv
        for row in csv.DictReader(io.StringIO(content.decode("ascii"))):
            columns["city"].append(city)
            columns["time"].append(row["date"].replace("/", "-"))
            columns["temperature"].append(row["temp"])
    return Table(columns)
