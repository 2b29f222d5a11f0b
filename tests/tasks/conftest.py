import pytest
from order import PERIODIC, SMALL, SMALL_GENERATOR, texts_by_order
from spelling import SMALL_TRANSDUCER, words_spelled

from ostinato import Classifier, Generator, Transducer


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """Knows which of two words comes first."""
    return Classifier("lstm", **SMALL).fit(*texts_by_order(300, seed=0))


@pytest.fixture(scope="session")
def generator() -> Generator:
    """Knows that after abc comes abc."""
    return Generator("gru", **SMALL_GENERATOR).fit(PERIODIC)


@pytest.fixture(scope="session")
def transducer() -> Transducer:
    """Knows how words are spelled."""
    return Transducer("gru", **SMALL_TRANSDUCER).fit(*words_spelled(800, seed=0))
