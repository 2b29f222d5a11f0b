"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import ostinato

MODULES = [
    m.name
    for m in pkgutil.walk_packages(ostinato.__path__, "ostinato.")
    if not m.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
