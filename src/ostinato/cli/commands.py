"""The commands, and what is said when one is not used as it should be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from cyclopts import App, CycloptsError, UnknownCommandError
from pydantic import ValidationError

import ostinato
from ostinato import signals
from ostinato.errors import OstinatoError, UnknownName, quoted

SUMMARIES = {
    "demo": "Train RNN, LSTM and GRU on film reviews, generate text, and compare "
    "them in one report.",
    "fit": "Train a model and save it in a run folder.",
    "compare": "Compare cells: train each with several seeds and test the differences.",
    "report": "Compare trained runs in one report: tables, curves, gradients, errors, diagrams.",
    "evaluate": "Measure a trained model on data it has not seen.",
    "predict": "Predict with a trained model on new data.",
    "data": "List the packaged sources, or show any input as it will be read.",
    "runs": "List runs: task, cell, data, measure, when.",
    "generate": "Generate text with a trained model.",
    "show": "Show the code of a cell at a level, exactly as it runs.",
    "verify": "Prove that a cell computes the same at every level.",
    "cache": "List or clear the cache of compiled cells.",
    "recall": "Measure the long-term memory of cells: the adding problem, the copy task.",
    "bench": "Measure the speed compared with other installed libraries.",
}


FILES = {"runs": "listing"}
"""Commands that are in a file of another name."""
MEANT = {
    "train": "fit", "learn": "fit", "test": "evaluate", "eval": "evaluate", "score": "evaluate",
    "infer": "predict", "classify": "fit classify", "tag": "fit tag", "forecast": "fit forecast",
    "regress": "fit regress", "transduce": "fit transduce", "translate": "fit transduce",
    "sample": "generate", "list": "runs", "ls": "runs", "sources": "data", "datasets": "data",
    "benchmark": "bench", "plot": "report",
}  # fmt: skip
"""What other programs call a command."""


def commands(asked: str = "") -> App:
    """The command line; only the requested command describes itself.

    For the others a summary will do, so that their files are not imported.
    """
    app = App(
        name="ostinato",
        version=ostinato.__version__,
        help="Recurrent sequence models: learn, build, train and understand "
        "them.\n\nAdd --debug to any command to see the traceback of an "
        "error. To protect memory, rows of more than 16,777,216 characters "
        "and compressed files that unpack to more than 100 times their size "
        "are errors; --max-row N and --max-expansion N raise these limits. "
        "To use one of these three options as the value of another option, "
        "write it with =, as in --prompt=--debug.",
        version_flags=["--version"],
    )
    for name, summary in SUMMARIES.items():
        own = None if name == asked else summary
        app.command(f"ostinato.cli.{FILES.get(name, name)}:{name}", name=name, help=own)
    app.register_install_completion_command(
        help="Install completion of commands and options for the shell: bash, zsh or fish."
    )
    return app


class UsageError(OstinatoError):
    """Arguments that a command does not take."""

    status = 2


def run(words: Sequence[str]) -> int:
    """Runs the command that the words name, and gives its exit status.

    Raises:
        UsageError: for words that name none, or that it does not take.
        OstinatoError: what the command raises.
        signals.Ended: when a signal ends it.
    """
    words = list(words)
    try:
        with _limits(words):
            call, bound, _ = commands(*words[:1]).parse_args(
                words, exit_on_error=False, print_error=False
            )
            signals.handle(signals.in_order)
            call(*bound.args, **bound.kwargs)
    except CycloptsError as error:
        raise UsageError(_one_line(error)) from error
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # Rich's way to say so
            raise end.__context__ from None
        return end.code if isinstance(end.code, int) else bool(end.code)
    return 0


def _limits(words: list[str]) -> AbstractContextManager[None]:
    """The limits of what is read, as options of all commands say, which are taken out of them."""
    row, expansion = _taken(words, "--max-row"), _taken(words, "--max-expansion")
    if row is None and expansion is None:
        return nullcontext()
    from ostinato.data import limited  # which imports NumPy

    return limited(row, expansion)


def _taken(words: list[str], option: str) -> int | None:
    """The whole number that an option of all commands is given, taken out of the words.

    Raises:
        UsageError: when it is none.
    """
    for at, word in enumerate(words):
        if word == "--":  # what follows is no option
            break
        name, equals, given = word.partition("=")
        if name == option:
            given = given if equals else "".join(words[at + 1 : at + 2])
            del words[at : at + (1 if equals else 2)]
            if not re.fullmatch("[1-9][0-9]{,14}", given):
                raise UsageError(f"{option} {quoted(given)}: give an integer of at least 1")
            return int(given)
    return None


def _one_line(error: CycloptsError) -> str:
    """What is wrong with the arguments, and where to read how they go."""
    cause = error.__cause__
    if isinstance(error, UnknownCommandError) and error.app and error.unused_tokens:
        text = _no_command(error.unused_tokens[0], error.app)
    elif isinstance(cause, ValidationError):
        from ostinato.train import first_fault  # which imports PyTorch

        path, given, why = first_fault(cause)
        text = f"--{path.replace('_', '-')} {given}: {why}"
    else:
        text = " ".join(str(error).split())
    return f"{text} See --help" if text.endswith("?") else f"{text.rstrip('.')}; see --help"


def _no_command(word: str, app: App) -> str:
    """That there is no such command, and what is near: a command, or an option of some."""
    names = [name for name in app if not name.startswith("-")]
    option = f"--{word.strip('-')}".replace("_", "-")
    near = [name for name in app if name.startswith("--")] if word.startswith("-") else names
    if word in MEANT and app.name[0] == "ostinato":
        return f"unknown command {quoted(word)}; did you mean {quoted(MEANT[word])}?"
    said = str(UnknownName("command", word, [option] if option in list(app) else near))
    owners = [] if "did you mean" in said else [n for n in names if _has_option(app[n], option)]
    if not owners:
        return said
    return f"unknown command {quoted(word)}; {option} is an option of {', '.join(owners)}"


def _has_option(app: App, option: str) -> bool:
    """Whether a command, or one below it, has an option."""
    own = app.assemble_argument_collection() if app.default_command else []
    below = [name for name in app if not name.startswith("-")]
    return (
        option in list(app)
        or any(option in argument.names for argument in own)
        or any(_has_option(app[name], option) for name in below)
    )
