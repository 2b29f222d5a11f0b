"""Turn sequences into others."""

from ostinato.tasks.transduce.model import TransduceModel

MODEL = TransduceModel
