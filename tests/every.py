"""What the conformance tests go over: every shipped cell, and one that a user has in a file."""

from pathlib import Path

import numpy as np

from ostinato import cells

MGU = f"{Path(__file__).with_name('mgu.py')}:mgu"
EVERY = [*cells.names(), MGU]


def short(name: str) -> str:
    """A cell's name as the test's id."""
    return name.rpartition(":")[2]


def sizes(name: str, input_size: int = 3, hidden_size: int = 5) -> dict:
    """Arguments of `Recurrent` for a cell, a projection where the cell has one."""
    projected = "R" in cells.find(name).graph.sizes.values()
    units = {"input_size": input_size, "hidden_size": hidden_size, "proj_size": 2 * projected}
    return {"cell": name, **units}


def assert_near(found, expected, tolerance: float) -> None:
    """Arrays or tensors, alone or in lists and dicts, differ by no more than a tolerance."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found, expected = ([d[key] for key in expected] for d in (found, expected))
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_near(one, other, tolerance)
        return
    one, other = (a.detach().numpy() if hasattr(a, "detach") else a for a in (found, expected))
    assert np.shape(one) == np.shape(other)
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=False)
