"""How pages speak of each task: of its metric, of what it is judged by, of its steps."""

from __future__ import annotations

from typing import NamedTuple


class Terms(NamedTuple):
    """The words of a task.

    Attributes:
        metric: what runs are judged by, as `Exam.metric` names it.
        words: how the metric is called.
        digits: of the metric after the point; None for a part of a whole, told in percent.
        things: what a network answers about, one by one.
        data: what the amount of data is counted in.
        examples: what differences are tested over.
        step: of a sequence.
        baseline: what the baseline is, in few words.
        flow: what gradients were measured over, and of which loss; "" where it is for the page to
            say.
        validation: the field of a history that is the loss on validation data.
        loss: the title of its curves; `{thing}` stands for one of the things.
        reached: the field of a history that is drawn beside the loss.
        title: the title of those curves; `{things}` stands for the things.
    """

    metric: str
    words: str
    digits: int | None
    things: str
    data: str
    examples: str
    step: str
    baseline: str
    flow: str
    validation: str
    loss: str
    reached: str
    title: str


TERMS = {
    "classify": Terms(
        metric="accuracy",
        words="accuracy",
        digits=None,
        things="texts",
        data="texts",
        examples="texts",
        step="word",
        baseline="words and pairs, tf-idf",
        flow="",
        validation="validation_loss",
        loss="Loss, nats for each {thing}",
        reached="accuracy",
        title="Accuracy on validation {things}",
    ),
    "forecast": Terms(
        metric="mse",
        words="mean squared error",
        digits=4,
        things="windows",
        data="steps",
        examples="blocks of windows",
        step="segment",
        baseline="as one season ago",
        flow="Means over windows; a step is a segment of the look-back, and the loss is the error "
        "of the whole horizon.",
        validation="validation_loss",
        loss="Loss for each value foretold",
        reached="mse",
        title="Mean squared error on validation windows",
    ),
    "generate": Terms(
        metric="nats",
        words="nats for each symbol",
        digits=3,
        things="symbols",
        data="characters",
        examples="blocks of the text",
        step="symbol",
        baseline="interpolated Kneser–Ney",
        flow="Means over pieces of the text; the loss is that of the symbol after the last step.",
        validation="nats",
        loss="Loss, nats for each symbol",
        reached="bits",
        title="Bits for each symbol of validation text",
    ),
    "tag": Terms(
        metric="f1",
        words="F1",
        digits=None,
        things="words",
        data="sentences",
        examples="sentences",
        step="word",
        baseline="of each word",
        flow="Means over the longest sentences; the loss is that of the last word’s tag.",
        validation="validation_loss",
        loss="Loss, nats for each word",
        reached="f1",
        title="F1 on validation words",
    ),
    "transduce": Terms(
        metric="error_rate",
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
}
_OF_METRIC = {terms.metric: terms for terms in TERMS.values()}


def of_metric(metric: str) -> Terms:
    """The words of the task that is judged by a metric."""
    return _OF_METRIC[metric]
