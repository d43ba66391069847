"""The files of a git working copy: those that git tracks, as they are on the disk."""

import dataclasses
import os
import subprocess
from pathlib import Path

REGULAR = {"100644": 0o644, "100755": 0o755}


class SourceError(ValueError):
    """A tree cannot be the source of a release; the message says why."""


@dataclasses.dataclass(frozen=True)
class File:
    """A file of a tree.

    Attributes:
        data: Its bytes.
        mode: 0o644, or 0o755 if it can be run.
    """

    data: bytes
    mode: int = 0o644

    @property
    def text(self) -> str:
        """Its text, byte for byte; raises UnicodeDecodeError if it is not UTF-8."""
        return self.data.decode("utf-8")


def tracked_files(root: Path, allow_dirty: bool = False) -> dict[str, File]:
    """Return the files that git tracks below a root, by name.

    Args:
        root: The top folder of a git working copy.
        allow_dirty: Take what is on the disk, with changes that are not committed and files that git does
            not know yet (never those it ignores). Otherwise such a tree is refused.

    Raises:
        SourceError: If it is no working copy, or has changes, links or submodules.
        OSError: If a file cannot be read.
    """
    if Path(_git(root, "rev-parse", "--show-toplevel").strip()).resolve() != root.resolve():
        raise SourceError(f"{root} is not the top folder of its git working copy")
    changes = _git(root, "status", "--porcelain", "-z", "--untracked-files=all").split("\0")
    if any(changes) and not allow_dirty:
        raise SourceError(_dirty([change for change in changes if change]))
    modes = {}
    for entry in filter(None, _git(root, "ls-files", "--stage", "-z").split("\0")):
        head, name = entry.split("\t", 1)
        modes[name] = head.split()[0]
    if allow_dirty:
        new = _git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
        modes |= {name: "100644" for name in new if name}
        modes = {name: mode for name, mode in modes.items() if os.path.lexists(root / name)}
    return {name: _read(root, name, modes[name]) for name in sorted(modes)}


def _read(root: Path, name: str, mode: str) -> File:
    path = root / name
    if mode not in REGULAR or path.is_symlink() or not path.is_file():
        raise SourceError(f"{name} is a link or a submodule; only files can be released")
    return File(path.read_bytes(), REGULAR[mode])


def _dirty(changes: list[str]) -> str:
    """Say what is not committed."""
    names = [change[3:] if change[2:3] == " " else change for change in changes]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"the tree has changes that are not committed ({shown}); commit them, or give --allow-dirty"


def _git(root: Path, *arguments: str) -> str:
    """Run git and return what it prints."""
    command = ["git", "-C", str(root), *arguments]
    # Inside a git hook these point to whatever git is at work on.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
    except FileNotFoundError as error:
        raise SourceError("git is not installed; a release takes the files that git tracks") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise SourceError(
            f"a release takes the files that git tracks, but git says: {said[0] if said else 'nothing'}"
        ) from error
    return done.stdout.decode("utf-8", errors="surrogateescape")
