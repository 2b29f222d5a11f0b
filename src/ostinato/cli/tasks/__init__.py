"""One file for each task: its `fit`, `evaluate`, `predict` and `compare`.

The command of that name finds the task's function by the name of the file: `fit TASK` and
`compare TASK` are told the task, the others read it from the run.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from cyclopts import App

from ostinato import registry
from ostinato.errors import ConfigError, RunError
from ostinato.train import Run


def of_run(verb: str, run: str, rest: Sequence[str]) -> None:
    """Runs the function `verb` of the run's task; it has options of its own.

    Args:
        verb: `evaluate` or `predict`.
        run: the run's folder.
        rest: what follows it on the command line.

    Raises:
        RunError: when there is no run, or its task has no such verb.
        ConfigError: for an option in place of the run.
    """
    if run.startswith("-"):
        raise ConfigError(f"{run}: the folder of a run comes first, options after it")
    package = importlib.import_module(__name__)
    task = str(Run.open(run).config().get("task"))
    if task not in registry.names(package):
        known = ", ".join(registry.names(package))
        raise RunError(f"{run}: a run of an unknown task, {task!r}; known are {known}")
    function = getattr(registry.find(package, "task", task), verb, None)
    if function is None:
        raise RunError(f"{run}: a run of task {task!r}, which has no `ostinato {verb}`")
    app = App(name=f"ostinato {verb}", version_flags=[])
    app.default(function)
    call, bound, _ = app.parse_args([run, *rest], exit_on_error=False, print_error=False)
    call(*bound.args, **bound.kwargs)
