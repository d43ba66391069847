"""Student trees for tests: all stubs, half done, or with a mistake in them."""

import os
import subprocess
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path

from cs_helpers.release.build import student_files
from cs_helpers.release.tracked import File, tracked_files

ROOT = Path(__file__).resolve().parents[1]


@cache
def solution() -> dict[str, File]:
    """The files of this tree, as they are on the disk."""
    return tracked_files(ROOT, allow_dirty=True)


def student_tree(target: Path, done: Collection[str] = ()) -> Path:
    """Write the tree that students start from, with the tasks in ``done`` solved, and return it."""
    for name, file in student_files(solution(), done).items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(file.data)
        (target / name).chmod(file.mode)
    return target


def run_in(tree: Path, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS`` in a tree, with that tree's own course code."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    environment.pop("PYTEST_ADDOPTS", None)  # those are for the tests that run here
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
