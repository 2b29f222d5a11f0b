"""How much each class counts in the training loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato.errors import ConfigError, first_few, quoted


def class_weights(
    chosen: Literal["balanced"] | Mapping[str, float] | None,
    names: Sequence[str],
    truth: NDArray[np.bool_],
    multi_label: bool,
) -> Tensor | None:
    """The weight of each class (K,); None where all count alike.

    `balanced` is N / (K · N_k), as scikit-learn has it: every class counts as much as any other.
    For multi-label texts it is (N - N_k) / N_k: the texts that have a label count as
    much as those that do not.

    Args:
        chosen: `balanced`, or weights by name; a class that is not named has 1.
        names: the classes.
        truth: (N, K), whether the text has the label.
        multi_label: whether texts are multi-label.

    Raises:
        ConfigError: for the name of no class.
    """
    if chosen is None:
        return None
    if chosen == "balanced":
        texts = truth.sum(0)
        if multi_label:
            weights = (len(truth) - texts).clip(1) / texts.clip(1)
        else:
            weights = len(truth) / (len(names) * texts)
        return torch.tensor(weights, dtype=torch.float32)
    for name in chosen:
        if name not in names:
            raise ConfigError(
                f"model.class_weight: there is no class {quoted(name)}; the "
                f"classes are {first_few(names)}"
            )
    return torch.tensor([chosen.get(name, 1.0) for name in names], dtype=torch.float32)
