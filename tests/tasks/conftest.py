import pytest
from order import PERIODIC, SMALL, SMALL_FORECASTER, SMALL_GENERATOR, WAVE, texts_by_order

from ostinato import Classifier, Forecaster, Generator


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """Knows which of two words comes first."""
    return Classifier("lstm", **SMALL).fit(*texts_by_order(300, seed=0))


@pytest.fixture(scope="session")
def generator() -> Generator:
    """Knows that after abc comes abc."""
    return Generator("gru", **SMALL_GENERATOR).fit(PERIODIC)


@pytest.fixture(scope="session")
def forecaster() -> Forecaster:
    """Knows how a wave goes on."""
    return Forecaster("gru", **SMALL_FORECASTER).fit(WAVE)
