"""TensorBoard events: each epoch's record, for whoever watches runs there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol

from torch import nn

from ostinato.errors import ConfigError
from ostinato.train.hooks import Hook
from ostinato.train.meter import Progress, Record
from ostinato.train.run import Run


class _Writer(Protocol):
    """What both packages call a `SummaryWriter`, as far as it is used here."""

    def add_scalar(self, tag: str, value: float, step: int) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Events(Hook):
    """Writes records to `tensorboard/` in a run's folder.

    Args:
        run: the run.

    Raises:
        ConfigError: when neither `tensorboard` nor `tensorboardX` is installed.
    """

    def __init__(self, run: Run) -> None:
        self._run, self._new = run, _writer()

    def on_begin(self, model: nn.Module, history: Sequence[Record]) -> None:
        """Opens a file; what was written of epochs after those in `history` does not count."""
        folder, epochs = str(self._run.subfolder("tensorboard")), len(history)
        self._writer = self._new(folder, purge_step=epochs + 1, filename_suffix=f".{epochs}")

    def on_epoch(self, progress: Progress) -> None:
        """Writes the numbers of an epoch's record, each under its name."""
        for name, value in (progress.metrics or {}).items():
            if name != "epoch":
                self._writer.add_scalar(name, value, progress.epoch)
        self._writer.flush()

    def on_end(self) -> None:
        """Writes all that is left."""
        self._writer.close()


def _writer() -> Callable[..., _Writer]:
    for module in ("torch.utils.tensorboard", "tensorboardX"):
        try:
            writer: Callable[..., _Writer] = import_module(module).SummaryWriter
        except ImportError:
            continue
        return writer
    raise ConfigError(
        "train.tensorboard: neither tensorboard nor tensorboardX is installed; "
        "pip install tensorboard"
    )
