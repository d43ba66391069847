"""What must never get out: each kind of leak is planted in a copy of the course, and refused."""

import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from released import clone_course, git
from safetensors.torch import load_file, save_file
from trees import run_in, solution

CODE = "self.w = (wstd * torch.randn(out_features, in_features)).T.contiguous().T"
NOTEBOOK = "notebooks/part1_backprop.ipynb"
ASSET = "tests/assets/p1.tanh.safetensors"
PICTURE = "notebooks/figures/screenshot.png"


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


def refused(tree: Path, out: Path) -> str:
    """Release what git knows, see it refused without a trace, and return what was said."""
    git(tree, "add", "-Af")
    done = run_in(tree, "-m", "cs_helpers", "release", str(out), "--allow-dirty")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(out.parent.iterdir()) == []
    return done.stderr


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Return a plant that changes the first place of a text in a file."""

    def plant(tree: Path) -> None:
        text = (tree / name).read_text(encoding="utf-8")
        assert old in text, f"{name} has changed: the test plants a leak at {old!r}"
        (tree / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return plant


def add(name: str, data: bytes | str) -> Callable[[Path], None]:
    """Return a plant that writes a file, or adds to the end of one that is there."""

    def plant(tree: Path) -> None:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else b""
        path.write_bytes(before + (data.encode() if isinstance(data, str) else data))

    return plant


def in_cell(source: str, kind: str = "code", **fields: object) -> Callable[[Path], None]:
    """Return a plant that puts one more cell at the end of a notebook, in canonical form."""

    def plant(tree: Path) -> None:
        from cs_helpers import nbtools

        path = tree / NOTEBOOK
        notebook = nbtools.load(path)
        cell = {"cell_type": kind, "id": "planted-cell", "metadata": {}, "source": source, **fields}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        notebook["cells"].append(cell)
        path.write_text(nbtools.canonical(notebook), encoding="utf-8")

    return plant


def in_asset(tree: Path) -> None:
    """Put a solution line into the metadata of stored tensors."""
    save_file(load_file(tree / ASSET), tree / ASSET, metadata={"note": f"{CODE}"})


def in_picture(tree: Path) -> None:
    """Put a solution line into a PNG, compressed."""
    body = b"Comment\0\0" + zlib.compress(f"{CODE}".encode())
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = (tree / PICTURE).read_bytes()
    (tree / PICTURE).write_bytes(data[:33] + chunk + data[33:])  # 33: the signature and the first chunk


def zipped() -> bytes:
    """Return a zip with a solution line in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("layers.py", f"{CODE}\n" * 20)
    return buffer.getvalue()


BEGIN = "        # BEGIN SOLUTION p1.linear\n"
WORDS = "It is one of\n*multiplications*: exactly one for **every** entry\nthat can differ\nfrom zero."

MARKS = {
    "misspelt": (
        replace("hw/layers.py", BEGIN, BEGIN.replace("BEGIN", "BEGN")),
        "hw/layers.py",
        "not a mark",
    ),
    "in the wrong case": (replace("hw/layers.py", BEGIN, BEGIN.lower()), "hw/layers.py", "not a mark"),
    "without an id": (replace("hw/layers.py", " p1.linear\n", "\n"), "hw/layers.py", "not a mark"),
    "with something behind": (
        replace("hw/layers.py", " p1.linear\n", " p1.linear!\n"),
        "hw/layers.py",
        "not a",
    ),
    "with an unknown id": (
        replace("hw/layers.py", "SOLUTION p1.linear\n", "SOLUTION p1.linaer\n"),
        "hw/layers.py",
        "unknown id p1.linaer; did you mean 'p1.linear'",
    ),
    "misspelt twice, begin and end": (
        replace("hw/layers.py", BEGIN, BEGIN.replace("SOLUTION", "SLTN")),
        "hw/layers.py",
        "not a mark",
    ),
    "gone, begin and end": (
        lambda tree: [
            replace("hw/layers.py", mark, "")(tree) for mark in (BEGIN, "        # END SOLUTION\n")
        ],
        "hw/layers.py",
        "a TODO without a region below it",
    ),
    "without an end": (
        replace("hw/layers.py", "        # END SOLUTION\n", ""),
        "hw/layers.py",
        "begins inside",
    ),
    "nested": (
        replace("hw/layers.py", BEGIN, BEGIN + BEGIN),
        "hw/layers.py",
        "p1.linear begins inside p1.linear",
    ),
    "inside a string": (
        replace("hw/layers.py", BEGIN, '        s = """\n' + BEGIN + '        """\n' + BEGIN),
        "hw/layers.py",
        "mark outside of a comment",
    ),
    "in the wrong file": (
        add("hw/mlp.py", "\n\ndef f():\n    # BEGIN SOLUTION p1.linear\n    pass\n    # END SOLUTION\n"),
        "hw/mlp.py",
        "p1.linear belongs into hw/layers.py",
    ),
    "of a question twice": (
        add("answers/part1.py", '\n# BEGIN ANSWER p1.q2\npart1_q3 = "and more"\n# END ANSWER\n'),
        "answers/part1.py",
        "a second ANSWER p1.q2",
    ),
    "gone, with the region's code": (
        replace("answers/part1.py", "# BEGIN ANSWER p1.q2", "# just a comment"),
        "answers/part1.py",
        "END ANSWER without a BEGIN",
    ),
    "in a notebook": (
        in_cell("# BEGIN SOLUTION p1.linear\nx = 1\n# END SOLUTION"),
        NOTEBOOK,
        "a mark outside of hw/ and answers/",
    ),
    "in a notebook, misspelt": (
        in_cell("# BEGIN SOLUTON p1.linear\nx = 1"),
        NOTEBOOK,
        "a mark outside of hw/ and answers/",
    ),
    "in the course's code": (
        add("cs_helpers/plot.py", "\n# BEGIN SOLUTON p1.tanh\nX = 1\n"),
        "cs_helpers/plot.py",
        "a mark outside of hw/ and answers/",
    ),
    "for staff, misspelt": (
        replace("Makefile", "# BEGIN STAFF", "# BEGIN STAF"),
        "Makefile",
        "not a mark, but",
    ),
    "for staff, without an end": (
        replace("README.md", "<!-- END STAFF -->", ""),
        "README.md",
        "BEGIN STAFF inside that",
    ),
}

LINES = {
    "in a notebook's code": (in_cell(f"y = 1\n{CODE}"), NOTEBOOK, "gives a solution away"),
    "in a notebook's text": (
        in_cell(f"So: `{CODE}` ...", "markdown"),
        NOTEBOOK,
        "gives a solution away",
    ),
    "in a notebook's attachment": (
        in_cell("text", "markdown", attachments={"a.txt": {"text/plain": f"{CODE}"}}),
        NOTEBOOK,
        "gives a solution away",
    ),
    "in JSON escapes": (
        replace(
            "tests/assets/manifest.json",
            "{",
            '{\n "note": "self.w = (wst\\u0064 * torch.randn(out_features, in_features)).T.contiguous().T",',
        ),
        "tests/assets/manifest.json",
        "gives a solution away",
    ),
    "in a docstring": (
        replace("hw/layers.py", '"""', f'"""The trick: {CODE}.\n\n'),
        "hw/layers.py",
        "gives a solution away",
    ),
    "in a docstring, with other spaces and line breaks": (
        replace(
            "cs_helpers/plot.py",
            '"""',
            '"""Note.\n\n  self.w=(wstd*torch.randn( out_features,in_features )).T.contiguous(\n    ).T\n\n',
        ),
        "cs_helpers/plot.py",
        "gives a solution away",
    ),
    "outside of its region": (
        add("hw/mlp.py", f"\n\ndef helper(self, x):\n    {CODE}\n"),
        "hw/mlp.py",
        "gives a solution away",
    ),
    "in an asset's metadata": (in_asset, ASSET, "gives a solution away"),
    "in a result": (
        add("results/exp1.json", f'{{\n "note": "{CODE}"\n}}\n'),
        "results/exp1.json",
        "gives a",
    ),
    "in an SVG": (
        replace("notebooks/figures/mlp.svg", "</svg>", f"<!-- {CODE} --></svg>"),
        "notebooks/figures/mlp.svg",
        "gives a solution away",
    ),
    "in the README": (add("README.md", f"\nHint: {CODE}\n"), "README.md", "gives a solution away"),
    "as numbers": (
        in_cell('hp = {"wstd": 0.02, "lr": 0.005}'),
        NOTEBOOK,
        "gives a solution away",
    ),
    "of an answer, in a rubric": (
        replace(
            "cs_helpers/tasks.py",
            '"which entries of each are zero, and why"',
            '"each holds at most N C D entries, all of them copies of entries of W or of X"',
        ),
        "cs_helpers/tasks.py",
        "gives a solution away",
    ),
    "of an answer, broken differently": (
        add("README.md", f"\n{WORDS}\n"),
        "README.md",
        "gives a solution away",
    ),
}

FILES = {
    "compiled": (add("hw/__pycache__/layers.cpython-311.pyc", CODE), "hw/__pycache__/layers.cpython-311.pyc"),
    "history": (add("cs_helpers/history.bundle", zlib.compress(CODE.encode())), "cs_helpers/history.bundle"),
    "backup of an editor": (add("hw/layers.py~", CODE), "hw/layers.py~"),
    "swap file of an editor": (add("hw/.layers.py.swp", CODE), "hw/.layers.py.swp"),
    "notebook's checkpoint": (
        add("notebooks/.ipynb_checkpoints/a.ipynb", "{}"),
        "notebooks/.ipynb_checkpoints/a.ipynb",
    ),
    "rejected patch": (add("hw/layers.py.rej", CODE), "hw/layers.py.rej"),
    "zip": (add("notebooks/figures/all.zip", zipped()), "notebooks/figures/all.zip"),
    "new folder": (add("solutions/layers.py", CODE), "solutions/layers.py"),
    "release": (add("release.json", "{}"), "release.json"),
}

CONTENTS = {
    "a zip called a picture": (
        add("notebooks/figures/all.png", zipped()),
        "notebooks/figures/all.png",
        "not a PNG",
    ),
    "a zip behind a picture": (add(PICTURE, zipped()), PICTURE, "something behind its end"),
    "text inside a picture": (in_picture, PICTURE, "a PNG with metadata"),
    "bytes behind tensors": (add(ASSET, CODE), ASSET, "bytes that belong to no tensor"),
    "compressed text": (
        add("notebooks/figures/a.svg", gzip.compress(b"x")),
        "notebooks/figures/a.svg",
        "not UTF-8",
    ),
    "another encoding": (
        add("notebooks/figures/a.svg", f"{CODE}".encode("utf-16-le")),
        "notebooks/figures/a.svg",
        "U+0000",
    ),
    "a character that nobody sees": (add("README.md", "ret\u200burn\n"), "README.md", "U+200B"),
    "metadata of a notebook": (
        replace(
            NOTEBOOK, '"metadata": {\n  "kernelspec"', '"metadata": {\n  "author": "staff",\n  "kernelspec"'
        ),
        NOTEBOOK,
        "nbtools fix",
    ),
    "an output of a notebook": (
        replace(NOTEBOOK, '"outputs": []', '"outputs": [{"a": 1}]'),
        NOTEBOOK,
        "nbtools fix",
    ),
    "staff code that is needed": (
        add("cs_helpers/plot.py", "\nfrom cs_helpers.release import build\n"),
        "cs_helpers/plot.py",
        "imports cs_helpers.release, which is not released",
    ),
}


@pytest.mark.parametrize(("plant", "name", "words"), MARKS.values(), ids=MARKS)
def test_a_mark_that_is_not_as_it_must_be_refuses_the_release(
    plant: Callable[[Path], None], name: str, words: str, course: Path, tmp_path: Path
) -> None:
    plant(course)
    said = refused(course, tmp_path / "out")
    assert re.search(rf"^{re.escape(name)}:\d+: .*{re.escape(words)}", said, re.MULTILINE), said


@pytest.mark.parametrize(("plant", "name", "words"), LINES.values(), ids=LINES)
def test_a_line_of_a_solution_refuses_the_release(
    plant: Callable[[Path], None], name: str, words: str, course: Path, tmp_path: Path
) -> None:
    plant(course)
    said = refused(course, tmp_path / "out")
    found = [
        int(line) for line in re.findall(rf"^{re.escape(name)}:(\d+): {re.escape(words)}", said, re.MULTILINE)
    ]
    assert found, said
    if not name.endswith(".safetensors"):  # the line is the one in the file that staff edit
        lines = (course / name).read_text(encoding="utf-8").split("\n")
        before = dict(enumerate(solution()[name].text.split("\n"), 1)) if name in solution() else {}
        assert all(lines[line - 1] != before.get(line) for line in found)


@pytest.mark.parametrize(("plant", "name"), FILES.values(), ids=FILES)
def test_a_file_that_is_on_no_list_refuses_the_release(
    plant: Callable[[Path], None], name: str, course: Path, tmp_path: Path
) -> None:
    plant(course)
    assert re.search(rf"^{re.escape(name)}:1: not on a list", refused(course, tmp_path / "out"), re.MULTILINE)


@pytest.mark.parametrize(("plant", "name", "words"), CONTENTS.values(), ids=CONTENTS)
def test_a_file_that_hides_something_refuses_the_release(
    plant: Callable[[Path], None], name: str, words: str, course: Path, tmp_path: Path
) -> None:
    plant(course)
    said = refused(course, tmp_path / "out")
    assert re.search(rf"^{re.escape(name)}:\d+: .*{re.escape(words)}", said, re.MULTILINE), said


def test_all_problems_are_told_at_once(course: Path, tmp_path: Path) -> None:
    for plant, *_ in [MARKS["misspelt"], MARKS["in a notebook"], MARKS["of a question twice"], FILES["zip"]]:
        plant(course)
    said = refused(course, tmp_path / "out")
    assert {line.split(":")[0] for line in said.splitlines()} >= {
        "hw/layers.py",
        NOTEBOOK,
        "answers/part1.py",
        "notebooks/figures/all.zip",
    }
    assert said.splitlines()[-1].startswith("course: not released: ")


def test_links_and_submodules_are_refused(course: Path, tmp_path: Path) -> None:
    (course / "hw" / "link.py").symlink_to("layers.py")
    assert "hw/link.py is a link or a submodule" in refused_as_source(course, tmp_path / "out")


def refused_as_source(tree: Path, out: Path) -> str:
    """Release a tree that cannot be a source, and return what was said."""
    done = run_in(tree, "-m", "cs_helpers", "release", str(out), "--allow-dirty")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()
    return done.stderr


def test_a_leak_in_json_is_told_in_json(course: Path, tmp_path: Path) -> None:
    in_asset(course)
    done = run_in(course, "-m", "cs_helpers", "release", str(tmp_path / "out"), "--allow-dirty", "--json")
    assert done.returncode == 1
    assert any(line.startswith(f"{ASSET}:1: gives") for line in json.loads(done.stdout)["problems"])
