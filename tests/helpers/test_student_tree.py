"""The tree that students start from: complete, blank, and refused as a whole when anything leaks."""

import json
from pathlib import Path

import pytest

from cs_helpers import regions
from cs_helpers.regions import RegionError
from cs_helpers.student_tree import blank_tree, region_ids, solution_lines

ROOT = Path(__file__).parents[2]
FILES = ("cs_helpers", "notebooks", "README.md")

SOLUTION = '''\
class Linear:
    def forward(self, x):
        """Return x @ w.T + b."""
        # BEGIN SOLUTION p1.linear
        self.x = x  # for backward
        return x @ self.w.T + self.b
        # END SOLUTION
'''

BLANK = '''\
class Linear:
    def forward(self, x):
        """Return x @ w.T + b."""
        raise NotImplementedError("p1.linear: Linear.forward")
'''

ANSWERS = '''\
# BEGIN ANSWER p1.q1
part1_q1 = r"""
Because $n < m$.
"""
# END ANSWER
'''


@pytest.fixture
def course(tmp_path):
    """A small course, and the list of its files besides hw and answers."""
    root = tmp_path / "course"
    for name, text in {
        "hw/__init__.py": "",
        "hw/layers.py": SOLUTION,
        "hw/__pycache__/layers.cpython-311.pyc": "return x @ self.w.T + self.b",
        "answers/part1.py": ANSWERS,
        "cs_helpers/check.py": "def check(): pass\n",
        "staff/notes.md": "Because $n < m$.\n",
        "README.md": "# Course\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "notebooks").mkdir()
    write_notebook(root, "check('p1.linear')")
    return root


def write_notebook(root, source):
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "id": "linear-check",
        "metadata": {"tags": ["nbval-check-output"]},
        "outputs": [{"name": "stdout", "output_type": "stream", "text": ["PASS"]}],
        "source": source,
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (root / "notebooks/part1.ipynb").write_text(json.dumps(notebook))


def contents(root):
    return {str(p.relative_to(root)): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}


def test_the_blank_tree_has_stubs_and_the_listed_files_alone(course, tmp_path):
    blank_tree(course, tmp_path / "out", FILES, known_ids={"p1.linear", "p1.q1"})
    found = contents(tmp_path / "out")
    assert sorted(found) == [
        "README.md",
        "answers/part1.py",
        "cs_helpers/check.py",
        "hw/__init__.py",
        "hw/layers.py",
        "notebooks/part1.ipynb",
    ]
    assert found["hw/layers.py"] == BLANK
    assert regions.PLACEHOLDER in found["answers/part1.py"]
    assert "PASS" not in found["notebooks/part1.ipynb"]
    assert [path.name for path in tmp_path.iterdir()] == ["course", "out"] or len(
        list(tmp_path.iterdir())
    ) == 2


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("cs_helpers/check.py", "a = 1\n# return x @  self.w.T   + self.b\n", 2),
        ("README.md", "one\ntwo\nso: Because $n < m$. And more\n", 3),
        ("hw/copy.py", "def f(self, x):\n    return x @ self.w.T + self.b\n", None),
        ("notebooks/part1.ipynb", "self.x = x  # for backward", 1),
    ],
)
def test_a_solution_line_anywhere_in_the_result_refuses_it(course, tmp_path, name, text, line):
    if name.endswith(".ipynb"):
        write_notebook(course, text)
    else:
        (course / name).write_text(text)
    if line is None:  # a line that a file shows anyway is no secret
        blank_tree(course, tmp_path / "out", FILES)
        return
    with pytest.raises(RegionError, match=f"^{name}:{line}: gives a solution line away"):
        blank_tree(course, tmp_path / "out", FILES)
    assert not (tmp_path / "out").exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_line_can_be_allowed_by_name(course, tmp_path):
    (course / "README.md").write_text("Because $n < m$.\n")
    blank_tree(course, tmp_path / "out", FILES, allowed_lines={"Because $n < m$."})
    assert "Because" in (tmp_path / "out/README.md").read_text()


def test_an_id_without_region_refuses_the_result(course, tmp_path):
    with pytest.raises(ValueError, match=r"no region has the id p1\.tanh"):
        blank_tree(course, tmp_path / "out", FILES, known_ids={"p1.linear", "p1.q1", "p1.tanh"})


def test_a_folder_with_anything_in_it_is_never_written_to(course, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="is not empty"):
        blank_tree(course, tmp_path / "out", FILES)
    assert contents(tmp_path / "out") == {"mine.txt": "precious"}


def test_an_empty_folder_is_filled(course, tmp_path):
    (tmp_path / "out").mkdir()
    blank_tree(course, tmp_path / "out", FILES)
    assert (tmp_path / "out/README.md").exists()


def test_missing_files_and_links_refuse_the_result(course, tmp_path):
    with pytest.raises(FileNotFoundError, match="LICENSE is missing"):
        blank_tree(course, tmp_path / "out", (*FILES, "LICENSE"))
    (course / "cs_helpers/link.py").symlink_to(course / "staff/notes.md")
    with pytest.raises(ValueError, match=r"link\.py is a symbolic link"):
        blank_tree(course, tmp_path / "out", FILES)
    assert not (tmp_path / "out").exists()


def test_the_blank_student_files_give_no_solution_line_away(tmp_path):
    blank_tree(ROOT, tmp_path / "out", files=())
    assert region_ids(ROOT)
    assert solution_lines(ROOT)
    assert region_ids(tmp_path / "out") == set()
