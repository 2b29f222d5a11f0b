"""The record of the task."""

from ostinato.tasks.base.task import Task
from ostinato.tasks.base.terms import Terms
from ostinato.tasks.regress import commands
from ostinato.tasks.regress.estimator import Regressor
from ostinato.tasks.regress.held_out import RegressHeldOut

TASK = Task(
    name="regress",
    estimator=Regressor,
    held_out=RegressHeldOut,
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
    training=commands.training,
    comparison=commands.comparison,
    evaluation=commands.evaluation,
    prediction=commands.prediction,
)
