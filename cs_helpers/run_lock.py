"""One process at a time on a run, and processes that end with the one that started them."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from cs_helpers.run_files import RunFileError

FOLDER = ".checkpoints"  # below that of the results: locks, and the checkpoints of run-grid


class BusyError(Exception):
    """Another process is on this run."""


@contextlib.contextmanager
def only_one(result: Path, patient: bool) -> Iterator[None]:
    """Hold the lock of a result; the system lets go of it when this process ends, in whatever way.

    Args:
        result: The file that is to be written.
        patient: Whether to wait for another process that holds it.

    Raises:
        BusyError: If another process holds it.
        RunFileError: If there can be no lock.
    """
    file = result.parent / FOLDER / f"{result.stem}.lock"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file)
        lock.acquire(timeout=-1 if patient else 0)
    except Timeout:
        raise BusyError(f"another process is making {result}") from None
    except OSError as error:
        raise RunFileError(f"cannot lock {file}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def end_with_parent() -> None:
    """End this process as soon as its standard input does: when whoever started it is gone."""

    def watch() -> None:
        while os.read(0, 1):  # not sys.stdin, whose lock a thread must not hold when the interpreter ends
            pass
        os._exit(1)  # results and checkpoints are whole or not there, at any moment

    threading.Thread(target=watch, daemon=True).start()
