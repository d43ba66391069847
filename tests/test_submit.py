"""Handing in: one zip with everything in it, or a list of what is missing."""

import hashlib
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from trees import run_in, student_tree

from cs_helpers import submission
from cs_helpers.release.build import STAMP, release_files
from cs_helpers.run_files import PARTS, write_run
from cs_helpers.submission import Manifest
from cs_helpers.submit import expected_runs
from cs_helpers.tasks import TASKS
from cs_helpers.train_results import FitResult


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student tree with every task done, and a record of every experiment."""
    tree = student_tree(tmp_path_factory.mktemp("solved") / "tree", done=TASKS)
    fit = FitResult(1, [2.0], [20.0], [2.1], [19.0])
    for names in expected_runs().values():
        for name in names:
            write_run(tree / name, {part: {} for part in PARTS} | {"fit": fit})
    return tree


@pytest.fixture
def tree(solved: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return shutil.copytree(solved, tmp_path / "tree")


def submit(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a tree."""
    done = run_in(tree, "-m", "cs_helpers", "submit", *options)
    assert "Traceback" not in done.stderr
    return done


def read(path: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Return what is in a submission."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return Manifest.from_bytes(files.pop(submission.MANIFEST)), files


def test_finished_work_becomes_one_zip_with_its_sums(tree: Path) -> None:
    done = submit(tree, "--members", "bo_chen, ann.lee")
    assert done.returncode == 0, done.stderr
    manifest, files = read(tree / "submission.zip")
    assert manifest.members == ("ann.lee", "bo_chen")
    assert manifest.not_done == ()
    assert {task.file for task in TASKS.values() if task.file.endswith(".py")} <= files.keys()
    assert files == {name: (tree / name).read_bytes() for name in files}
    assert manifest.files == {n: (hashlib.sha256(data).hexdigest(), len(data)) for n, data in files.items()}
    assert {name.split("/")[0] for name in files} <= set(submission.FOLDERS)


def test_the_manifest_says_which_release_it_was(tree: Path) -> None:
    from trees import solution

    stamp = release_files(solution())[STAMP].data
    (tree / STAMP).write_bytes(stamp)
    assert submit(tree).returncode == 0
    manifest, _ = read(tree / "submission.zip")
    assert manifest.course == "deep-learning-course"
    assert manifest.release == json.loads(stamp)["digest"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest.version)


def test_the_same_work_gives_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    other = shutil.copytree(tree, tmp_path / "other")
    for path in other.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    assert submit(tree, "--out", str(tmp_path / "a.zip"), "--members", "a,b").returncode == 0
    assert submit(other, "--out", str(tmp_path / "b.zip"), "--members", "b", "--members", "a").returncode == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_json_says_what_was_packed(tree: Path) -> None:
    (tree / "hw" / "notes.txt").write_text("mine")
    report = json.loads(submit(tree, "--json").stdout)
    data = (tree / "submission.zip").read_bytes()
    assert report["sha256"] == hashlib.sha256(data).hexdigest()
    assert report["left_out"] == ["hw/notes.txt"]
    assert report["files"]["hw/layers.py"]["size"] == (tree / "hw" / "layers.py").stat().st_size


def test_a_blank_tree_is_refused_with_every_task_and_its_place(tmp_path: Path) -> None:
    tree = student_tree(tmp_path / "tree")
    done = submit(tree)
    assert done.returncode == 1
    assert not (tree / "submission.zip").exists()
    for task_id in TASKS:
        assert re.search(rf"^NOT DONE {task_id}  (hw|answers)/\w+\.py[:,]", done.stderr, re.MULTILINE), (
            task_id
        )
    assert "--partial packs it all the same" in done.stderr


def test_unfinished_work_can_be_handed_in_on_request(tree: Path) -> None:
    stub = 'part1_q2 = r"""*Your answer goes here.*"""\n'
    answers = tree / "answers" / "part1.py"
    answers.write_text(answers.read_text(encoding="utf-8") + stub, encoding="utf-8")
    done = submit(tree)
    assert done.returncode == 1
    assert "NOT DONE p1.q2  answers/part1.py, part1_q2" in done.stderr
    assert submit(tree, "--partial").returncode == 0
    manifest, _ = read(tree / "submission.zip")
    assert manifest.not_done == ("p1.q2",)


@pytest.mark.skipif("p5.results" not in TASKS, reason="Part 5 is not there yet")
def test_runs_that_are_missing_are_listed_by_experiment(tree: Path) -> None:
    names = expected_runs()["exp1_1"]
    for name in names[:3]:
        (tree / name).unlink()
    done = submit(tree)
    assert done.returncode == 1
    assert f"MISSING  {names[0]} and 2 more, of exp1_1 (Depth)" in done.stderr
    assert submit(tree, "--partial").returncode == 0
    assert names[3] in read(tree / "submission.zip")[1]


def change(name: str, text: bytes | str | None) -> Callable[[Path], None]:
    """Return a mishap: a file that has other contents, or is gone."""

    def mishap(tree: Path) -> None:
        if text is None:
            (tree / name).unlink()
        else:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return mishap


def link(tree: Path) -> None:
    (tree / "hw" / "link.py").symlink_to("/etc/passwd")


def a_record_that_is_cut_off(tree: Path) -> None:
    name = expected_runs()["exp2"][0]
    record = json.loads((tree / name).read_bytes())
    record["fit"]["train_loss"] = []
    (tree / name).write_text(json.dumps(record), encoding="utf-8")


MISHAPS = {
    "a missing file": (change("hw/layers.py", None), r"hw/layers\.py:1: missing"),
    "a missing folder": (lambda tree: shutil.rmtree(tree / "answers"), r"answers/part1\.py:1: missing"),
    "no Python": (change("hw/mlp.py", "x = 1\ndef f(:\n"), r"hw/mlp\.py:2: not valid Python: invalid syntax"),
    "no text": (change("hw/mlp.py", b"x = 1\n\xff\n"), r"hw/mlp\.py:2: not UTF-8"),
    "a zero byte": (change("hw/mlp.py", "x = 1\0\n"), r"hw/mlp\.py:1: not valid Python"),
    "deep brackets": (change("hw/mlp.py", "(" * 5000 + ")" * 5000), r"hw/mlp\.py:1: not valid Python"),
    "an answer that is no text": (
        change("answers/part1.py", "part1_q1 = 3\npart1_q2 = 'No.'\n"),
        r"answers/part1\.py:1: p1\.q1: part1_q1 .* must be a str, not 3",
    ),
    "answers that do not import": (
        change("answers/part1.py", "import nowhere\n"),
        r"answers/part1\.py:1: p1\.q1: .*nowhere",
    ),
    "a broken result": (change("results/exp1.json", '{"a": 1,\n'), r"results/exp1\.json:2: not JSON"),
    "a result of another kind": (change("results/a.json", "[1]"), r"results/a\.json:1: not a JSON object"),
    "a record that is not whole": (
        a_record_that_is_cut_off,
        r"^results/exp2_L\S+\.json:1: results/exp2_L\S+\.json: fit\.train_loss must be 1 finite numbers",
    ),
    "a large file": (
        change("hw/big.py", b"#" * (submission.MAX_FILE + 1)),
        r"hw/big\.py:1: .* allowed: 4194304",
    ),
    "an odd name": (change("hw/my layers.py", "x = 1\n"), r"hw/my layers\.py:1: .*allowed in names are"),
    "a link": (link, r"hw/link\.py:1: a link"),
    "many files": (
        lambda tree: [change(f"hw/f{n}.py", "x = 1\n")(tree) for n in range(submission.MAX_FILES)],
        r"^\d+ files; allowed: 500",
    ),
}


@pytest.mark.parametrize(("mishap", "words"), MISHAPS.values(), ids=MISHAPS)
def test_what_is_broken_is_never_packed(mishap: Callable[[Path], None], words: str, tree: Path) -> None:
    mishap(tree)
    done = submit(tree, "--partial")
    assert done.returncode == 1, done.stdout
    assert re.search(words, done.stderr, re.MULTILINE), done.stderr
    assert done.stderr.splitlines()[-1].startswith("course: not packed: ")
    assert not (tree / "submission.zip").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--out", "work.tar"], "does not end in .zip"),
        (["--out", "no/such/a.zip"], "there is no folder"),
        (["--out", "hw"], "does not end in .zip"),
        (["--out", "mine.zip"], "exists and is no submission"),
        (["--out", "folder.zip"], "is a folder or a link"),
        (["--members", "ann lee!"], "member 'lee!'"),
        (["--members", "ann,Ann"], "named twice"),
        (["--members", "a,b,c,d,e,f,g,h,i"], "9 members; allowed: 8"),
        (["--members", "../x"], "member '../x'"),
        (["--member"], "No such option"),
    ],
)
def test_wrong_usage_is_one_message_and_status_2(options: list[str], words: str, tree: Path) -> None:
    (tree / "mine.zip").write_text("precious")
    (tree / "folder.zip").mkdir()
    done = submit(tree, *options)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert (tree / "mine.zip").read_text() == "precious"


@pytest.mark.skipif(sys.platform == "win32", reason="limits are a matter of POSIX")
def test_a_disk_that_fills_up_leaves_the_former_zip(tree: Path) -> None:
    assert submit(tree).returncode == 0
    before = (tree / "submission.zip").read_bytes()
    done = subprocess.run(
        [sys.executable, "-B", "-m", "cs_helpers", "submit", "--members", "ann"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    )
    assert done.returncode == 1
    assert re.fullmatch(r"course: \S*submission\.zip: File too large\n", done.stderr)
    assert (tree / "submission.zip").read_bytes() == before
    assert not list(tree.glob(".submission*"))


def test_names_that_a_submission_must_not_have_are_refused() -> None:
    assert submission.name_problem("hw/layers.py") == ""
    for name in (
        "layers.py",
        "/hw/layers.py",
        "hw/../x.py",
        "hw//x.py",
        "hw/.x.py",
        "hw\\x.py",
        "hw/x.pyc",
        "hw/",
        "tests/x.py",
        "results/x.py",
        "hw/" + "x" * 200 + ".py",
        "hw/x\n.py",
    ):
        assert submission.name_problem(name), name
    with pytest.raises(ValueError, match="upper and lower case"):
        submission.sums({"hw/a.py": b"", "hw/A.py": b""})


def valid() -> dict:
    """Return a manifest that is read, as data."""
    return json.loads(Manifest("c", "0", "", (), (), submission.sums({"hw/a.py": b"x"})).to_bytes())


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", 2, "not of format 1"),
        ("more", 1, "has the keys"),
        ("course", 3, "course must be a short text"),
        ("members", "ann", "members must be a list"),
        ("members", ["a\nb"], "member 'a"),
        ("not_done", ["<b>"], "ids such as"),
        ("files", [], "must be an object"),
        ("files", {"../x.py": {"sha256": "0" * 64, "size": 1}}, "not in one of the folders"),
        ("files", {"hw/x.py": {"sha256": "0" * 63, "size": 1}}, "64 digits"),
        ("files", {"hw/x.py": {"sha256": "0" * 64, "size": -1}}, "the size of hw/x.py"),
        ("files", {"hw/x.py": {"sha256": "0" * 64, "size": True}}, "the size of hw/x.py"),
        ("files", {"hw/x.py": []}, "must have sha256 and size"),
    ],
)
def test_a_manifest_of_another_form_is_refused(key: str, value: object, words: str) -> None:
    data = valid()
    Manifest.from_bytes(json.dumps(data).encode())
    with pytest.raises(ValueError, match=re.escape(words)):
        Manifest.from_bytes(json.dumps({**data, key: value}).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000, b" " * (submission.MAX_MANIFEST + 1)])
def test_a_manifest_that_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=submission.MANIFEST):
        Manifest.from_bytes(data)


def test_a_zip_that_python_reads_has_fixed_times_and_modes() -> None:
    files = {"hw/b.py": b"2", "hw/a.py": b"1"}
    data = submission.zip_bytes(files, Manifest("c", "0", "", (), (), submission.sums(files)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["manifest.json", "hw/a.py", "hw/b.py"]
        for info in archive.infolist():
            assert (info.date_time, info.external_attr >> 16) == (submission.FIXED_TIME, 0o100644)
            assert info.compress_type == zipfile.ZIP_STORED
