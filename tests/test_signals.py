import os
import signal
import time

import pytest

from ostinato import signals


class Lease:
    """Is interrupted while it is given back."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)  # longer than the signal takes


def dropped(lease):
    del lease
    time.sleep(5)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_inside_a_destructor_is_not_lost(capfd):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with signals.handled():
            signals.handle(signals.in_order)
            with pytest.raises(signals.Ended, match="interrupted"):
                dropped(Lease())
    finally:
        signal.signal(signal.SIGINT, before)
    assert capfd.readouterr() == ("", "")
