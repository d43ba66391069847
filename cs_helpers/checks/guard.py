"""Running the student's code so that whatever it does, the caller goes on."""

import contextlib
import ctypes
import io
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from cs_helpers.checks.evidence import NOT_DONE, RAISED, TIMEOUT, Failure


class TimeIsUp(BaseException):
    """Raised inside code that has used up its time; ``except Exception`` lets it by."""


POLITE = 3  # exceptions sent before the watchdog insists


@contextlib.contextmanager
def time_limit(seconds: float, code: CodeType | None = None) -> Iterator[None]:
    """Raise TimeIsUp in this thread, inside the block, once the time is over; on every platform.

    The exception is sent again every half second, in case the code swallows it. Code that would swallow it
    for ever (``while True: try: ... except BaseException: pass``) is ended by another one, raised inside its
    ``except`` block; that needs the main thread of a system with POSIX signals. One long call into compiled
    code ends first: Python sees the exception only between two bytecodes, and Python 3.10 not at all in a
    ``while True: try:`` that calls nothing.

    Args:
        seconds: The limit.
        code: The function to be ended: only while it runs the watchdog insists.
    """
    thread_id = threading.get_ident()
    over, lock = threading.Event(), threading.Lock()
    send = ctypes.pythonapi.PyThreadState_SetAsyncExc

    with _insistence(code) as insist:

        def watch() -> None:
            sent, wait = 0, seconds
            while not over.wait(wait):
                with lock:
                    if over.is_set():
                        return
                    if sent < POLITE or insist is None:
                        send(ctypes.c_ulong(thread_id), ctypes.py_object(TimeIsUp))
                    else:
                        signal.pthread_kill(thread_id, insist)
                sent, wait = sent + 1, 0.5

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield
        finally:
            with lock:
                over.set()
                send(ctypes.c_ulong(thread_id), None)  # take back what was sent and has not arrived


@contextlib.contextmanager
def _insistence(code: CodeType | None) -> Iterator[signal.Signals | None]:
    """Yield a signal that raises TimeIsUp twice while ``code`` runs: at once, and on the next line."""
    if code is None or not hasattr(signal, "SIGALRM") or not _in_main_thread():
        yield None
        return

    def handle(number: int, frame: FrameType | None) -> None:
        inside = []
        while frame is not None and frame.f_code is not code:
            inside.append(frame)
            frame = frame.f_back
        if frame is not None:
            for running in inside:
                running.f_trace = _raise_on_next_line
            sys.settrace(_raise_on_next_line)
            raise TimeIsUp

    trace, previous = sys.gettrace(), signal.signal(signal.SIGALRM, handle)
    try:
        yield signal.SIGALRM
    finally:
        sys.settrace(trace)
        signal.signal(signal.SIGALRM, previous)


def _raise_on_next_line(frame: FrameType, event: str, arg: Any) -> Any:
    if event == "line":  # the first one after the exception, such as that of an except block
        raise TimeIsUp
    return _raise_on_next_line


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class Interrupts:
    """Tells a real Ctrl-C from a KeyboardInterrupt that the student's code raises.

    Attributes:
        real: Whether SIGINT arrived while this was in use.
    """

    def __init__(self) -> None:
        self.real = False

    def __enter__(self) -> "Interrupts":
        self._previous = None
        if _in_main_thread():
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.real = True
        raise KeyboardInterrupt


class Head(io.TextIOBase):
    """A stream that keeps the beginning of what is written and counts the rest."""

    LIMIT = 1000

    def __init__(self) -> None:
        self.kept = ""
        self.total = 0

    def writable(self) -> bool:
        """Say yes, as print asks."""
        return True

    def write(self, text: str) -> int:
        """Keep what fits."""
        self.kept += text[: self.LIMIT - len(self.kept)]
        self.total += len(text)
        return len(text)


def describe(error: BaseException, root: Path, limit: float) -> Failure:
    """Say in one line what ended a run, and at which line of the student's code."""
    where, code = _last_line_below(root, error)
    if isinstance(error, NotImplementedError):
        return Failure(NOT_DONE, str(error), where, code)
    if isinstance(error, TimeIsUp):
        return Failure(TIMEOUT, f"still running after {limit:g} s, stopped", where, code)
    if isinstance(error, SyntaxError):
        where = f"{_relative(error.filename, root)}:{error.lineno}"
        return Failure(RAISED, f"{type(error).__name__}: {error.msg}", where, (error.text or "").strip())
    try:
        text = " ".join(str(error).split())
    except BaseException:  # an exception class of the student's own may fail to print, or even exit
        text = "(its message cannot be printed)"
    return Failure(RAISED, f"{type(error).__name__}: {text}"[:600].rstrip(": "), where, code)


def _last_line_below(root: Path, error: BaseException) -> tuple[str, str]:
    own = root / "cs_helpers"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if root in path.parents and own not in path.parents:
            return f"{_relative(path, root)}:{frame.lineno}, in {frame.name}", frame.line or ""
    return "", ""


def _relative(path: str | Path | None, root: Path) -> str:
    path = Path(path or "?")
    return path.relative_to(root).as_posix() if root in path.parents else path.name


def now() -> float:
    """Return the time in seconds on a clock that only moves forward."""
    return time.perf_counter()
