from pathlib import Path

import pytest
from small_runs import SMALL


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> dict[str, Path]:
    """A run of each task, finished and untouched; whoever spoils one copies it first."""
    home = tmp_path_factory.mktemp("trained")
    for name, small in SMALL.items():
        small.train(home / name)
    return {name: home / name for name in SMALL}
