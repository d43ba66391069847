"""Reading the catalogue, and making the wrong package that an entry describes.

A file of the catalogue holds ``[[mutant]]`` tables: ``name``, ``hint``, and either ``old`` and ``new`` or
several ``[[mutant.patch]]`` with these keys. A patch may name a ``region`` (such as ``Linear.forward``) in
place of ``old``: all of that solution is replaced. ``[[base]]`` patches come before those of every mutant of
the file: a plain but right form of the solution, so that the mutants survive a faster reference.
"""

import dataclasses
import functools
import shutil
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cs_helpers import regions
from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.tasks import TASKS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Patch:
    """A change to a file.

    Attributes:
        old: Snippet to replace; it occurs exactly once.
        new: What takes its place.
        region: Function whose solution is replaced as a whole, if there is no old snippet.
    """

    new: str
    old: str = ""
    region: str = ""

    def apply(self, source: str) -> str:
        """Return the changed source.

        Raises:
            ValueError: If the place to change is not found exactly once, or nothing changes.
        """
        if self.region:
            return self._replace_region(source)
        if source.count(self.old) != 1 or self.old == self.new:
            raise ValueError(f"found {source.count(self.old)} times, or nothing changes:\n{self.old}")
        return source.replace(self.old, self.new)

    @functools.lru_cache(maxsize=256)  # noqa: B019 - patches live as long as the catalogue
    def _replace_region(self, source: str) -> str:
        found = [region for region in regions.parse(source) if region.qualname == self.region]
        if len(found) != 1:
            raise ValueError(f"found {len(found)} times: the solution in {self.region}")
        lines = source.split("\n")
        new = textwrap.indent(textwrap.dedent(self.new).strip("\n"), found[0].indent)
        lines[found[0].start : found[0].end - 1] = new.split("\n")
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One wrong implementation: a small patch of the reference solution.

    Attributes:
        check: Id of the check that must catch it.
        name: The mistake, in a few words.
        hint: Regular expression; a verdict that it is found in names the mistake.
        file: The file to patch, relative to the course's root.
        base: Patches that leave the solution right.
        patches: Patches that make it wrong.
    """

    check: str
    name: str
    hint: str
    file: str
    base: tuple[Patch, ...]
    patches: tuple[Patch, ...]

    def patched(self, source: str) -> str:
        """Return the file's source with the mistake in it.

        Raises:
            ValueError: If a patch does not apply.
        """
        for patch in self.base + self.patches:
            try:
                source = patch.apply(source)
            except ValueError as error:
                raise ValueError(f"{self.check}, {self.name!r}: {error}") from error
        return source

    def write(self, root: Path, source_root: Path = COURSE_ROOT) -> None:
        """Write ``hw``, ``answers`` and ``results`` with the mistake in them to ``root``."""
        for folder in (*regions.STUDENT_FOLDERS, "results"):
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            if (source_root / folder).exists():
                shutil.copytree(source_root / folder, root / folder, ignore=ignored)
        source = (source_root / self.file).read_text(encoding="utf-8")
        (root / self.file).write_text(self.patched(source), encoding="utf-8")


def load(folder: Path = FOLDER) -> list[Mutant]:
    """Read the catalogue, in the order of the tasks."""
    files = {path.stem: path for path in folder.glob("*.toml")}
    if unknown := sorted(files.keys() - TASKS.keys()):
        raise ValueError(f"no task has the id {', '.join(unknown)}; name each file after its check")
    return [mutant for check_id in TASKS if check_id in files for mutant in _read(check_id, files[check_id])]


def ready(mutants: Iterable[Mutant], source_root: Path = COURSE_ROOT) -> list[Mutant]:
    """Leave out mutants of files that are not there: results that the reference has not made yet."""
    return [mutant for mutant in mutants if (source_root / mutant.file).exists()]


def right(check_id: str, folder: Path = FOLDER) -> Mutant:
    """Return a mutant without a mistake: the base that a file's mutants are made from."""
    mutant = _read(check_id, folder / f"{check_id}.toml")[0]
    return dataclasses.replace(mutant, name="no mistake", patches=())


def _read(check_id: str, path: Path) -> list[Mutant]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    base = tuple(Patch(**patch) for patch in content.get("base", []))
    return [_mutant(check_id, base, **entry) for entry in content["mutant"]]


def _mutant(check_id: str, base: tuple[Patch, ...], *, name: str, hint: str, **patch: Any) -> Mutant:
    file = patch.pop("file", TASKS[check_id].file)
    parts = patch.pop("patch") if "patch" in patch else [patch]
    return Mutant(check_id, name, hint, file, base, tuple(Patch(**part) for part in parts))
