"""The record of the task."""

from ostinato.tasks.base.task import Task
from ostinato.tasks.base.terms import Terms
from ostinato.tasks.transduce import commands
from ostinato.tasks.transduce.estimator import Transducer
from ostinato.tasks.transduce.held_out import TransduceHeldOut

TASK = Task(
    name="transduce",
    estimator=Transducer,
    held_out=TransduceHeldOut,
    terms=Terms(
        words="wrong symbols",
        digits=None,
        things="symbols",
        data="pairs",
        examples="texts",
        step="symbol",
        baseline="unchanged",
        flow="Means over the longest texts, in the top layer of the encoder; the loss is that of "
        "whole outputs. Attention has a short way back to every step.",
        validation="validation_loss",
        loss="Loss, nats for each symbol",
        reached="error_rate",
        title="Wrong symbols of greedy outputs, on validation texts",
    ),
    training=commands.training,
    comparison=commands.comparison,
    evaluation=commands.evaluation,
    prediction=commands.prediction,
    next="ostinato predict {run} FILE",
)
