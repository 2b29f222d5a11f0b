"""TensorBoard events: each epoch's record, for whoever watches runs there."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ostinato.errors import ConfigError
from ostinato.train.run import Run


class Events:
    """Writes records to `tensorboard/` in a run's folder.

    Args:
        run: the run.
        epochs: the epochs that are done; what was written of later ones does not count.

    Raises:
        ConfigError: when neither `tensorboard` nor `tensorboardX` is installed.
    """

    def __init__(self, run: Run, epochs: int) -> None:
        for module in ("torch.utils.tensorboard", "tensorboardX"):
            try:
                writer: Any = import_module(module).SummaryWriter
                break
            except ImportError:
                continue
        else:
            raise ConfigError(
                "train.tensorboard: neither tensorboard nor tensorboardX is installed; "
                "pip install tensorboard"
            )
        folder = str(run.subfolder("tensorboard"))
        self._writer = writer(folder, purge_step=epochs + 1, filename_suffix=f".{epochs}")

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes the numbers of an epoch's record, each under its name."""
        for name, value in record.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, record["epoch"])
        self._writer.flush()

    def close(self) -> None:
        """Writes all that is left."""
        self._writer.close()
