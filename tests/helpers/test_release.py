"""The student tree: complete, the same every time, put in its place at once, and the solution comes back."""

import ast
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from released import clone_course, git, tree_bytes
from trees import ROOT, run_in, solution

from cs_helpers import nbtools
from cs_helpers.checks.compare import PASS, UNDONE
from cs_helpers.checks.session import Checker
from cs_helpers.regions import student_files as python_files
from cs_helpers.release.build import STAMP, ReleaseError, release_files, restore, student_files
from cs_helpers.release.lists import GENERATED, GOES_OUT, PUBLIC_LINES, STAYS, fate
from cs_helpers.release.write import tar_archive, zip_archive
from cs_helpers.tasks import TASKS

# What a region solves; the runs of Part 5 have to be run.
CODE = [task.id for task in TASKS.values() if task.kind == "code" and task.id != "p5.results"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course with a git history of its own."""
    return clone_course(tmp_path_factory.mktemp("clone") / "course")


@pytest.fixture
def course(clone: Path) -> Iterator[Path]:
    """The copy, as it was before once the test is over."""
    yield clone
    git(clone, "reset", "-q", "--hard", "HEAD")
    git(clone, "clean", "-fdxq")


@pytest.fixture(scope="module")
def released(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of the copy, made by the command."""
    out = tmp_path_factory.mktemp("released") / "students"
    done = release(clone, out)
    assert done.returncode == 0, done.stderr
    return out


def release(tree: Path, out: Path | str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a tree."""
    return run_in(tree, "-m", "cs_helpers", "release", str(out), *options)


# What is in it


def test_students_get_what_is_on_the_list_and_nothing_else(released: Path) -> None:
    names = set(tree_bytes(released))
    assert names == {name for name in solution() if fate(name) == "out"} | GENERATED.keys() | {STAMP}
    assert not [name for name in names if re.search(r"mutants|grading|release/|docs/|\.pyc|~$|/\.", name)]
    assert not [path for path in released.rglob("*") if path.name in (".git", "__pycache__")]
    assert {task.file for task in TASKS.values() if task.file.endswith(".py")} <= names


def test_every_file_of_the_course_is_on_a_list_and_every_pattern_is_used() -> None:
    assert [name for name in solution() if fate(name) == "unknown"] == []
    folders = {name.split("/")[0] for name in solution()}
    expected = {"docs", "results"}  # may not be there yet
    for pattern in (*GOES_OUT, *STAYS):
        assert pattern.split("/")[0] in folders | expected, pattern


def test_no_region_and_no_mark_is_left(released: Path) -> None:
    for path in python_files(released):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(BEGIN|END) (SOLUTION|ANSWER|STAFF)", text), path
        ast.parse(text)
    for name in ("README.md", "Makefile", "pyproject.toml", "cs_helpers/cli.py"):
        assert "STAFF" not in (released / name).read_text(encoding="utf-8")


def test_notebooks_are_canonical_and_without_outputs(released: Path) -> None:
    notebooks = sorted((released / "notebooks").glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        assert nbtools.problems(path, outputs_stored=False) == []


def test_the_readme_names_no_file_that_is_not_there(released: Path) -> None:
    text = (released / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (released / target).exists(), target
    for folder in re.findall(r"`([a-z_]+/)[^`]*`", text):
        assert (released / folder).is_dir(), folder
    makefile = (released / "Makefile").read_text(encoding="utf-8")
    for command in re.findall(r"\bmake ([a-z]+)\b", text):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command


def test_the_packages_that_are_installed_are_there(released: Path) -> None:
    text = (released / "pyproject.toml").read_text(encoding="utf-8")
    packages = re.findall(
        r'"([\w.]+)"', re.search(r"^packages = \[(.*?)\]", text, re.DOTALL | re.MULTILINE)[1]
    )
    assert {"cs_helpers", "cs_helpers.checks", "hw", "answers"} <= set(packages)
    for package in packages:
        assert (released / package.replace(".", "/") / "__init__.py").is_file(), package


def test_every_public_line_is_needed() -> None:
    with pytest.raises(ReleaseError) as caught:
        release_files(solution(), public_lines=())
    said = str(caught.value)
    assert [line for line in PUBLIC_LINES if f"gives a solution away: {line!r}" not in said] == []


# The same bytes


def test_the_same_input_gives_the_same_bytes(course: Path, released: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "copy"
    other.parent.mkdir()
    subprocess.run(["git", "clone", "-q", str(course), str(other)], check=True)
    for path in other.rglob("*.py"):
        os.utime(path, (1, 1))
    for name in ("a.zip", "a.tar.gz", "folder"):
        command = f"umask 077; exec {sys.executable} -m cs_helpers release {tmp_path / name}"
        environment = {**os.environ, "PYTHONPATH": str(other), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
        subprocess.run(command, shell=True, cwd=other, env=environment, check=True, capture_output=True)
    assert tree_bytes(tmp_path / "folder") == tree_bytes(released)
    files = release_files(solution())
    assert (tmp_path / "a.zip").read_bytes() == zip_archive(files)
    assert (tmp_path / "a.tar.gz").read_bytes() == tar_archive(files)


@pytest.mark.parametrize("name", ["students.zip", "students.tar.gz"])
def test_an_archive_holds_the_same_files_in_one_folder(
    name: str, course: Path, released: Path, tmp_path: Path
) -> None:
    assert release(course, tmp_path / name).returncode == 0
    if name.endswith(".zip"):
        subprocess.run([sys.executable, "-m", "zipfile", "-e", name, "out"], cwd=tmp_path, check=True)
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert archive.namelist() == sorted(archive.namelist())
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    else:
        with tarfile.open(tmp_path / name) as tar:
            assert {(info.mtime, info.uid, info.uname) for info in tar} == {(315532800, 0, "")}
        subprocess.run([sys.executable, "-m", "tarfile", "-e", name, "out"], cwd=tmp_path, check=True)
    (top,) = (tmp_path / "out").iterdir()
    assert top.name == "deep-learning-course"
    found = {file: data for file, (data, _) in tree_bytes(top).items()}
    assert found == {file: data for file, (data, _) in tree_bytes(released).items()}


def test_the_stamp_lists_the_sums_and_changes_with_any_file(released: Path) -> None:
    stamp = json.loads((released / STAMP).read_bytes())
    assert stamp["files"].keys() == tree_bytes(released).keys() - {STAMP}
    assert stamp["course"] == "deep-learning-course"
    changed = dict(solution())
    changed["README.md"] = type(changed["README.md"])(changed["README.md"].data + b"\n")
    assert json.loads(release_files(changed)[STAMP].data)["digest"] != stamp["digest"]


def test_putting_the_solution_back_gives_the_solution_tree_byte_for_byte() -> None:
    made = release_files(solution())
    out = {name: file for name, file in solution().items() if fate(name) == "out"}
    assert any(made[name] != file for name, file in out.items())
    assert restore(made, solution()) == out


# Its place


def test_a_former_release_is_replaced_and_an_edited_one_is_kept(course: Path, tmp_path: Path) -> None:
    out = tmp_path / "students"
    assert release(course, out).returncode == 0
    (course / "README.md").write_text("# New\n")
    assert release(course, out, "--allow-dirty").returncode == 0
    assert (out / "README.md").read_text() == "# New\n"
    (out / "hw" / "mine.py").write_text("precious = 1\n")
    done = release(course, out, "--allow-dirty")
    assert done.returncode == 2
    assert "holds hw/mine.py, which the release did not have" in done.stderr
    (out / "hw" / "mine.py").unlink()
    (out / "README.md").write_text("edited")
    assert "its README.md was changed since" in release(course, out, "--allow-dirty").stderr
    assert release(course, out, "--allow-dirty", "--force").returncode == 0
    assert (out / "README.md").read_text() == "# New\n"
    assert [path.name for path in tmp_path.iterdir()] == ["students"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("course/out", "is inside the tree to release"),
        ("course", "is inside the tree to release"),
        (".", "contains the tree to release"),
        ("no/such/folder", "there is no folder"),
        ("file.txt", "is not a folder, and does not end in .zip"),
        ("out.tar", "is not a folder, and does not end in .zip"),
        ("mine", "exists and is no release"),
        ("mine.zip", "exists and is no release"),
        ("repository", "has a git history of its own"),
        ("link", "is a link"),
        ("folder.zip", "is a folder, but its name is that of an archive"),
        ("file.txt/out", "there is no folder"),
    ],
)
@pytest.mark.parametrize("force", [False, True], ids=["", "force"])
def test_a_place_that_is_not_free_is_one_line_and_left_alone(
    place: str, words: str, force: bool, course: Path, tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_text("precious")
    (tmp_path / "mine.zip").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for folder in ("mine", "repository/.git", "folder.zip"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_text("precious")
    before = tree_bytes(tmp_path)
    out = course.parent / place if place in ("course", "course/out", ".") else tmp_path / place
    done = release(course, out, *["--force"] * force)
    if force and place == "mine.zip":  # one file, and the staff member says that it may go
        assert done.returncode == 0
        return
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert tree_bytes(tmp_path) == before


def test_an_empty_folder_is_filled(course: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert release(course, tmp_path / "out").returncode == 0
    assert (tmp_path / "out" / STAMP).is_file()


def test_changes_that_are_not_committed_are_refused_unless_allowed(course: Path, tmp_path: Path) -> None:
    (course / "README.md").write_text("# Draft\n")
    (course / "cs_helpers" / "new.py").write_text('"""New."""\n')
    done = release(course, tmp_path / "out")
    assert done.returncode == 2
    assert "not committed (README.md, cs_helpers/new.py); commit them, or give --allow-dirty" in done.stderr
    assert release(course, tmp_path / "out", "--allow-dirty").returncode == 0
    assert (tmp_path / "out" / "README.md").read_text() == "# Draft\n"
    assert (tmp_path / "out" / "cs_helpers" / "new.py").is_file()


def test_what_git_ignores_stays_behind(course: Path, tmp_path: Path) -> None:
    for name in ("hw/__pycache__/layers.cpython-311.pyc", ".venv/secret.py"):
        (course / name).parent.mkdir(exist_ok=True)
        (course / name).write_text("secret")
    assert release(course, tmp_path / "out").returncode == 0
    assert not (tmp_path / "out" / "hw" / "__pycache__").exists()
    assert not (tmp_path / "out" / ".venv").exists()


def test_a_tree_without_git_cannot_be_released(course: Path, tmp_path: Path) -> None:
    shutil.copytree(course, tmp_path / "copy", ignore=shutil.ignore_patterns(".git"))
    done = release(tmp_path / "copy", tmp_path / "out")
    assert done.returncode == 2
    assert "takes the files that git tracks, but git says" in done.stderr
    environment = {**os.environ, "PATH": "", "PYTHONPATH": str(course)}
    command = [sys.executable, "-m", "cs_helpers", "release", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "git is not installed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_release_cannot_be_released(released: Path, tmp_path: Path) -> None:
    done = run_in(released, "-m", "cs_helpers", "release", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "No such command 'release'" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="limits are a matter of POSIX")
@pytest.mark.parametrize("name", ["students", "students.zip"])
def test_a_disk_that_fills_up_leaves_what_was_there(name: str, course: Path, tmp_path: Path) -> None:
    out = tmp_path / name
    assert release(course, out).returncode == 0
    before = tree_bytes(tmp_path)
    (course / "README.md").write_text("# New\n")
    done = subprocess.run(
        [sys.executable, "-B", "-m", "cs_helpers", "release", str(out), "--allow-dirty"],
        cwd=course,
        env={**os.environ, "PYTHONPATH": str(course)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert done.returncode == 1, done.stderr
    assert "cannot be written: File too large; nothing has changed" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert tree_bytes(tmp_path) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write to")
def test_a_folder_without_permission_is_one_line(course: Path) -> None:
    done = release(course, "/proc/students")
    assert done.returncode == 1
    assert re.fullmatch(r"course: /proc/students cannot be written: .*; nothing has changed\n", done.stderr)


# What students do with it


def test_in_the_release_nothing_is_done_and_its_tests_pass(released: Path, tmp_path: Path) -> None:
    tree = shutil.copytree(released, tmp_path / "tree")
    done = run_in(tree, "-m", "pytest", "-p", "no:cacheprovider", "-q")
    assert done.returncode == 0, done.stdout[-2000:]
    assert f"{len(TASKS)} skipped" in done.stdout
    for task_id in TASKS:
        assert f"NOT DONE {task_id}" in done.stdout


def test_a_mistake_fails_the_release_s_own_test_with_its_diagnosis(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"p1.sigmoid", "p1.tanh", "p1.q1"})
    layers = tree / "hw" / "layers.py"
    layers.write_text(layers.read_text(encoding="utf-8").replace("s * (1 - s)", "s * s"), encoding="utf-8")
    done = run_in(tree, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-k", "sigmoid or tanh or q1")
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout
    assert "FAIL     p1.sigmoid" in done.stdout
    assert "Traceback" not in done.stdout


def write_tree(tree: Path, done: Collection[str]) -> Path:
    """Write a student tree with some tasks solved."""
    for name, file in student_files(solution(), done).items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(file.data)
    return tree


@pytest.mark.slow
def test_solving_one_task_after_the_other_turns_exactly_its_check_green(tmp_path: Path) -> None:
    """The order is that of the course: a task needs none that comes later."""
    for number, task_id in enumerate(CODE):
        tree = write_tree(tmp_path / task_id, CODE[: number + 1])
        checker = Checker(tree, ROOT / "tests" / "assets")
        verdicts = {check_id: checker.result(check_id, seconds=900).verdict for check_id in CODE[number:]}
        assert verdicts == {check_id: PASS if check_id == task_id else UNDONE for check_id in CODE[number:]}
        shutil.rmtree(tree)
