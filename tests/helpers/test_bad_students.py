"""Whatever a student's code does, its check gives a clear verdict, and the next check goes on."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cs_helpers.checks.compare import FAIL, PASS, UNDONE, compare
from cs_helpers.checks.evidence import from_file
from cs_helpers.checks.measures import measured
from cs_helpers.checks.produce import produce
from cs_helpers.checks.registry import find
from cs_helpers.checks.report import Verdict
from cs_helpers.checks.session import Checker
from cs_helpers.checks.student import COURSE_ROOT, StudentPackage
from cs_helpers.regions import blank, parse, read

LAYERS = COURSE_ROOT / "hw" / "layers.py"


def student(tmp_path, source, **more):
    """Write a student's hw/ and return its folder."""
    (tmp_path / "hw").mkdir()
    for name, text in {"__init__": "", "layers": source, **more}.items():
        (tmp_path / "hw" / f"{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


def with_body(function, body):
    """Return the reference's source with other code in one function's solution."""
    lines = read(LAYERS).split("\n")
    region = next(region for region in parse("\n".join(lines)) if region.qualname == function)
    lines[region.start : region.end - 1] = [region.indent + line for line in body.strip("\n").split("\n")]
    return "\n".join(lines)


def verdicts(root, check_id="p1.tanh", seconds=5.0):
    """Run a check that must fail, then another that must pass, and return the first's result."""
    checker = Checker(root=root)
    result = checker.result(check_id, seconds)
    assert Verdict(result)._repr_html_()
    assert checker.result("p1.sigmoid").verdict == PASS
    return result


TANH = {
    "raises an error": ("raise ZeroDivisionError('no')", "ZeroDivisionError: no"),
    "returns nothing": ("pass", "got NoneType.*is the return statement missing"),
    "returns a NumPy array": ("return torch.tanh(x).numpy()", "got ndarray.*no .numpy"),
    "returns a number": ("return 0.5", "got float"),
    "returns the wrong dtype": ("return torch.tanh(x).double()", "got torch.float64"),
    "returns complex numbers": ("return torch.tanh(x) + 0j", "got torch.complex64"),
    "returns a tensor on a graph": ("return torch.tanh(x.clone().requires_grad_())", "autograd graph"),
    "returns a sparse tensor": ("return torch.tanh(x).to_sparse()", "sparse"),
    "returns a tensor on the meta device": ("return torch.tanh(x).to('meta')", "meta"),
    "returns an empty tensor": ("return torch.empty(0)", r"got \(0,\)"),
    "returns a huge tensor": ("return torch.zeros(2**25)", "of 33554432 elements"),
    "calls sys.exit": ("import sys\nsys.exit(0)", "SystemExit: 0.*raise an error instead"),
    "calls quit": ("quit()", "SystemExit|NameError"),
    "raises KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt itself"),
    "raises GeneratorExit": ("raise GeneratorExit", "GeneratorExit"),
    "raises StopIteration": ("raise StopIteration", "StopIteration"),
    "recurses for ever": ("return self.forward(x)", "RecursionError"),
    "loops for ever": ("while True:\n    pass", "still running after 0.5 s.*loop that never ends"),
    "loops for ever and swallows errors": (
        "while True:\n    try:\n        x = abs(x)\n    except Exception:\n        pass",
        "still running after 0.5 s",
    ),
    "loops for ever and swallows everything": (
        "while True:\n    try:\n        x = abs(x)\n    except BaseException:\n        pass",
        "still running after 0.5 s",
    ),
    "sleeps for ever and swallows everything": (
        "import time\n"
        "while True:\n    try:\n        time.sleep(0.01)\n    except BaseException:\n        pass",
        "still running after 0.5 s",
    ),
    "raises an error that cannot be printed": (
        "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\nraise Odd",
        "Odd: .*cannot be printed",
    ),
    "raises an error that exits when it is printed": (
        "class Odd(Exception):\n    def __str__(self):\n        raise SystemExit\nraise Odd",
        "Odd: .*cannot be printed",
    ),
    "raises an endless message": ("raise ValueError('no ' * 10**6)", "ValueError: no no no"),
}


@pytest.mark.parametrize("case", TANH)
def test_a_student_whose_forward(case, tmp_path):
    body, said = TANH[case]
    seconds = 0.5 if "for ever" in case and "recurses" not in case else 5.0
    result = verdicts(student(tmp_path, with_body("TanH.forward", body)), seconds=seconds)
    assert result.verdict == FAIL
    assert 0 <= result.points < result.max_points
    assert re.search(said, f"{result.message} {result.hint}"), (result.message, result.hint)
    assert len(result.message) < 1500


def test_a_student_who_prints_ten_megabytes_gets_the_beginning(tmp_path):
    body = "for _ in range(10):\n    print('spam' * 250_000)\nreturn torch.tanh(x) * 2"
    result = verdicts(student(tmp_path, with_body("TanH.forward", body)))
    assert result.verdict == FAIL
    assert result.printed.startswith("spamspam")
    assert "more characters" in result.printed
    assert len(result.printed) < 2000


def test_a_student_who_deletes_modules_harms_nobody_else(tmp_path):
    body = """
import sys
sys.modules.pop("hw.layers", None)
sys.modules.pop("hw", None)
t = torch.tanh(x)
self.grad_cache["t"] = t
return t
"""
    checker = Checker(root=student(tmp_path, with_body("TanH.forward", body)))
    assert checker.result("p1.tanh").message == ""
    assert checker.result("p1.sigmoid").verdict == PASS


BROKEN_FILES = {
    "has a syntax error": ("def forward(self, x:\n    return x\n", r"SyntaxError.*hw/layers.py:1"),
    "has an indentation error": ("def f():\nreturn 1\n", r"IndentationError.*hw/layers.py:2"),
    "imports what is not there": ("import no_such_module\n", "ModuleNotFoundError.*no_such_module"),
    "raises when imported": ("1 / 0\n", r"ZeroDivisionError.*hw/layers.py:1"),
    "exits when imported": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "is empty": ("", "AttributeError.*TanH|TanH.*hw/layers.py"),
}


@pytest.mark.parametrize("case", BROKEN_FILES)
def test_a_student_whose_file(case, tmp_path):
    source, said = BROKEN_FILES[case]
    checker = Checker(root=student(tmp_path, source))
    for check_id in ("p1.tanh", "p1.mlp"):
        result = checker.result(check_id, 5.0)
        assert (result.verdict, result.points) == (FAIL, 0)
    result = checker.result("p1.tanh", 5.0)
    assert re.search(said, f"{result.message} {result.hint}"), (result.message, result.hint)


def test_a_student_without_hw_is_told_so(tmp_path):
    result = Checker(root=tmp_path).result("p1.tanh")
    assert result.verdict == FAIL
    assert "No module named 'hw" in result.message


def test_a_repaired_file_is_seen_at_once(tmp_path):
    root = student(tmp_path, "def oops(:\n")
    checker = Checker(root=root)
    assert checker.result("p1.tanh").verdict == FAIL
    (root / "hw" / "layers.py").write_text(read(LAYERS))
    assert checker.result("p1.tanh").verdict == PASS


def test_a_blank_student_has_done_nothing_and_sees_no_traceback(tmp_path):
    checker = Checker(root=student(tmp_path, blank(read(LAYERS))))
    for check_id in ("p1.leaky_relu", "p1.linear", "p1.mlp", "p1.dropout"):
        result = checker.result(check_id)
        assert (result.verdict, result.points) == (UNDONE, 0)
        assert result.message.startswith("not written yet: ")
        assert "Traceback" not in repr(Verdict(result))


def test_half_a_layer_earns_part_of_the_points(tmp_path):
    source = with_body("TanH.backward", "raise NotImplementedError('p1.tanh: TanH.backward')")
    result = verdicts(student(tmp_path, source))
    assert result.verdict == UNDONE
    assert 0 < result.points < result.max_points
    assert "TanH.backward" in result.message


def test_a_wrong_forward_with_a_blank_backward_has_failed(tmp_path):
    source = with_body("TanH.backward", "raise NotImplementedError('p1.tanh: TanH.backward')")
    result = verdicts(student(tmp_path, source.replace("t = torch.tanh(x)", "t = torch.sigmoid(x)")))
    assert result.verdict == FAIL
    assert "Then: p1.tanh: TanH.backward" in result.message


def test_a_student_leaves_the_settings_as_they_were(tmp_path):
    body = "torch.manual_seed(0)\ntorch.set_grad_enabled(False)\nreturn torch.tanh(x)"
    torch.manual_seed(7)
    state = torch.get_rng_state()
    Checker(root=student(tmp_path, with_body("TanH.forward", body))).result("p1.tanh")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()


ONLY_COMPARING = {
    "compare.py",
    "diagnose.py",
    "failures.py",
    "assets.py",
    "report.py",
    "session.py",
    "measures.py",
    "record.py",
}


def test_evidence_is_produced_without_expected_values_and_compared_outside(tmp_path):
    """The student's side has neither the comparing half, nor the assets, nor the reference."""
    tree, out, seed = tmp_path / "tree", tmp_path / "out", "a secret of this session"
    tree.mkdir()

    def left_out(folder, names):
        return {n for n in names if n in ONLY_COMPARING | {"__pycache__"} or n.startswith("suspects")}

    shutil.copytree(COURSE_ROOT / "cs_helpers", tree / "cs_helpers", ignore=left_out)
    student(tree, with_body("TanH.forward", "t = torch.tanh(x)\nself.grad_cache['t'] = t\nreturn 2 * t"))
    ids = ["p1.linear", "p1.dropout", "p1.mlp", "p1.tanh"]
    command = [sys.executable, "-m", "cs_helpers.checks.produce"]
    options = ["--root", str(tree), "--seed", seed, "--out", str(out)]
    done = subprocess.run([*command, *options, *ids], cwd=tree, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    verdict = {}
    for check_id in ids:
        want = produce(find(check_id), StudentPackage(), seed)
        verdict[check_id] = compare(find(check_id), want, from_file(out / f"{check_id}.safetensors"))
    assert {i: r.verdict for i, r in verdict.items()} == dict.fromkeys(ids[:3], PASS) | {"p1.tanh": FAIL}
    assert "2x" in verdict["p1.tanh"].message


def test_measurements_that_the_student_made_up_do_not_count():
    """Rates are measured on the comparing side; ready-made ones are dropped."""
    check = find("p1.dropout")
    want = produce(check, StudentPackage())
    forged = measured(check.id, want, want.inputs)
    assert compare(check, want, forged).verdict == FAIL


def test_the_paths_of_a_verdict_are_relative(tmp_path):
    result = verdicts(student(tmp_path, with_body("TanH.forward", "raise ValueError(x.shape)")))
    assert "at hw/layers.py:" in result.message
    assert str(Path(tmp_path)) not in result.message
