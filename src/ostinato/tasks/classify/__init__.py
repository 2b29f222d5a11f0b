"""Classify texts, and series of numbers."""

from ostinato.tasks.classify.model import ClassifyModel

MODEL = ClassifyModel
