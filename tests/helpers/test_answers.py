"""Written answers: the reference says only what torch confirms, and reading and showing them is robust."""

import itertools
import math
import re

import pytest
import torch

from answers.part1 import part1_q1, part1_q2
from answers.part3 import part3_q4
from cs_helpers.answers import PLACEHOLDER, AnswerError, display_answer, read_answer, variable
from cs_helpers.regions import blank
from cs_helpers.tasks import TASKS
from hw import mlp

QUESTIONS = [task.id for task in TASKS.values() if task.kind == "answer"]
GIB, MIB, KIB = 2**30, 2**20, 2**10
N, D, C = 64, 1024, 512  # the question's
n, d, c = 3, 5, 4  # small enough to build the Jacobians


@pytest.fixture
def small():
    """Return x, w, dout and both Jacobians of a small Linear layer, all by autograd."""
    torch.manual_seed(42)
    x, w, b, dout = torch.randn(n, d), torch.randn(c, d), torch.randn(c), torch.randn(n, c)
    by_x, by_w = torch.autograd.functional.jacobian(lambda x, w: x @ w.T + b, (x, w))
    return x, w, dout, by_x, by_w


def number(value):
    """Write a number as the answer does, in groups of three digits."""
    return f"{value:,}".replace(",", r"\,")


def test_q1_the_shapes_are_those_of_the_jacobians(small):
    _, _, _, by_x, by_w = small
    assert by_x.shape == (n, c, n, d)
    assert by_w.shape == (n, c, c, d)
    assert "$(N, C, N, D)$ | $(64, 512, 64, 1024)$" in part1_q1
    assert "$(N, C, C, D)$ | $(64, 512, 512, 1024)$" in part1_q1
    assert f"$D = {D}$" in part1_q1
    assert f"$C = {C}$" in part1_q1


def test_q1_the_counts_and_sizes_are_right():
    by_x, by_w, nonzero = N * C * N * D, N * C * C * D, N * C * D
    for entries in (by_x, by_w, nonzero):
        power = entries.bit_length() - 1
        assert 2**power == entries
        assert f"2^{{{power}}} = {number(entries)}" in part1_q1
    assert f"|{4 * by_x // GIB} GiB|" in part1_q1
    assert f"|{4 * by_w // GIB} GiB|" in part1_q1
    assert (4 * by_x % GIB, 4 * by_w % GIB) == (0, 0)
    assert f"$X$ itself takes {4 * N * D / KIB:g} KiB and $W$ takes {4 * C * D / MIB:g} MiB" in part1_q1
    assert f"$\\delta Y$ ({4 * N * C / KIB:g} KiB)" in part1_q1
    assert by_x == nonzero * N
    assert by_w == nonzero * C


def test_q1_entries_are_zero_exactly_where_the_answer_says(small):
    x, w, _, by_x, by_w = small
    for i, j in itertools.product(range(n), range(c)):
        for k in range(n):
            assert torch.equal(by_x[i, j, k], (i == k) * w[j])
        for k in range(c):
            assert torch.equal(by_w[i, j, k], (j == k) * x[i])
    assert torch.count_nonzero(by_x) == torch.count_nonzero(by_w) == n * c * d


def test_q1_the_products_collapse_into_two_matrix_products(small):
    x, w, dout, by_x, by_w = small
    torch.testing.assert_close(torch.einsum("ij,ijkl->kl", dout, by_x), dout @ w)
    torch.testing.assert_close(torch.einsum("ij,ijkl->kl", dout, by_w), dout.T @ x)
    assert (dout @ w).shape == (n, d)
    assert (dout.T @ x).shape == (c, d)


def test_q2_forward_mode_gives_one_directional_derivative_a_pass(loss):
    theta, gradient = loss.theta, loss.gradient
    passes = [torch.func.jvp(loss, (theta,), (direction,))[1] for direction in torch.eye(len(theta))]
    torch.testing.assert_close(torch.stack(passes), gradient)


def test_q2_random_directions_give_the_gradient_on_average(loss):
    """Over all vectors of signs, which have mean 0 and variance 1, the average is exact."""
    signs = [torch.tensor(v) for v in itertools.product((-1.0, 1.0), repeat=len(loss.theta))]
    average = sum(loss.gradient @ v * v for v in signs) / len(signs)
    torch.testing.assert_close(average, loss.gradient)
    h = 1e-2
    spsa = sum((loss(loss.theta + h * v) - loss(loss.theta - h * v)) / (2 * h) * v for v in signs)
    torch.testing.assert_close(spsa / len(signs), loss.gradient, rtol=1e-3, atol=1e-3)


def test_q2_the_error_of_central_differences_falls_with_the_square_of_the_step():
    def error(h):
        return abs((math.exp(1 + h) - math.exp(1 - h)) / (2 * h) - math.e)

    assert error(1e-2) / error(1e-3) == pytest.approx(100, rel=1e-3)
    assert error(1e-12) > error(1e-5)  # and rounding takes over


def test_q2_the_gradient_of_linear_regression_is_the_formula():
    x, target = torch.randn(7, 3), torch.randn(7)
    theta = torch.randn(3, requires_grad=True)
    (((x @ theta - target) ** 2).sum() / (2 * 7)).backward()
    torch.testing.assert_close(theta.grad, (x.T @ (x @ theta - target) / 7).detach())


def test_q2_descent_works_without_back_propagation(loss):
    torch.manual_seed(42)
    theta, h = loss.theta.clone(), 1e-2
    for _ in range(500):
        v = torch.randn(len(theta)).sign()
        theta -= 0.02 * (loss(theta + h * v) - loss(theta - h * v)) / (2 * h) * v
    assert loss(theta) < 0.05 * loss(loss.theta)


@pytest.fixture
def loss():
    """Return a smooth function of four parameters, its value at ``theta``, and its gradient there."""

    def function(theta):
        return (theta**2 * torch.tensor([1.0, 2.0, 0.5, 1.0])).sum() + (theta[0] * theta[1]).tanh() ** 2

    function.theta = torch.tensor([0.7, -1.2, 0.4, 2.0])
    function.gradient = torch.func.grad(function)(function.theta)
    return function


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_reference_answers_every_question(question):
    answer = display_answer(question)
    assert answer.done
    assert not answer.problem
    assert answer._repr_mimebundle_()["text/markdown"] == read_answer(question).strip()


def test_the_mathematics_is_well_formed():
    for text in (part1_q1, part1_q2):
        assert text.count("$$") % 2 == 0
        inline = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
        for paragraph in inline.split("\n\n"):
            assert paragraph.count("$") % 2 == 0, paragraph
        assert text.count("{") == text.count("}")
        assert not re.search(r"\\(newcommand|def|bm|mat|vec)\b", text), "no macros of one's own"
        assert "\t" not in text


@pytest.fixture
def written(tmp_path):
    """Return a function that writes answers/part1.py in a tree of its own and shows p1.q1."""

    def show(source):
        folder = tmp_path / "answers"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text("")
        (folder / "part1.py").write_text(source, encoding="utf-8")
        return display_answer("p1.q1", tmp_path)

    return show


@pytest.mark.parametrize("text", [PLACEHOLDER, "", "  \n ", f"\n{PLACEHOLDER}\n"])
def test_a_placeholder_is_not_done(written, text):
    answer = written(f'part1_q1 = r"""{text}"""\n')
    assert not answer.done
    assert repr(answer).startswith("NOT DONE p1.q1  write your answer in answers/part1.py, part1_q1")
    assert set(answer._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_the_blank_of_the_reference_is_not_done(written):
    from cs_helpers.checks.student import COURSE_ROOT

    assert not written(blank((COURSE_ROOT / "answers" / "part1.py").read_text(encoding="utf-8"))).done


def test_an_answer_is_read_as_it_is_on_disk_now(written):
    assert repr(written('part1_q1 = "first"\n')) == "first"
    assert repr(written('part1_q1 = "second, longer"\n')) == "second, longer"


def test_an_answer_is_markdown_with_its_mathematics_untouched(written):
    answer = written('part1_q1 = r"""\nSo $\\frac{a}{b}$ < *c*\n"""\n')
    assert answer._repr_mimebundle_() == {
        "text/markdown": "So $\\frac{a}{b}$ < *c*",
        "text/plain": "So $\\frac{a}{b}$ < *c*",
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("other = 1\n", "part1_q1"),
        ("part1_q1 = 3\n", "must be a str, not 3"),
        ("part1_q1 = (\n", "answers/part1.py:1"),
        ("raise KeyError('<b>')\n", "KeyError"),
        ("import sys\nsys.exit('bye')\n", "part1.py"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_message_and_no_traceback(written, source, words):
    answer = written(source)
    assert not answer.done
    assert repr(answer).startswith("FAIL     p1.q1  ")
    assert words in repr(answer)
    assert "<b>" not in answer._repr_mimebundle_()["text/html"]


def test_a_missing_file_is_named(tmp_path):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "__init__.py").touch()
    with pytest.raises(AnswerError, match=r"answers\.part1.*answers/part1\.py, part1_q1"):
        read_answer("p1.q1", tmp_path)


def test_an_unknown_question_is_an_error_that_suggests_one():
    with pytest.raises(ValueError, match=r"no question 'p1.q3'; did you mean 'p\d.q[1-4]'\?"):
        display_answer("p1.q3")
    with pytest.raises(ValueError, match=r"no question 'p1\.linear'"):
        read_answer("p1.linear")


def test_the_variable_of_a_question_has_part_and_number():
    assert variable("p1.q2") == "part1_q2"


def test_p3_q4_counts_the_parameters_that_the_networks_have():
    counts = {
        (depth, width): sum(
            p.numel() for p in mlp.MLP(2, [width] * depth + [2], ["tanh"] * (depth + 1)).parameters()
        )
        for depth in (1, 2, 4)
        for width in (2, 8, 32, 128)
    }
    for depth in (1, 2, 4):
        row = next(line for line in part3_q4.splitlines() if line.startswith(f"| depth {depth} "))
        told = [int(text.replace(" ", "")) for text in re.findall(r"\(([\d ]+)\)", row)]
        assert told == [counts[depth, width] for width in (2, 8, 32, 128)]
    flat = " ".join(part3_q4.split())
    for (wide, a), (deep, b) in ((((1, 32), 162), ((4, 8), 258)), (((1, 128), 642), ((4, 32), 3330))):
        assert (counts[wide], counts[deep]) == (a, b)
        assert math.prod(wide) == math.prod(deep)  # hidden units, of which the pairs have equal numbers
    assert "1 x 32 has 162 parameters and 4 x 8 has 258" in flat
    assert "1 x 128 has 642 and 4 x 32 has 3330" in flat
