"""Solution regions: found exactly, blanked exactly, and refused when in doubt."""

import ast
import random
import textwrap
from pathlib import Path

import pytest

from cs_helpers import answers, regions
from cs_helpers.regions import RegionError, blank, parse, put_back

ROOT = Path(__file__).parents[2]

SOLUTION = '''\
"""A layer."""
import math


class Linear:
    """Affine map."""

    def forward(self, x):
        """Return x @ w.T + b."""
        # x: (N, Din)
        # BEGIN SOLUTION p1.linear
        self.x = x  # for backward
        return x @ self.w.T + self.b
        # END SOLUTION

    async def backward(self, dout):
        if dout is None:
            # BEGIN SOLUTION p1.linear

            # nothing arrives from above
            dout = math.inf

            # END SOLUTION
        else:
            pass
        def inner():
            # BEGIN SOLUTION p1.inner
            return dout ** 2
            # END SOLUTION
        return inner
'''

BLANK = '''\
"""A layer."""
import math


class Linear:
    """Affine map."""

    def forward(self, x):
        """Return x @ w.T + b."""
        # x: (N, Din)
        raise NotImplementedError("p1.linear: Linear.forward")

    async def backward(self, dout):
        if dout is None:
            raise NotImplementedError("p1.linear: Linear.backward")
        else:
            pass
        def inner():
            raise NotImplementedError("p1.inner: Linear.backward.inner")
        return inner
'''

ANSWERS = '''\
"""Part 1."""

# BEGIN ANSWER p1.q1
part1_q1 = r"""
Because $n < m$.
"""
# END ANSWER

LIMIT = 3
'''


def in_function(body):
    return "def f(x):\n" + textwrap.indent(textwrap.dedent(body), "    ")


def test_regions_know_their_task_lines_and_function():
    found = [(r.kind, r.id, r.start, r.end, len(r.indent), r.qualname) for r in parse(SOLUTION)]
    assert found == [
        ("SOLUTION", "p1.linear", 11, 14, 8, "Linear.forward"),
        ("SOLUTION", "p1.linear", 18, 23, 12, "Linear.backward"),
        ("SOLUTION", "p1.inner", 27, 29, 12, "Linear.backward.inner"),
    ]


def test_a_solution_becomes_an_error_that_names_task_and_function():
    assert blank(SOLUTION) == BLANK


def test_an_answer_becomes_a_placeholder():
    assert blank(ANSWERS) == ('"""Part 1."""\n\npart1_q1 = r"""*Your answer goes here.*"""\n\nLIMIT = 3\n')


def test_an_answer_of_two_variables_becomes_two_placeholders():
    text = "# BEGIN ANSWER p1.q1\na = 'one'\nb = 'two'\n# END ANSWER\n"
    names = {"a": regions.PLACEHOLDER, "b": regions.PLACEHOLDER}
    found = {}
    exec(blank(text), {}, found)
    assert found == names


@pytest.mark.parametrize("text", [SOLUTION, ANSWERS], ids=["solution", "answers"])
def test_putting_the_solution_back_gives_the_same_bytes(text):
    assert put_back(blank(text), text) == text


def test_a_text_without_regions_stays_as_it_is():
    text = "\ufeff# plain\nx = '''\n  a  \n'''\n\x0c\ny = 1"
    assert blank(text.lstrip("\ufeff")) == text.lstrip("\ufeff")


def test_random_files_round_trip_and_keep_every_line_outside():
    for seed in range(200):
        text = random_source(random.Random(seed))
        blanked = blank(text)
        assert put_back(blanked, text) == text
        assert "secret" not in blanked
        assert [line for line in text.split("\n") if "public" in line] == [
            line for line in blanked.split("\n") if "public" in line and "raise" not in line
        ]


def random_source(draw):
    """Return a module of nested blocks with regions at random places."""
    functions = [
        [f"def public_{number}(x):", *random_block(draw, "    ")] for number in range(draw.randint(1, 4))
    ]
    return "\n".join(sum(functions, ["import public_module"])) + draw.choice(["", "\n", "\n\n"])


def random_block(draw, indent, depth=0):
    lines = []
    for _ in range(draw.randint(1, 3)):
        choice = draw.random()
        if choice < 0.3:
            lines.append(f"{indent}# BEGIN SOLUTION p{draw.randint(1, 5)}.task_{draw.randint(0, 9)}")
            lines += [f"{indent}secret = [{n},\n 'secret']  # secret" for n in range(draw.randint(1, 3))]
            lines.append(f"{indent}# END SOLUTION")
        elif choice < 0.6 and depth < 3:
            lines.append(indent + draw.choice(["for public in x:", "with public:", "def public():"]))
            lines += random_block(draw, indent + draw.choice(["  ", "    "]), depth + 1)
        else:
            lines.append(f'{indent}public = "é" + """\n public"""')
    return lines


@pytest.mark.parametrize(
    ("name", "body", "line", "words"),
    [
        ("no end", "# BEGIN SOLUTION p1.a\nx = 1\n", 2, "without an END"),
        ("no begin", "x = 1\n# END SOLUTION\n", 3, "without a BEGIN"),
        (
            "nested",
            "# BEGIN SOLUTION p1.a\nx = 1\n# BEGIN SOLUTION p1.b\nx = 2\n# END SOLUTION\n",
            4,
            "inside p1.a",
        ),
        ("other end", "# BEGIN SOLUTION p1.a\nx = 1\n# END ANSWER\n", 4, "END ANSWER for BEGIN SOLUTION"),
        (
            "other indent",
            "if x:\n    # BEGIN SOLUTION p1.a\n    x = 1\n# END SOLUTION\n",
            5,
            "indented unlike",
        ),
        ("empty", "# BEGIN SOLUTION p1.a\n# only a comment\n# END SOLUTION\npass\n", 2, "empty"),
        (
            "half a statement",
            "y = [\n# BEGIN SOLUTION p1.a\n1,\n# END SOLUTION\n]\n",
            3,
            "cuts the statement",
        ),
        (
            "half a loop",
            "# BEGIN SOLUTION p1.a\nfor y in x:\n# END SOLUTION\n    pass\n",
            2,
            "cuts the statement",
        ),
        (
            "wrong indent",
            "# BEGIN SOLUTION p1.a\nif x:\n        # END SOLUTION\n    y = 1\n",
            4,
            "indented unlike",
        ),
        (
            "else inside",
            "if x:\n    y = 1\n    # BEGIN SOLUTION p1.a\nelse:\n    y = 2\n    # END SOLUTION\n",
            4,
            "different blocks",
        ),
        (
            "two blocks",
            "if x:\n    # BEGIN SOLUTION p1.a\n    y = 1\nelse:\n    y = 2\n    # END SOLUTION\n",
            3,
            "different blocks",
        ),
        (
            "deeper code",
            "if x:\n    y = 1\n# BEGIN SOLUTION p1.a\n    y = 2\n# END SOLUTION\n",
            4,
            "not indented like",
        ),
        ("string", 's = """\n# BEGIN SOLUTION p1.a\n"""\n', 3, "outside of a comment"),
        ("string that ends", 's = "# END SOLUTION"\n', 2, "outside of a comment"),
        ("f-string", 's = f"""{x}\n # end solution"""\n', 3, "outside of a comment"),
        (
            "answer inside a function",
            "# BEGIN ANSWER p1.q1\na = 'b'\n# END ANSWER\n",
            2,
            "not at module level",
        ),
    ],
)
def test_a_region_out_of_order_is_refused_with_its_line(name, body, line, words):
    with pytest.raises(RegionError, match=rf"^hw/x\.py:{line}: .*{words}"):
        blank(in_function(body), "hw/x.py")


@pytest.mark.parametrize(
    "mark",
    [
        "#BEGIN SOLUTION p1.a",
        "## BEGIN SOLUTION p1.a",
        "#  BEGIN SOLUTION p1.a",
        "# BEGIN  SOLUTION p1.a",
        "# BEGIN SOLUTON p1.a",
        "# BEGIN SOLUTIONS p1.a",
        "# BEGINN SOLUTION p1.a",
        "# BEGIN SOLUTION",
        "# BEGIN SOLUTION p1",
        "# BEGIN SOLUTION p1.Linear",
        "# BEGIN SOLUTION p1.a p1.b",
        "# BEGIN SOLUTION p1.a.",
        "# BEGIN SOLUTION: p1.a",
        "# Begin Solution p1.a",
        "# begin solution p1.a",
        "# BEGIN_SOLUTION p1.a",
        "# BEGINSOLUTION p1.a",
        "# SOLUTION BEGIN p1.a",
        "# START SOLUTION p1.a",
        "# SOLUTION p1.a",
        "# BGIN SOLUTION p1.a",
        "### BEGIN SOLUTION",
        "# BEGIN ANSWR p1.q1",
        "# begin answer p1.q1",
        "# ANSWER BEGIN",
        "# END SOLUTION p1.a",
        "# END SOLUTION.",
        "## end solution",
        "# ENDSOLUTION",
        "# EDN SOLUTION",
        "# END SOLUTOIN",
        "# BEGIN SLTN p1.a",
        "# p1.a ends here",
        "# END SLTN",
        "# END ANSWERS",
        "x = 1  # END SOLUTION",
        "x = 1  # BEGIN SOLUTION p1.a",
    ],
)
def test_what_only_looks_like_a_mark_is_refused(mark):
    with pytest.raises(RegionError, match=r"^hw/x\.py:2: not a mark, but looks like one"):
        parse(in_function(mark + "\npass\n"), "hw/x.py")


@pytest.mark.parametrize(
    "text",
    [
        "# the answer is in the text",
        "# a question and its answer; see the end of the section",
        "# resolution of the images, convolution, absolute",
        "# begin with the last layer",
        "s = 'in the end, the answer is the solution of a linear system'",
    ],
)
def test_everyday_words_are_no_marks(text):
    assert parse(in_function(text + "\npass\n")) == []


def test_a_solution_outside_of_a_function_is_refused():
    for text in ("{}x = 1\n{}", "class A:\n    {}    x = 1\n    {}"):
        with pytest.raises(RegionError, match="outside of a function"):
            parse(text.format("# BEGIN SOLUTION p1.a\n", "# END SOLUTION\n"))


def test_an_answer_that_is_more_than_text_is_refused():
    for code in ("a = 1", "a, b = 'xy'", "a = 'x' + 'y'", "print('x')", "a = f'{1}'"):
        with pytest.raises(RegionError, match=":2: an ANSWER holds only"):
            parse(f"# BEGIN ANSWER p1.q1\n{code}\n# END ANSWER\n")


def test_an_unknown_id_is_refused_with_a_suggestion():
    with pytest.raises(RegionError, match=r"hw/x\.py:11: unknown id p1\.linear; did you mean 'p1\.liner'"):
        parse(SOLUTION, "hw/x.py", known_ids={"p1.liner", "p1.inner"})
    assert len(parse(SOLUTION, known_ids={"p1.linear", "p1.inner"})) == 3


def test_a_file_that_is_not_python_is_refused():
    with pytest.raises(RegionError, match=r"^hw/x\.py:1: not valid Python"):
        parse("def f(:\n", "hw/x.py")
    with pytest.raises(RegionError, match=r"^hw/x\.py:2: lines must end"):
        parse("x = 1\ny = 2\r\n", "hw/x.py")


def test_a_message_can_be_a_path_and_a_line_that_editors_open():
    with pytest.raises(RegionError) as caught:
        parse("# END SOLUTION\n", Path("hw") / "x.py")
    assert str(caught.value).startswith(str(Path("hw") / "x.py") + ":1: ")


def test_every_problem_of_a_file_is_reported_at_once(tmp_path):
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw/x.py").write_text(
        "def f():\n"
        "    # BEGIN SOLUTION p1.nowhere\n    x = 1\n    # END SOLUTION\n"
        "    # BEGN SOLUTION p1.linear\n    # END SOLUTION\n"
        "    # BEGIN SOLUTION p1.linear\n    s = '# END SOLUTION'\n"
    )
    found = [problem.split(": ")[0:2] for problem in regions.lint(tmp_path, {"p1.linear"})]
    assert [place for place, _ in found] == [f"{Path('hw/x.py')}:{line}" for line in (2, 5, 6, 7, 8)]


def test_a_solved_task_keeps_its_region():
    blanked = blank(SOLUTION, keep={"p1.inner"})
    assert "return dout ** 2" in blanked
    assert [region.id for region in parse(blanked)] == ["p1.inner"]
    assert blank(blanked) == BLANK


def test_a_stub_that_was_edited_is_not_put_back_over():
    with pytest.raises(RegionError, match=r"x\.py:11: the stub of p1\.linear is not where it was left"):
        put_back(BLANK.replace("raise", "return", 1), SOLUTION, "x.py")


def test_the_command_line_reports_each_broken_file(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "hw/layers.py": "# END SOLUTION\n",
        "answers/part1.py": "# BEGIN ANSWER p1.q1\n",
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    assert regions.main(["lint"]) == 1
    assert [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"{Path('hw/layers.py')}:1",
        f"{Path('answers/part1.py')}:1",
    ]


# The course itself


def test_the_regions_of_the_course_are_in_order():
    assert regions.lint(ROOT) == []


def test_the_placeholder_is_the_one_that_counts_as_not_done():
    assert regions.PLACEHOLDER == answers.PLACEHOLDER


def test_no_import_of_the_course_is_lost_in_its_blank_form():
    for path in regions.student_files(ROOT):
        text = regions.read(path)
        imports = [
            [ast.dump(n) for n in ast.parse(t).body if isinstance(n, ast.Import | ast.ImportFrom)]
            for t in (text, blank(text))
        ]
        assert imports[0] == imports[1], path
        assert put_back(blank(text), text) == text, path
