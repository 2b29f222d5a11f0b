"""`ostinato compare TASK DATA`: several cells with several seeds, judged by one exam."""

from __future__ import annotations

from cyclopts import App

from ostinato import registry
from ostinato.cli import tasks

compare = App(
    name="compare",
    help="Train several cells with several seeds, and say which differences are shown.\n\n"
    "Example: ostinato compare classify reviews.csv --cells rnn,lstm,gru --seeds 3",
)
for _task in registry.names(tasks):
    compare.command(registry.find(tasks, "task", _task).compare, name=_task)
