import pytest

from ostinato.data import Examples
from ostinato.data.sources import imdb


@pytest.fixture(scope="session")
def reviews() -> dict[str, Examples]:
    return imdb.read()
