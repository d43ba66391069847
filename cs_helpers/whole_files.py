"""Files that are whole or not there, whatever happens while they are written."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to write, which takes the place of ``path`` at once when the block ends without an error.

    A process that is killed at any moment leaves the former file as it was, and at most a hidden one beside
    it. The folder is made if need be.

    Raises:
        OSError: If something cannot be written; nothing is left behind then.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):  # what went wrong above is the news
            partial.unlink()
