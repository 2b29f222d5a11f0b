"""The record of the task."""

from ostinato.tasks.base.task import Task
from ostinato.tasks.base.terms import Terms
from ostinato.tasks.regress import commands
from ostinato.tasks.regress.settings import RegressSettings

TASK = Task(
    settings=RegressSettings,
    model_at="ostinato.tasks.regress.model:RegressModel",
    held_out_at="ostinato.tasks.regress.held_out:RegressHeldOut",
    terms=Terms(
        words="root mean squared error",
        digits=4,
        things="examples",
        data="examples",
        examples="examples",
        step="step",
        baseline="ridge regression",
        flow="",
        validation="validation_loss",
        loss="Loss for each {thing}, targets standardised",
        reached="rmse",
        title="Root mean squared error on validation {things}",
    ),
    commands=commands,
)
