"""The record of the task."""

from ostinato.tasks.base.task import Task
from ostinato.tasks.base.terms import Terms
from ostinato.tasks.generate import commands
from ostinato.tasks.generate.settings import GenerateSettings

TASK = Task(
    settings=GenerateSettings,
    model_at="ostinato.tasks.generate.model:GenerateModel",
    held_out_at="ostinato.tasks.generate.held_out:GenerateHeldOut",
    terms=Terms(
        words="nats per token",
        digits=3,
        things="symbols",
        data="characters",
        examples="blocks of the text",
        step="symbol",
        baseline="interpolated Kneser–Ney",
        flow="Means over pieces of the text; the loss is that of the token after the last step.",
        validation="nats",
        loss="Loss, nats per token",
        reached="bits",
        title="Bits per token on the validation text",
    ),
    commands=commands,
    next="ostinato generate {run}",
    generates=True,
)
