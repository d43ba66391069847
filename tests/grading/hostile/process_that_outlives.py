"""Leaves a process behind that closed everything and has no parent, then goes on honestly."""

import os
import time

_forward = TanH.forward


def _leave(self, x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 256)
            time.sleep(3600)
        os._exit(0)
    return _forward(self, x)


TanH.forward = _leave
