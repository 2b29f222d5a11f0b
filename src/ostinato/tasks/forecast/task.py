"""The record of the task."""

from ostinato.tasks.base.task import Task
from ostinato.tasks.base.terms import Terms
from ostinato.tasks.forecast import commands
from ostinato.tasks.forecast.estimator import Forecaster
from ostinato.tasks.forecast.held_out import ForecastHeldOut

TASK = Task(
    name="forecast",
    estimator=Forecaster,
    held_out=ForecastHeldOut,
    terms=Terms(
        words="mean squared error",
        digits=4,
        things="windows",
        data="steps",
        examples="blocks of windows",
        step="segment",
        baseline="as one season ago",
        flow="Means over windows; a step is a segment of the look-back window, "
        "and the loss is the error of the whole horizon.",
        validation="validation_loss",
        loss="Loss for each value forecast",
        reached="mse",
        title="Mean squared error on validation windows",
    ),
    training=commands.training,
    comparison=commands.comparison,
    evaluation=commands.evaluation,
    prediction=commands.prediction,
    next="ostinato predict {run}",
)
