"""The record of the task."""

from ostinato.tasks.base.task import Task
from ostinato.tasks.base.terms import Terms
from ostinato.tasks.forecast import commands
from ostinato.tasks.forecast.settings import ForecastSettings

TASK = Task(
    settings=ForecastSettings,
    model_at="ostinato.tasks.forecast.model:ForecastModel",
    held_out_at="ostinato.tasks.forecast.held_out:ForecastHeldOut",
    terms=Terms(
        words="mean squared error",
        digits=4,
        things="windows",
        data="steps",
        examples="blocks of windows",
        step="segment",
        baseline="the best simple forecast",
        flow="Means over windows; a step is a segment of the look-back window, "
        "and the loss is the error of the whole horizon.",
        validation="validation_loss",
        loss="Loss for each value forecast",
        reached="mse",
        title="Mean squared error on validation windows",
    ),
    commands=commands,
    next="ostinato predict {run}",
)
