import pytest
from order import PERIODIC, SMALL, SMALL_GENERATOR, texts_by_order

from ostinato import Classifier, Generator


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """Knows which of two words comes first."""
    return Classifier("lstm", **SMALL).fit(*texts_by_order(300, seed=0))


@pytest.fixture(scope="session")
def generator() -> Generator:
    """Knows that after abc comes abc."""
    return Generator("gru", **SMALL_GENERATOR).fit(PERIODIC)
