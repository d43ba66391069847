"""A line that shows how far an epoch has come, without flooding the notebook."""

import io
import sys
import time


class ProgressLine:
    """One line on standard output, rewritten in place, a few times a second at most.

    A file or a pipe, in which nothing can be rewritten, gets none of it.

    Args:
        label: What is going on, such as "epoch 3/10, train".
        total: Steps in all.
        enabled: Whether to show anything.
    """

    INTERVAL = 0.4  # seconds
    WIDTH = 20  # characters of the bar

    def __init__(self, label: str, total: int, enabled: bool = True) -> None:
        self._label, self._total, self._enabled = label, total, enabled and _rewrites(sys.stdout)
        self._next = time.monotonic() + self.INTERVAL
        self._shown = 0

    def update(self, done: int, text: str = "") -> None:
        """Show the progress, if it is time to.

        Args:
            done: Steps done.
            text: Shown behind the bar.
        """
        if not self._enabled or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self.INTERVAL
        filled = self.WIDTH * done // max(self._total, 1)
        bar = "\u2588" * filled + "\u2591" * (self.WIDTH - filled)
        self._write(f"{self._label} {bar} {done}/{self._total} {text}")

    def clear(self) -> None:
        """Take the line away, so that a summary can stand in its place."""
        if self._shown:
            self._write("")
            sys.stdout.write("\r")

    def _write(self, text: str) -> None:
        sys.stdout.write("\r" + text.ljust(self._shown))
        sys.stdout.flush()
        self._shown = len(text)


def _rewrites(stream: object) -> bool:
    """Whether what reads the stream knows what a carriage return is: terminals do, and so do notebooks."""
    return not isinstance(stream, io.TextIOWrapper) or stream.isatty()
