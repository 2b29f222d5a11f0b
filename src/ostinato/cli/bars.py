"""Progress on the terminal: a bar for a training, or one for each of several jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from ostinato.cli import streams
from ostinato.cli.screen import aside
from ostinato.tasks.base.summary import duration, progress_in_words
from ostinato.train import Progress
from ostinato.visible import visible

if TYPE_CHECKING:
    from ostinato.experiment.parallel import Watch


class Bars:
    """A bar for each job; when one is done, a line says what came of it."""

    @contextmanager
    def watching(self, titles: Iterable[str]) -> Iterator[Watch]:
        """See `experiment.parallel.Display`."""
        with _bars(20) as bars:
            jobs = {
                title: bars.add_task(visible(title), total=1.0, facts="", visible=False)
                for title in titles
            }

            def watch(title: str, done: float, words: str) -> None:
                bars.update(jobs[title], completed=done, facts=words, visible=True)
                if done >= 1:
                    aside.print(visible(f"{title}  {words}"), soft_wrap=True)

            yield watch

    def prepare(self) -> None:
        """See `experiment.parallel.Display`."""
        streams.prepare()


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Progress], None]]:
    """A bar with loss, tokens/s and time left; where no terminal is, a line for each epoch."""
    with _bars(24, transient=True) as bar:
        title = visible(title)
        task = bar.add_task(title, total=1.0, facts="")

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.done, facts=progress_in_words(progress))
            if progress.metrics:
                aside.print(f"{title}  {_epoch(progress.metrics)}", soft_wrap=True)

        yield show


def _bars(width: int, transient: bool = False) -> Bar:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=width),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    return Bar(*columns, console=aside, transient=transient, disable=not aside.is_terminal)


def _epoch(record: Mapping[str, float]) -> str:
    """An epoch's record in words."""
    parts = [f"epoch {record['epoch']}", f"loss {record['loss']:.3f}"]
    shown = {
        "micro_f1": "validation micro F1 {:.4f}",
        "accuracy": "validation accuracy {:.4f}",
        "f1": "validation F1 {:.4f}",
        "nats": "validation {:.3f} nats/token",
        "error_rate": "validation token error rate {:.2%}",
        "rmse": "validation RMSE {:.4g}",
        "mse": "validation MSE {:.4f}",
    }
    if not shown.keys() & record.keys():
        shown = {"validation_loss": "validation loss {:.4f}"}
    elif record.get("f1") == record.get("accuracy"):
        del shown["f1"]
    parts += [text.format(record[name]) for name, text in shown.items() if name in record]
    parts.append(f"{record['tokens_per_second']:,.0f} tokens/s")
    parts.append(duration(record["seconds"]))
    return "  ".join(parts)
