"""Never returns, swallows every exception and ignores every signal."""

import contextlib
import signal
import time

for _number in signal.valid_signals():
    with contextlib.suppress(OSError, ValueError):
        signal.signal(_number, signal.SIG_IGN)


def _loop(self, x):
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass


TanH.forward = _loop
