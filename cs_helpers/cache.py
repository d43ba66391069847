"""Files that can be made again at any time, kept so that the next process need not.

They lie in the folder ``deep-learning-course`` below the user's folder for caches (``~/.cache`` on Linux), or
in ``COURSE_CACHE``. Deleting it loses a second of work. A file is only read if its SHA-256 is the expected
one. Where nothing can be written nothing is kept, and nobody is told: the course works as well without.
"""

import contextlib
import hashlib
import os
import sys
from pathlib import Path

from cs_helpers.whole_files import replacing


def folder() -> Path | None:
    """Return the folder, which need not exist; None where the user has no home."""
    if given := os.environ.get("COURSE_CACHE"):
        return Path(given)
    home = os.path.expanduser("~")
    places = {
        "win32": os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local"),
        "darwin": os.path.join(home, "Library", "Caches"),
    }
    place = places.get(sys.platform) or os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return Path(place, "deep-learning-course") if os.path.isabs(place) else None


def _path(name: str, sha256: str) -> Path | None:
    place = folder()
    return None if place is None else place / f"{name}-{sha256[:12]}.bin"


def read(name: str, sha256: str) -> bytes | None:
    """Return the content of a file; None if it is not there, or not what it was.

    Args:
        name: What the file is called.
        sha256: Of its content, in hexadecimal digits.
    """
    path = _path(name, sha256)
    try:
        content = path.read_bytes() if path is not None else b""
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


def write(name: str, sha256: str, content: bytes) -> None:
    """Store a file, whole or not at all, if that is possible here."""
    path = _path(name, sha256)
    if path is None:
        return
    with contextlib.suppress(OSError), replacing(path) as file:
        file.write(content)
