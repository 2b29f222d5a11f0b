"""Architecture: the parts of a network, in the order in which data goes through them."""

from __future__ import annotations

from typing import Any

from torch import nn

from ostinato.nn import Recurrent
from ostinato.tasks.base.network import AnyNetwork, Network
from ostinato.tasks.base.parts import (
    Part,
    PartRecord,
    embedding_part,
    in_words,
    layer_parts,
    parameters_of,
)


def counts(network: nn.Module) -> dict[str, int]:
    """How many parameters a network has, and how many of them recurrent layers, wherever they are.

    A weight that two parts share counts once.

    >>> counts(nn.Sequential(nn.Linear(2, 3), Recurrent("rnn", 3, 4, bias=False)))
    {'parameters': 37, 'recurrent_parameters': 28}
    """
    stacks = nn.ModuleList(part for part in network.modules() if isinstance(part, Recurrent))
    return {"parameters": parameters_of(network), "recurrent_parameters": parameters_of(stacks)}


def architecture(network: AnyNetwork) -> list[PartRecord]:
    """What a network is made of: embedding, spelling, recurrent layers, pooling, output, CRF.

    Args:
        network: a network of a task.

    Returns:
        A record for each part: `kind`, `name`, `inside` (what it is made of, in words), `gives`
        (the shape of what it gives, B sequences of T steps), `parameters`; for a recurrent layer
        also `directions` and the sizes of its `states`. The parts have all parameters of the
        network between them.
    """
    parts = network.parts() if isinstance(network, Network) else encoder_decoder(network)
    return [part.to_json() for part in parts]


def encoder_decoder(network: Any) -> list[Part]:
    """The parts of a transducer's network, those of the encoder first."""
    encoder, decoder, attention = network.encoder, network.decoder, network.decoder.attention
    parts = [
        embedding_part(encoder.embedding, "source embedding"),
        *layer_parts(encoder.recurrent, "encoder"),
    ]
    if network.bridge:
        count = parameters_of(network.bridge)
        inside = "linear, from last states to first ones"
        parts.append(Part("bridge", "bridge", inside, "states of each layer", count))
    parts += [
        embedding_part(decoder.embedding, "target embedding"),
        *layer_parts(decoder.recurrent, "decoder"),
    ]
    if attention is not None:
        gives, count = f"B × T × {encoder.output_size}", parameters_of(attention)
        gives = f"{gives}, beside the decoder's"
        parts.append(Part("attention", "attention", in_words(attention), gives, count))
    symbols, features = decoder.embedding.weight.shape
    kind = "tied" if decoder.weight is None else "linear"
    output = [*decoder.readout.parameters(), decoder.bias]
    output += [] if decoder.weight is None else [decoder.weight]
    return [
        *parts,
        Part(
            kind="output",
            name="output",
            inside=f"tanh, {decoder.readout.in_features} → {features}, {kind} → {symbols}",
            gives=f"B × T × {symbols} logits",
            parameters=sum(weight.numel() for weight in output),
        ),
    ]
