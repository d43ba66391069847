"""Notebooks on disk: one canonical form, clear problems, and outputs that nbval can compare."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cs_helpers import nbtools
from cs_helpers.nbtools import canonical, fix, problems, store_outputs

ROOT = Path(__file__).parents[2]


def code(source="x = 1", cell_id="first-cell", tags=(), outputs=(), count=7):
    return {
        "cell_type": "code",
        "execution_count": count,
        "id": cell_id,
        "metadata": {"tags": list(tags), "collapsed": True, "ExecuteTime": {"start": "now"}},
        "outputs": list(outputs),
        "source": source,
    }


def markdown(source, cell_id="some-text"):
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}


def notebook(*cells):
    return {
        "nbformat_minor": 4,
        "nbformat": 4,
        "metadata": {
            "kernelspec": {"name": "my-env"},
            "language_info": {"version": "3.9"},
            "widgets": {"a": 1},
        },
        "cells": list(cells),
    }


def stream(*text, name="stdout"):
    return {"name": name, "output_type": "stream", "text": list(text)}


RESULT = {
    "data": {"image/png": "aGk=", "text/html": ["<b>1</b>"], "text/plain": ["1\n", "\x1b[31m2\x1b[0m"]},
    "execution_count": 3,
    "metadata": {"needs_background": "light"},
    "output_type": "execute_result",
}

GOLDEN = """\
{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "some-text",
   "metadata": {},
   "source": [
    "# Größe\\n",
    "\\n",
    "text"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "first-cell",
   "metadata": {
    "tags": [
     "check",
     "nbval-check-output"
    ]
   },
   "outputs": [
    {
     "name": "stdout",
     "output_type": "stream",
     "text": [
      "one\\n",
      "two\\n"
     ]
    },
    {
     "data": {
      "text/plain": [
       "1\\n",
       "2"
      ]
     },
     "execution_count": null,
     "metadata": {},
     "output_type": "execute_result"
    }
   ],
   "source": [
    "x = 1\\n",
    "x"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "second-cell",
   "metadata": {},
   "outputs": [],
   "source": [
    "y = 2"
   ]
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Python 3 (ipykernel)",
   "language": "python",
   "name": "python3"
  },
  "language_info": {
   "name": "python"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
"""


def noisy():
    outputs = [stream("one\n", "tw"), RESULT, stream("\x1b[1mo\n")]
    return notebook(
        markdown(["# Größe  \n", "\n", "text \n", "\n"]),
        code("x = 1  \nx\n", tags=["nbval-check-output", "check", "check"], outputs=outputs),
        code("y = 2", "second-cell", outputs=outputs),
    )


@pytest.fixture
def write(tmp_path):
    """Return a function that writes cells as a notebook, canonical unless ``raw``, and gives its path."""

    def write(*cells, raw=False, name="part1.ipynb"):
        path = tmp_path / name
        data = notebook(*cells)
        path.write_text(json.dumps(data) if raw else canonical(data), encoding="utf-8")
        return path

    return write


def messages(path, **options):
    return [(problem.cell_id, problem.message) for problem in problems(path, **options)]


def test_the_canonical_form_is_this_text():
    assert canonical(noisy()) == GOLDEN


def test_the_canonical_form_of_a_canonical_notebook_is_itself():
    assert canonical(json.loads(GOLDEN)) == GOLDEN


def test_making_a_notebook_canonical_does_not_change_it():
    data = noisy()
    before = copy.deepcopy(data)
    canonical(data)
    assert data == before


def test_the_canonical_form_depends_on_no_run_and_no_editor():
    other = noisy()
    for cell in other["cells"]:
        cell["source"] = "".join(cell["source"])
        cell["metadata"]["jupyter"] = {"source_hidden": True}
        if cell["cell_type"] == "code":
            cell["execution_count"] = 99
    other["cells"][2]["outputs"] = [stream("something else")]
    assert canonical(other) == GOLDEN


def test_outputs_can_be_left_out():
    assert all(
        cell.get("outputs", []) == [] for cell in json.loads(canonical(noisy(), keep_outputs=False))["cells"]
    )


def test_an_output_without_text_is_dropped_and_an_error_loses_its_traceback():
    image = {"data": {"image/png": "aGk="}, "metadata": {}, "output_type": "display_data"}
    error = {
        "ename": "E",
        "evalue": "\x1b[31mbad\x1b[0m",
        "output_type": "error",
        "traceback": ["/some/path"],
    }
    text = canonical(notebook(code(tags=["nbval-check-output"], outputs=[image, error])))
    assert json.loads(text)["cells"][0]["outputs"] == [
        {"ename": "E", "evalue": "bad", "output_type": "error", "traceback": []}
    ]


def test_nbformat_accepts_and_rewrites_the_canonical_form_alike():
    import nbformat

    loaded = nbformat.reads(GOLDEN, as_version=4)
    nbformat.validate(loaded)
    assert nbformat.writes(loaded) + "\n" == GOLDEN


def test_fixing_writes_the_canonical_form_once(write, tmp_path):
    path = write(*noisy()["cells"], raw=True)
    path.chmod(0o640)
    assert fix(path)
    assert path.read_text(encoding="utf-8") == GOLDEN
    assert path.stat().st_mode & 0o777 == 0o640
    assert not fix(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_fixing_invents_no_id(write):
    cell = code()
    del cell["id"]
    path = write(cell, raw=True)
    fix(path)
    assert "id" not in json.loads(path.read_text())["cells"][0]
    assert messages(path) == [("#1", "no id; write one by hand, such as linear-check")]


def test_fixing_what_is_no_notebook_leaves_it_alone(tmp_path):
    for text in ("", "{", "[]", '{"nbformat": 3}', '{"nbformat": 4}', '{"nbformat": 4, "cells": [1]}'):
        path = tmp_path / "x.ipynb"
        path.write_text(text)
        with pytest.raises(ValueError, match=r"x\.ipynb: not|x\.ipynb: 'cells'"):
            fix(path)
        assert path.read_text() == text
        assert len(problems(path)) == 1


def test_a_tidy_notebook_has_no_problems(write, tmp_path):
    (tmp_path / "layer.svg").write_text("<svg/>")
    path = write(
        markdown("# Layers\n\n![A layer: x goes in, y comes out](layer.svg)"),
        code("1 + 1", tags=["nbval-check-output", "check"], outputs=[RESULT]),
        code("\n".join("x = 1" for _ in range(15)), "longest-allowed", tags=["todo"]),
    )
    assert problems(path) == []


def test_a_notebook_as_an_editor_saves_it_is_not_canonical(write):
    path = write(*noisy()["cells"], raw=True)
    (problem,) = problems(path)
    assert str(problem) == f"{path}: not in canonical form; run: python -m cs_helpers.nbtools fix {path}"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (code(cell_id="1a2b3c4d"), "looks made by a machine"),
        (code(cell_id="deadbeef"), "looks made by a machine"),
        (code(cell_id="0b5e7f2a-1c2d-4e3f-8a9b-0c1d2e3f4a5b"), "looks made by a machine"),
        (code(cell_id="Linear"), "must have 3 to 41 of a-z"),
        (code(cell_id="a" * 42), "must have 3 to 41 of a-z"),
        (
            code(tags=["nbval-check-ouput"]),
            "unknown tag 'nbval-check-ouput'; did you mean 'nbval-check-output'?",
        ),
        (code(tags=["solution"]), "unknown tag 'solution'"),
        (code(""), "empty cell"),
        (markdown(" \n"), "empty cell"),
        (code("x = 1\n" * 16), "16 lines of code; allowed: 15"),
        (markdown("x") | {"cell_type": "raw"}, "cell type 'raw'; allowed: code, markdown"),
        (code(tags=["nbval-check-output"]), "no output to compare with"),
        (
            code(tags=["nbval-check-output"], outputs=[stream("<A at 0x7f3c5d0e>")]),
            "changes with every run: 'at 0x7f3c5d0e'",
        ),
        (markdown("![](here.svg)"), "image 'here.svg' has no alt text"),
        (markdown("![a layer](gone.svg)"), "image 'gone.svg' does not exist"),
        (markdown("![a layer](https://example.org/a.png)"), "is not a file beside the notebooks"),
        (markdown('<img src="http://example.org/a.png" alt="a">'), "is not a file beside the notebooks"),
        (markdown("<img alt='a layer' src='gone.svg'/>"), "image 'gone.svg' does not exist"),
        (markdown('<IMG\n src="here.svg">'), "image 'here.svg' has no alt text"),
        (
            markdown('<source srcset="gone.svg"><img src="here.svg" alt="a layer">'),
            "'gone.svg' does not exist",
        ),
        (markdown("![a layer](attachment:a.png)"), "is not a file beside the notebooks"),
        (markdown("x") | {"attachments": {"a.png": {"image/png": "aGk="}}}, "attached file"),
    ],
)
def test_each_problem_is_named_with_its_cell(write, tmp_path, cell, words):
    (tmp_path / "here.svg").write_text("<svg/>")
    ((cell_id, message),) = messages(write(cell))
    assert cell_id == cell["id"]
    assert words in message


def test_all_problems_are_reported_at_once(write):
    path = write(code("", "Bad", ["odd"]), markdown("x", "twice"), markdown("y", "twice"), raw=True)
    assert [cell_id for cell_id, _ in messages(path)] == ["", "Bad", "Bad", "Bad", "twice", "twice"]


def test_a_released_notebook_must_have_no_output(write):
    path = write(code(tags=["nbval-check-output"], outputs=[stream("PASS")]))
    assert messages(path) == []
    assert messages(path, outputs_stored=False) == [("first-cell", "has a stored output")]


def test_the_command_line_checks_and_fixes(write, capsys):
    path = write(*noisy()["cells"], raw=True)
    assert nbtools.main(["check", str(path)]) == 1
    assert "not in canonical form" in capsys.readouterr().err
    assert nbtools.main(["fix", str(path)]) == 0
    assert nbtools.main(["check", str(path)]) == 0
    path.write_text("{")
    assert nbtools.main(["fix", str(path)]) == 1
    assert "not JSON" in capsys.readouterr().err


def test_the_notebooks_of_the_course_have_no_problems():
    found = [str(p) for path in sorted((ROOT / "notebooks").glob("*.ipynb")) for p in problems(path)]
    assert not found, "\n".join(found)


# With a kernel

TABLE = """
class Table:
    def __repr__(self): return "1 PASS"
    def _repr_html_(self): return f"<b>{id(self)}</b>"
"""


def run_nbval(path):
    """Run nbval on one notebook, with the preparation that a course's conftest.py makes."""
    (path.parent / "conftest.py").write_text(
        "from cs_helpers.nbtools import prepare_for_nbval\n\n\n"
        "def pytest_collection_modifyitems(items):\n    prepare_for_nbval(items)\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-lax",
        "--nbval-current-env",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, path.name], cwd=path.parent, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_stored_outputs_are_what_nbval_compares(write):
    path = write(
        code(TABLE, "table-class"),
        code("print('loss', 3)\nTable()", "table-shown", tags=["nbval-check-output"]),
        code("print('not stored')", "free-text"),
        code("print('other:', 2, end='')", "other-text", tags=["nbval-check-output"]),
        code("1 / 0", "an-error", tags=["raises-exception", "nbval-check-output"]),
        code("while True: pass", "never-run", tags=["nbval-skip"]),
    )
    assert store_outputs(path)
    assert problems(path) == []
    cells = json.loads(path.read_text())["cells"]
    assert [len(cell["outputs"]) for cell in cells] == [0, 2, 0, 1, 1, 0]
    assert cells[1]["outputs"][1]["data"] == {"text/plain": ["1 PASS"]}

    path.write_text(path.read_text().replace('"other: 2"', '"other: 3"'))
    status, text = run_nbval(path)
    assert status == 1, text
    assert "1 failed, 4 passed, 1 skipped" in text
    assert "mismatch 'stdout'" in text


def test_a_notebook_that_fails_is_not_rewritten(write, capsys):
    path = write(code("1 / 0", tags=["nbval-check-output"], outputs=[stream("old")]))
    before = path.read_bytes()
    assert nbtools.main(["outputs", str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert path.read_bytes() == before
