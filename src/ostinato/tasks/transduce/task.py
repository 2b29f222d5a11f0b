"""The record of the task."""

from ostinato.tasks.base.task import Task
from ostinato.tasks.base.terms import Terms
from ostinato.tasks.transduce import commands
from ostinato.tasks.transduce.settings import TransduceSettings

TASK = Task(
    settings=TransduceSettings,
    model_at="ostinato.tasks.transduce.model:TransduceModel",
    held_out_at="ostinato.tasks.transduce.held_out:TransduceHeldOut",
    terms=Terms(
        words="token error rate",
        digits=None,
        things="symbols",
        data="pairs",
        examples="texts",
        step="symbol",
        baseline="unchanged",
        flow="Means over the longest texts, in the top layer of the encoder; the "
        "loss is that of whole outputs. With attention the gradient has a "
        "short path to every step.",
        validation="validation_loss",
        loss="Loss, nats per token",
        reached="error_rate",
        title="Token error rate of greedy outputs, on validation texts",
    ),
    commands=commands,
    next="ostinato predict {run} FILE",
)
