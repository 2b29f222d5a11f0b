"""How far it is from a call of a layer to its kernel, in files."""

import sys
from pathlib import Path

import pytest
import torch

import ostinato
from ostinato.levels import native
from ostinato.nn import LSTM

ROOT = Path(ostinato.__file__).parent


def walks(call):
    """For every function of Ostinato that is called: the files on the way to it, in order."""
    found = set()

    def profile(frame, event, argument):
        if event != "call" or ROOT not in Path(frame.f_code.co_filename).parents:
            return
        way = []
        while frame:
            file = Path(frame.f_code.co_filename)
            if ROOT in file.parents and way[-1:] != [file]:
                way.append(file)
            frame = frame.f_back
        found.add(tuple(str(file.relative_to(ROOT)) for file in way[::-1]))

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.skipif(native.obstacle() is not None, reason=str(native.obstacle()))
@pytest.mark.parametrize("training", [False, True])
def test_a_call_passes_at_most_six_files_and_returns_to_none(training):
    module, x = LSTM(3, 5), torch.randn(4, 2, 3)
    with torch.set_grad_enabled(training):
        module(x)  # which makes the code
        found = walks(lambda: module(x))
    assert any("nn/engines/native.py" in way for way in found)
    for way in found:
        assert len(way) <= 6, way
        assert len({*way}) == len(way), way
