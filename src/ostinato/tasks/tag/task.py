"""The record of the task."""

from ostinato.tasks.base.task import Task
from ostinato.tasks.base.terms import Terms
from ostinato.tasks.tag import commands
from ostinato.tasks.tag.settings import TagSettings

TASK = Task(
    settings=TagSettings,
    model_at="ostinato.tasks.tag.model:TagModel",
    held_out_at="ostinato.tasks.tag.held_out:TagHeldOut",
    terms=Terms(
        words="F1",
        digits=None,
        things="words",
        data="sentences",
        examples="sentences",
        step="word",
        baseline="of each word",
        flow="Means over the longest sentences; the loss is that of the last word’s tag.",
        validation="validation_loss",
        loss="Loss, nats per word",
        reached="f1",
        title="F1 on validation words",
    ),
    commands=commands,
)
