import os
import signal
import tempfile

import pytest
import torch  # before Keras, which may bring TensorFlow
from hypothesis import Phase, settings

# No deadline: a first example pays for compiling. No explanations: they take minutes and memory.
settings.register_profile(
    "ostinato", deadline=None, max_examples=50, phases=set(Phase) - {Phase.explain}
)
settings.load_profile("ostinato")
torch.set_num_threads(1)  # small products: threads cost more than they give

# Compiled cells go to a folder of this run; xdist's workers inherit the one of their parent.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["OSTINATO_CACHE"] = tempfile.mkdtemp(prefix="ostinato-")
# What a background job or nohup ignores is not ignored in tests, nor by the commands they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# One process has one backend of Keras: PyTorch, unless the tests are run for another one.
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("KERAS_HOME", tempfile.gettempdir())  # it writes keras.json there
for name in ("OSTINATO_TARGET", "OSTINATO_CACHE_LIMIT", "OSTINATO_SHOW"):
    os.environ.pop(name, None)

# pytest would look for doctests in each of them, under one and the same name.
collect_ignore_glob = ["*conftest.py"]


@pytest.fixture(autouse=True)
def no_handler_is_left():
    """A handler of signals that a test leaves would end another test, or its process."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [signal.getsignal(number) for number in numbers]
    yield
    left = [signal.getsignal(number) for number in numbers]
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    assert left == before
