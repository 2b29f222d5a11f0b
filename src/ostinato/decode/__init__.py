"""Decoding: from a model's logits to symbols."""

from typing import TYPE_CHECKING

from ostinato import registry
from ostinato.decode.limits import MOST_BEAM
from ostinato.decode.stop import check_stops, until

if TYPE_CHECKING:
    from ostinato.decode.beam import Hypothesis, beam_search
    from ostinato.decode.sample import chain, draw

__all__ = ["MOST_BEAM", "Hypothesis", "beam_search", "chain", "check_stops", "draw", "until"]

__getattr__ = registry.lazily(
    __name__, {"beam": ["Hypothesis", "beam_search"], "sample": ["chain", "draw"]}
)
