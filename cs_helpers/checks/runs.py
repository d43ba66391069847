"""Trainings that a notebook shows and a check judges: run once for both.

A demonstration trains with the student's code and draws the curves; the check below it needs the same
training once more, to judge it. Within one session the second reuses the first, unless a line of the
student's code has changed in between. A grader and ``course check`` run every training themselves.
"""

import hashlib
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

from cs_helpers.checks.student import COURSE_ROOT

Trained = TypeVar("Trained")


class Runs:
    """Remembers the trainings of a session, as long as the code that ran them is what it was.

    Args:
        root: The folder that ``hw/`` and ``answers/`` are in.
    """

    def __init__(self, root: Path = COURSE_ROOT) -> None:
        self._root = Path(root)
        self._code = ""
        self._kept: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, train: Callable[[], Trained]) -> Trained:
        """Return the result of ``train()``, from memory if it was called for the same key before.

        Args:
            key: Everything that the result depends on, besides the student's code.
            train: Runs the training. What it raises is raised again, and nothing is kept.
        """
        if (code := self._fingerprint()) != self._code:
            self._code, self._kept = code, {}
        if key not in self._kept:
            self._kept[key] = train()
        return self._kept[key]

    def _fingerprint(self) -> str:
        """Return a SHA-256 of every file of the student's code, names included."""
        state = hashlib.sha256()
        for package in ("hw", "answers"):
            for file in sorted((self._root / package).rglob("*.py")):
                content = file.read_bytes()
                state.update(f"{file.relative_to(self._root)} {len(content)} ".encode() + content)
        return state.hexdigest()


def run_now(key: Hashable, train: Callable[[], Trained]) -> Trained:
    """Train without any memory: what takes the place of ``Runs`` where nothing may be reused."""
    return train()
