"""The device that a model is on, by its name."""

from __future__ import annotations

import torch

from ostinato.errors import ConfigError, quoted


def resolve(name: str | None = None) -> torch.device:
    """The device of a name; None and `auto` are CUDA where there is one, and else the CPU.

    Args:
        name: `auto`, or what `torch.device` takes: `cpu`, `cuda`, `cuda:1`, ….

    Raises:
        ConfigError: for a name that PyTorch does not know, or a device that is not there.
    """
    if name in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(str(name))
        torch.empty(0, device=device)
        if device.type == "meta":
            raise NotImplementedError("it holds no numbers")
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ConfigError(
            f"device {quoted(name)} cannot be used here; take cpu, cuda or auto"
        ) from None
    return device
