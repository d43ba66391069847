"""A copy of the course with a git history of its own, for tests of releases."""

import subprocess
from pathlib import Path

from trees import solution


def git(tree: Path, *arguments: str) -> None:
    """Run git in a tree, whatever the machine's settings are."""
    identity = ("-c", "user.name=Staff", "-c", "user.email=staff@example.org")
    subprocess.run(["git", "-C", str(tree), *identity, *arguments], check=True, capture_output=True)


def clone_course(tree: Path) -> Path:
    """Write the course as it is on the disk, commit it, and return its folder."""
    for name, file in solution().items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(file.data)
        (tree / name).chmod(file.mode)
    git(tree, "init", "-q")
    git(tree, "add", "-Af")
    git(tree, "commit", "-qm", "All")
    return tree


def tree_bytes(tree: Path) -> dict[str, tuple[bytes, int]]:
    """Return contents and modes of all files in a folder, by name."""
    return {
        path.relative_to(tree).as_posix(): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in tree.rglob("*")
        if path.is_file()
    }
