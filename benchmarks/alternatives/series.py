"""Series that go on: a CSV with the time in the first column and the target in the last one.

Beside the training file lie `until-K.csv` with all rows before each forecast.
"""

import csv
import warnings

import numpy as np

SEASONS = {"months": 12, "hours": 24}


def read(path):
    """The target of a file."""
    with open(path, encoding="utf-8", newline="") as file:
        return np.array([row[-1] for row in csv.reader(file)][1:], float)


def origins(train):
    """The files that end where a forecast begins, by the row of the test file."""
    found = train.parent.glob("until-*.csv")
    return sorted((int(path.stem.removeprefix("until-")), path) for path in found)


def error(train, test, forecast):
    """Mean absolute error of `forecast(path, steps)`, each origin over the steps to the next."""
    true, places = read(test), origins(train)
    steps = places[1][0] if len(places) > 1 else len(true)
    errors = [np.abs(forecast(path, steps) - true[at : at + steps]) for at, path in places]
    return float(np.mean(errors))


def _season(path):
    with open(path, encoding="utf-8") as file:
        return SEASONS["hours" if ":" in file.readlines()[1] else "months"]


def last(train, test, measure):
    """The last value."""
    return error(train, test, lambda path, steps: np.full(steps, read(path)[-1]))


def seasonal(train, test, measure):
    """Seasonal naive."""

    def forecast(path, steps):
        season = _season(path)
        return np.resize(read(path)[-season:], steps)

    return error(train, test, forecast)


def smoothing(train, test, measure):
    """Exponential smoothing (ETS), its form chosen by AIC."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    def forecast(path, steps):
        known, season = read(path)[-1000:], _season(path)
        forms = ["add", "mul"] if known.min() > 0 else ["add"]
        fits = []
        for kind in forms:
            for damped in (False, True):
                model = ETSModel(known, kind, "add", damped, kind, seasonal_periods=season)
                fits.append(model.fit(disp=False))
        return min(fits, key=lambda fit: fit.aic).forecast(steps)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of optimisers that stop early
        return error(train, test, forecast)
