"""Architecture: the parts of a model, in the order in which data goes through them."""

from __future__ import annotations

from torch import nn

from ostinato.nn import Recurrent
from ostinato.tasks.base.model import AnyModel
from ostinato.tasks.base.network import AnyNetwork
from ostinato.tasks.base.parts import PartRecord, parameters_of


def counts(network: nn.Module) -> dict[str, int]:
    """How many parameters a network has, and how many of them recurrent layers, wherever they are.

    A weight that two parts share counts once.

    >>> counts(nn.Sequential(nn.Linear(2, 3), Recurrent("rnn", 3, 4, bias=False)))
    {'parameters': 37, 'recurrent_parameters': 28}
    """
    stacks = nn.ModuleList(part for part in network.modules() if isinstance(part, Recurrent))
    return {"parameters": parameters_of(network), "recurrent_parameters": parameters_of(stacks)}


def architecture(model: AnyModel | AnyNetwork) -> list[PartRecord]:
    """What a model, or its network, is made of: embedding, recurrent layers, output, ….

    Returns:
        A record for each part: `kind`, `name`, `inside` (what it is made of, in words), `gives`
        (the shape of what it gives, B sequences of T steps), `parameters`; for a recurrent layer
        also `directions` and the sizes of its `states`. The parts have all parameters between
        them.
    """
    return [part.to_json() for part in model.parts()]
