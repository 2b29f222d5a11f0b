"""Generate text."""

from ostinato.tasks.generate.model import GenerateModel

MODEL = GenerateModel
