"""Forecast series."""

from ostinato.tasks.forecast.model import ForecastModel

MODEL = ForecastModel
