import pytest
from names import SMALL_TAGGER, names
from order import (
    PERIODIC,
    SMALL,
    SMALL_FORECASTER,
    SMALL_GENERATOR,
    WAVE,
    texts_by_distance,
    texts_by_order,
)
from spelling import SMALL_TRANSDUCER, words_spelled

from ostinato import Classifier, Forecaster, Generator, Regressor, Tagger, Transducer


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """Knows which of two words comes first."""
    return Classifier("lstm", **SMALL).fit(*texts_by_order(300, seed=0))


@pytest.fixture(scope="session")
def regressor() -> Regressor:
    """Knows how far one word stands behind another."""
    data = SMALL["data"] | {"batch": 30}
    return Regressor("gru", **SMALL | {"data": data}).fit(*texts_by_distance(300, seed=0))


@pytest.fixture(scope="session")
def generator() -> Generator:
    """Knows that after abc comes abc, by its network alone."""
    model = SMALL_GENERATOR["model"] | {"alone": True}
    return Generator("gru", **SMALL_GENERATOR | {"model": model}).fit(PERIODIC)


@pytest.fixture(scope="session")
def transducer() -> Transducer:
    """Knows how words are spelled."""
    return Transducer("gru", **SMALL_TRANSDUCER).fit(*words_spelled(800, seed=0))


@pytest.fixture(scope="session")
def forecaster() -> Forecaster:
    """Knows how a wave goes on."""
    return Forecaster("gru", **SMALL_FORECASTER).fit(WAVE)


@pytest.fixture(scope="session")
def tagger() -> Tagger:
    """Knows names of persons and places, by neighbours and by spelling."""
    return Tagger("gru", **SMALL_TAGGER).fit(*names(200, seed=0))
