"""How pages speak of a task: of its metric, of what it is judged by, of its steps."""

from __future__ import annotations

from typing import NamedTuple


class Terms(NamedTuple):
    """The words of a task.

    Attributes:
        words: how the metric, `HeldOut.metric`, is called.
        digits: of the metric after the point; None for a part of a whole, given in percent.
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

    @property
    def thing(self) -> str:
        """One of the things."""
        return self.things if self.things == "series" else self.things.removesuffix("s")

    def of_series(self) -> Terms:
        """The words of a task of texts, where it reads series of numbers instead."""
        if self.things != "texts":
            return self
        return self._replace(things="series", data="series", examples="series", step="step")
