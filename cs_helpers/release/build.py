"""The files that students get, from the files of the solution tree: all checks passed, or a list of problems.

Solutions become stubs (see ``cs_helpers.regions``), notebooks lose their outputs, lines between
``# BEGIN STAFF`` and ``# END STAFF`` (in Markdown between ``<!-- BEGIN STAFF -->`` and its END) are left out,
and files that are not on the list stay behind. Putting the taken parts back must give the solution tree
byte for byte, and no line of a solution may be anywhere in the result.
"""

import ast
import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from cs_helpers import nbtools, regions
from cs_helpers.regions import STUDENT_FOLDERS
from cs_helpers.release import content, leaks, staff_lines
from cs_helpers.release.lists import GENERATED, PUBLIC_LINES, fate, searched_too
from cs_helpers.release.tracked import File
from cs_helpers.tasks import TASKS, Task

STAMP = "release.json"
FORMAT = 1

Files = Mapping[str, File]


class ReleaseError(ValueError):
    """A tree cannot be released.

    Attributes:
        problems: Everything that is wrong, each as ``file:line: message``.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def release_files(
    source: Files,
    tasks: Mapping[str, Task] = TASKS,
    public_lines: Collection[str] = PUBLIC_LINES,
) -> dict[str, File]:
    """Return the student tree of a solution tree.

    Args:
        source: Files of the solution tree, by name.
        tasks: Every task has a region in its file, and every region is that of a task.
        public_lines: Lines of solutions that may be seen all the same.

    Returns:
        Files by name, sorted, and with them a stamp that lists their sums; see ``stamp``.

    Raises:
        ReleaseError: With all problems of the first stage that has some: names and marks, then contents, then
            solutions that would be given away.
    """
    chosen = {name: file for name, file in source.items() if fate(name) == "out"}
    _refuse([*_name_problems(source), *_mark_problems(chosen, tasks)])
    made = {name: _for_students(name, file) for name, file in chosen.items()}
    made |= {name: File(text.encode()) for name, text in GENERATED.items()}
    _refuse([*_content_problems(made), *_import_problems(made), *_round_trip_problems(made, source)])
    masked = {name: _masked(name, source[name]) for name in chosen}
    searched = made | {name: file for name, file in source.items() if searched_too(name)}
    _refuse(leaks.problems(leaks.secrets(source, public_lines), searched, masked))
    made[STAMP] = File(stamp(made))
    return dict(sorted(made.items()))


def student_files(source: Files, done: Collection[str] = ()) -> dict[str, File]:
    """Return the files that students have once some tasks are solved, without looking for problems.

    Args:
        source: Files of the solution tree, by name. Those on no list are left out.
        done: Ids of the tasks whose regions stay.
    """
    made = {name: _for_students(name, file, done) for name, file in source.items() if fate(name) == "out"}
    return made | {name: File(text.encode()) for name, text in GENERATED.items()}


def restore(made: Files, source: Files) -> dict[str, File]:
    """Put back what ``release_files`` took out, and return the files of the solution tree that went out.

    Raises:
        ValueError: If a part has no place any more.
    """
    restored = {}
    for name in made.keys() & source.keys():
        text, before = made[name].data, source[name]
        if _has_regions(name):
            text = regions.put_back(text.decode(), before.text, name).encode()
        elif name.endswith(".ipynb"):
            text = _with_outputs(json.loads(text), json.loads(before.data)).encode()
        elif staff_lines.cut(before.data):
            text = staff_lines.put_back(text, before.data)
        restored[name] = File(text, made[name].mode)
    return dict(sorted(restored.items()))


def stamp(made: Files) -> bytes:
    """Return the text of ``release.json``: which release this is, and the SHA-256 of every other file."""
    project = made["pyproject.toml"].text if "pyproject.toml" in made else ""
    found = dict(re.findall(r'^(name|version) = "([^"]*)"$', project, re.MULTILINE))
    sums = {name: hashlib.sha256(file.data).hexdigest() for name, file in sorted(made.items())}
    listing = "".join(f"{sum_} {made[name].mode:o} {name}\n" for name, sum_ in sums.items())
    data = {
        "course": found.get("name", ""),
        "digest": hashlib.sha256(listing.encode()).hexdigest(),
        "files": sums,
        "format": FORMAT,
        "version": found.get("version", ""),
    }
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


def _refuse(problems: list[str]) -> None:
    if problems:
        raise ReleaseError(problems)


def _has_regions(name: str) -> bool:
    return PurePosixPath(name).parts[0] in STUDENT_FOLDERS


def _for_students(name: str, file: File, done: Collection[str] = ()) -> File:
    """Return what students get in place of a file."""
    if _has_regions(name):
        return File(regions.blank(file.text, name, keep=done).encode(), file.mode)
    if name.endswith(".ipynb"):
        return File(nbtools.canonical(json.loads(file.data), keep_outputs=False).encode(), file.mode)
    return File(staff_lines.without(file.data), file.mode)


def _masked(name: str, file: File) -> bytes:
    """Return a file without its solutions, with every other line where it was: leaks are counted there."""
    if _has_regions(name):
        lines = file.text.split("\n")
        for region in regions.parse(file.text, name):
            lines[region.start - 1 : region.end] = [""] * (region.end - region.start + 1)
        return "\n".join(lines).encode()
    return file.data


def _name_problems(source: Files) -> Iterator[str]:
    for name in source:
        if not name.isprintable() or "\\" in name:
            yield f"{name!r}:1: a name must be printable, without a backslash"
        elif fate(name) == "unknown":
            yield (
                f"{name}:1: not on a list of cs_helpers/release/lists.py; add it to what goes out or to what "
                "stays, or remove it from git"
            )
    if STAMP in source:
        yield f"{STAMP}:1: this tree is a release itself"


def _mark_problems(chosen: Files, tasks: Mapping[str, Task]) -> Iterator[str]:
    """Yield what is wrong with marks, and which tasks and regions do not belong together."""
    first: dict[str, str] = {}
    for name, file in chosen.items():
        try:
            text = file.text
        except UnicodeDecodeError:
            continue  # a matter of content
        if not _has_regions(name):
            yield from staff_lines.problems(name, text)
            yield from leaks.stray_marks(name, text)
            continue
        in_file, problems = regions.scan(text, name, tasks)
        yield from map(str, [*problems, *regions.todo_problems(text, name)])
        if not problems:
            yield from _blank_problem(text, name)
        for region in in_file:
            place = f"{name}:{region.start}"
            if tasks[region.id].file.endswith(".py") and tasks[region.id].file != name:
                yield f"{place}: {region.id} belongs into {tasks[region.id].file}"
            elif (tasks[region.id].kind == "answer") != (region.kind == "ANSWER"):
                yield f"{place}: {region.id} is a task of kind {tasks[region.id].kind}, not a {region.kind}"
            elif region.id in first and (region.kind == "ANSWER" or first[region.id].split(":")[0] != name):
                yield f"{place}: a second {region.kind} {region.id}; the first is in {first[region.id]}"
            first.setdefault(region.id, place)
    yield from (
        f"{task.file}:1: no region has the id {task.id}" for task in tasks.values() if task.id not in first
    )


def _blank_problem(text: str, name: str) -> Iterator[str]:
    try:
        regions.blank(text, name)
    except regions.RegionError as error:
        yield str(error)


def _content_problems(made: Files) -> Iterator[str]:
    for name, file in made.items():
        for line, message in content.problems(name, file.data):
            yield f"{name}:{line}: {message}"


def _import_problems(made: Files) -> Iterator[str]:
    """Yield the imports of course code that students do not get."""
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in made}
    packages = {"cs_helpers", *STUDENT_FOLDERS}
    for name, file in made.items():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(file.data)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name for name in inside if name in modules] or [node.module]
                if f"{node.module.replace('.', '/')}/__init__.py" in made:  # a package: each name is a module
                    names = inside
            for wanted in names:
                if wanted.split(".")[0] in packages and wanted not in modules:
                    yield f"{name}:{getattr(node, 'lineno', 1)}: imports {wanted}, which is not released"


def _round_trip_problems(made: Files, source: Files) -> Iterator[str]:
    """Yield the files that do not come back byte for byte when solutions are put back."""
    try:
        restored = restore(made, source)
    except ValueError as error:
        yield str(error)
        return
    for name, file in restored.items():
        if file != source[name]:
            why = "; run: python -m cs_helpers.nbtools fix" if name.endswith(".ipynb") else ""
            yield f"{name}:1: putting back what was taken out does not give this file again{why}"


def _with_outputs(notebook: dict, before: dict) -> str:
    """Return the canonical text of a notebook with the outputs of another one, by cell id."""
    outputs = {cell.get("id"): cell.get("outputs") for cell in before["cells"]}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = outputs.get(cell.get("id"), [])
    return nbtools.canonical(notebook)
