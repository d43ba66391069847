"""Student trees for tests: all stubs, half done, or with a mistake in them."""

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from cs_helpers.regions import PLACEHOLDER, parse, student_files
from cs_helpers.student_tree import blank_tree

ROOT = Path(__file__).resolve().parents[1]


def student_tree(target: Path, done: Collection[str] = ()) -> Path:
    """Write the tree that students start from, with the tasks in ``done`` solved, and return it."""
    blank_tree(ROOT, target)
    for path in student_files(ROOT):
        lines = path.read_text(encoding="utf-8").splitlines()
        for region in reversed(parse("\n".join(lines) + "\n", path)):
            if region.id in done:
                continue
            stub = [f'{region.indent}raise NotImplementedError("{region.id}: {region.qualname}")']
            if region.kind == "ANSWER":
                stub = [f'{name} = r"""{PLACEHOLDER}"""' for name in region.qualname.split(", ")]
            lines[region.start - 1 : region.end] = stub
        (target / path.relative_to(ROOT)).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target


def run_in(tree: Path, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS`` in a tree, with that tree's own course code."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
