"""Both libraries' LSTM in one and the same training loop."""

from __future__ import annotations

from ostinato.bench import training
from ostinato.bench.case import BenchCase
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.contestants.ostinato import BEST


def _trained(case: BenchCase, engine: str | None) -> Ready | None:
    if case.line not in training.JOBS:
        return None
    return Ready(training.job(case.line, engine), lambda losses: {"losses": losses})


CONTESTANTS = [
    Contestant("torch.nn", lambda case: _trained(case, None)),
    Contestant(f"ostinato {BEST}", lambda case: _trained(case, BEST), ours=True),
]
