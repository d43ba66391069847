"""The tree that students start from, made from the solution tree.

Solutions become stubs (see ``regions``), notebooks lose their outputs, and files that are not listed stay
behind. Then every line of a solution is searched for in the result: one hit, and there is no result.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from cs_helpers import nbtools
from cs_helpers.regions import STUDENT_FOLDERS, RegionError, blank, parse, read, student_files

COURSE_FILES = (
    "cs_helpers",
    "notebooks",
    "tests/assets",
    "pyproject.toml",
    "requirements.txt",
    "environment.yml",
    "Makefile",
    "README.md",
    ".gitignore",
)
"""What students get besides ``STUDENT_FOLDERS``: files, and folders with all that is in them."""

ALLOWED_LINES = ("s = torch.sigmoid(x)", "t = torch.tanh(x)")
"""Solution lines that are no secret: the diagnosis in ``cs_helpers`` computes with them too."""

_MADE_AGAIN = {"__pycache__", ".ipynb_checkpoints"}
_SHORTEST = 12
_ANSWER_HEAD = re.compile(r"""^\w+ = r?(\"{3}|'{3}|"|')""")
_BOILERPLATE = {
    "super().__init__()",
    "with torch.no_grad():",
    "for layer in self.layers:",
    "return loss.item()",
    "fit = trainer.fit(",
    "except RuntimeError as error:",
    "loss.backward()",
}


def blank_tree(
    source: Path | str,
    target: Path | str,
    files: Sequence[str] = COURSE_FILES,
    known_ids: Collection[str] | None = None,
    allowed_lines: Collection[str] = ALLOWED_LINES,
) -> None:
    """Write the tree that students start from: all of it, or nothing.

    Args:
        source: Root of the solution tree.
        target: Folder to write; it does not exist yet or is empty.
        files: What is copied besides ``hw`` and ``answers``. Notebooks lose their outputs.
        known_ids: The ids that exist. If given, each must have a region, and each region one of them.
        allowed_lines: Solution lines that may appear in the target all the same, stripped.

    Raises:
        RegionError: If a region is not as it must be, or a solution line appears anywhere in the result.
        FileExistsError: If the target holds anything.
        FileNotFoundError: If one of ``files`` is missing.
        ValueError: If the ids found are not the known ones, or the tree has a symbolic link.
    """
    source, target = Path(source), Path(target)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} is not empty; name a folder that does not exist yet")
    if known_ids is not None and (missing := set(known_ids) - region_ids(source)):
        raise ValueError(f"no region has the id {', '.join(sorted(missing))}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        draft = Path(scratch) / "tree"
        for name in (*STUDENT_FOLDERS, *files):
            for path in _files(source / name):
                _copy(path, draft / path.relative_to(source), name in STUDENT_FOLDERS, known_ids)
        _refuse_leaks(draft, solution_lines(source) - set(allowed_lines))
        if target.exists():
            target.rmdir()
        os.rename(draft, target)


def region_ids(root: Path | str) -> set[str]:
    """Return the ids of all regions in ``hw`` and ``answers`` below a root."""
    return {region.id for path in student_files(root) for region in parse(read(path), path)}


def solution_lines(root: Path | str) -> set[str]:
    """Return the lines of substance that stand inside regions and nowhere else in ``hw`` and ``answers``.

    White space inside a line counts as one blank. Lines below 12 characters, those without a letter (such as
    the rule of a table) and a few that any file may have are not of substance.
    """
    inside: set[str] = set()
    outside = []
    for path in student_files(root):
        text = read(path)
        lines = [" ".join(line.split()) for line in text.split("\n")]
        for region in reversed(parse(text, path)):
            body = lines[region.start : region.end - 1]
            inside.update(_ANSWER_HEAD.sub("", line) for line in body)
            del lines[region.start - 1 : region.end]
        outside += lines
    shown = "\n".join(outside)
    return {line for line in inside - _BOILERPLATE if _of_substance(line) and line not in shown}


def _of_substance(line: str) -> bool:
    """Whether a line is long enough, and not rules and brackets alone."""
    return len(line) >= _SHORTEST and sum(map(str.isalnum, line)) >= _SHORTEST // 2


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or all files below a folder, in order."""
    if path.is_symlink():
        raise ValueError(f"{path} is a symbolic link; only files and folders are copied")
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; it is on the list of what students get")
    if path.is_file():
        yield path
    elif path.name not in _MADE_AGAIN:
        for child in sorted(path.iterdir()):
            yield from _files(child)


def _copy(path: Path, target: Path, may_have_regions: bool, known_ids: Collection[str] | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if may_have_regions and path.suffix == ".py":
        target.write_bytes(blank(read(path), path, known_ids).encode("utf-8"))
    elif path.suffix == ".ipynb":
        notebook = json.loads(read(path))
        target.write_bytes(nbtools.canonical(notebook, keep_outputs=False).encode("utf-8"))
    else:
        shutil.copyfile(path, target)
    shutil.copymode(path, target)


def _refuse_leaks(root: Path, secrets: Collection[str]) -> None:
    """Raise at the first line below a root that contains a solution line."""
    for path in _files(root):
        text = path.read_bytes().decode("utf-8", errors="replace")
        if path.suffix == ".ipynb":
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        lines = [" ".join(line.split()) for line in text.split("\n")]
        searched = "\n".join(lines)
        for secret in sorted(secrets):
            if secret in searched:
                number = next(n for n, line in enumerate(lines, start=1) if secret in line)
                raise RegionError(path.relative_to(root), number, f"gives a solution line away: {secret!r}")
