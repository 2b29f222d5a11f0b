"""The record of the task."""

from ostinato.tasks.base.task import Task
from ostinato.tasks.base.terms import Terms
from ostinato.tasks.classify import commands
from ostinato.tasks.classify.settings import ClassifySettings

TASK = Task(
    settings=ClassifySettings,
    model_at="ostinato.tasks.classify.model:ClassifyModel",
    held_out_at="ostinato.tasks.classify.held_out:ClassifyHeldOut",
    terms=Terms(
        words="accuracy",
        digits=None,
        things="texts",
        data="texts",
        examples="texts",
        step="word",
        baseline="words and pairs, tf-idf",
        flow="",
        validation="validation_loss",
        loss="Loss, nats per {thing}",
        reached="accuracy",
        title="Accuracy on validation {things}",
    ),
    commands=commands,
    frameworks=True,
)
