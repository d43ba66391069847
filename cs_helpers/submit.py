"""Looking through a tree before it is handed in: what is broken, what is not done, what goes into the zip."""

import ast
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

from cs_helpers import submission
from cs_helpers.grids import EXPERIMENTS
from cs_helpers.regions import ID
from cs_helpers.submission import Manifest
from cs_helpers.tasks import TASKS

STAMP = "release.json"  # what a release says about itself, see cs_helpers.release.build
NOTES = ("README.md",)  # given files in the folders that are not packed
_PASSED_BY = ("__pycache__", ".ipynb_checkpoints")


@dataclasses.dataclass
class Found:
    """What there is to hand in.

    Attributes:
        files: Contents by the name in the zip.
        broken: What can never be handed in, as ``file:line: message``.
        not_done: Tasks that are not written, and where.
        missing: What else is asked for and not there.
        left_out: Files in the folders that are not packed.
    """

    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    broken: list[str] = dataclasses.field(default_factory=list)
    not_done: dict[str, str] = dataclasses.field(default_factory=dict)
    missing: list[str] = dataclasses.field(default_factory=list)
    left_out: list[str] = dataclasses.field(default_factory=list)


def look_through(root: Path) -> Found:
    """Read the folders of a submission and say what is in them, and what is wrong or missing.

    Args:
        root: The tree. Its answers are imported, nothing else of it is run.
    """
    found = Found()
    for folder in submission.FOLDERS:
        for path in _below(root / folder):
            _read(root, path, found)
    found.broken += [f"{name}:1: missing" for name in sorted(_given(root)) if not (root / name).is_file()]
    stubs: dict[str, str] = {}
    for name in sorted(found.files):
        if name.endswith(".py"):
            stubs |= _look_into_python(name, found)
        elif problem := _record_problem(root, name, found.files[name]):
            found.broken.append(f"{name}:{problem}")
    if not found.broken:
        stubs |= _look_into_answers(root, found)
    found.not_done = {task: stubs[task] for task in TASKS if task in stubs}
    if "p5.results" in TASKS:
        found.missing += _missing_runs(found)
    try:
        submission.sums(found.files)
    except ValueError as error:
        found.broken += str(error).splitlines()
    return found


def pack(root: Path, found: Found, members: tuple[str, ...]) -> tuple[Manifest, bytes]:
    """Return the submission of a tree, as bytes; the same for the same files and members."""
    given = _release(root)
    manifest = Manifest(
        course=str(given.get("course", "")),
        version=str(given.get("version", "")),
        release=str(given.get("digest", "")),
        members=members,
        not_done=tuple(found.not_done),
        files=submission.sums(found.files),
    )
    return manifest, submission.zip_bytes(found.files, manifest)


def expected_runs() -> dict[str, list[str]]:
    """Return the results that are asked for, by experiment."""
    from cs_helpers.run_files import run_path

    return {
        name: [
            run_path("results", name, layers, filters).as_posix()
            for filters, depths in experiment.grid
            for layers in depths
        ]
        for name, experiment in EXPERIMENTS.items()
    }


def _missing_runs(found: Found) -> Iterator[str]:
    for experiment, names in expected_runs().items():
        if missing := [name for name in names if name not in found.files]:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            yield f"{missing[0]}{more}, of {experiment} ({EXPERIMENTS[experiment].title})"


def _below(path: Path) -> Iterator[Path]:
    """Yield the files and links below a folder, in order, without what Python and Jupyter make."""
    if path.is_symlink() or path.is_file():
        yield path
    elif path.is_dir() and path.name not in _PASSED_BY:
        for child in sorted(path.iterdir()):
            yield from _below(child)


def _read(root: Path, path: Path, found: Found) -> None:
    name = path.relative_to(root).as_posix()
    if path.is_symlink():
        found.broken.append(f"{name}:1: a link; put the file itself there")
    elif path.suffix != submission.FOLDERS[name.split("/")[0]] or path.name.startswith("."):
        if path.name not in NOTES:
            found.left_out.append(name)
    elif problem := submission.name_problem(name):
        found.broken.append(f"{name}:1: {problem}")
    elif path.stat().st_size > submission.MAX_FILE:
        found.broken.append(f"{name}:1: {path.stat().st_size} bytes; allowed: {submission.MAX_FILE}")
    else:
        found.files[name] = path.read_bytes()


def _given(root: Path) -> set[str]:
    """Return the files that must be there: those of tasks, and those that the release came with."""
    listed = {name for name in _release(root).get("files", {}) if isinstance(name, str)}
    folders = tuple(f"{folder}/" for folder in submission.FOLDERS)
    return {task.file for task in TASKS.values() if task.file.endswith(".py")} | {
        name for name in listed if name.startswith(folders) and name.endswith(".py")
    }


def _release(root: Path) -> dict:
    """Return what the tree says about the release that it was; nothing for a solution tree."""
    try:
        stamp = json.loads((root / STAMP).read_bytes())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and isinstance(stamp.get("files"), dict) else {}


def _look_into_python(name: str, found: Found) -> dict[str, str]:
    """Return the tasks whose stub is still there, and where; note what is not Python."""
    try:
        text = found.files[name].decode("utf-8")
        tree = ast.parse(text)
        compile(text, name, "exec", dont_inherit=True)
    except UnicodeDecodeError as error:
        line = found.files[name].count(b"\n", 0, error.start) + 1
        found.broken.append(f"{name}:{line}: not UTF-8")
        return {}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = getattr(error, "msg", None) or str(error) or type(error).__name__
        found.broken.append(f"{name}:{getattr(error, 'lineno', None) or 1}: not valid Python: {said}")
        return {}
    return {
        match[1]: f"{name}:{node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and node.exc
        and (match := re.match(rf"NotImplementedError\(['\"]({ID}): ", ast.unparse(node.exc)))
    }


def _look_into_answers(root: Path, found: Found) -> dict[str, str]:
    """Return the questions without an answer, and where it goes; note answers that cannot be read."""
    from cs_helpers.answers import display_answer, variable

    waiting = {}
    for task in TASKS.values():
        if task.kind == "answer":
            answer = display_answer(task.id, root)
            if answer.problem:
                found.broken.append(f"{task.file}:1: {task.id}: {answer.problem}")
            elif not answer.done:
                waiting[task.id] = f"{task.file}, {variable(task.id)}"
    return waiting


def _record_problem(root: Path, name: str, data: bytes) -> str:
    """Say why a record cannot be read, with its line in front, or return ""."""
    from cs_helpers.run_files import RunFileError, read_run

    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return f"{getattr(error, 'lineno', 1)}: not JSON: {error}"
    if not isinstance(found, dict):
        return "1: not a JSON object, as a record of an experiment is"
    if not any(name in names for names in expected_runs().values()):
        return ""  # a record of the students' own
    try:
        read_run(root / name)
    except (RunFileError, TypeError, ValueError) as error:
        return f"1: {str(error).replace(f'{root}/', '')}"
    return ""
