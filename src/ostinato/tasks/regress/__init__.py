"""Predict a number from a text, or from a series of numbers."""

from ostinato.tasks.regress.model import RegressModel

MODEL = RegressModel
