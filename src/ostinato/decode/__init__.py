"""Decoding: from a model's logits to symbols."""

from ostinato.decode.beam import MOST_BEAM, Hypothesis, beam_search
from ostinato.decode.sample import chain, draw
from ostinato.decode.stop import check_stops, until

__all__ = ["MOST_BEAM", "Hypothesis", "beam_search", "chain", "check_stops", "draw", "until"]
