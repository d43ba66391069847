"""Passages in common: found through renaming, not found where all have them, and nothing is ever run."""

from pathlib import Path

import pytest

from cs_helpers.grading.records import Report
from cs_helpers.grading.reports.final import read_everything
from cs_helpers.grading.reports.fingerprints import WINDOW, K, Pair, fingerprints, pairs, tokens
from cs_helpers.grading.reports.similar import write_similar
from cs_helpers.grading.session import pristine
from tests.grading.arena import reference

OWN = '''
def forward(self, x):
    """Say what it does."""
    total = 0
    for row in x:
        total = total * 3 + row.sum().item() - len(row) ** 2
        if total > 100 and row.max() < 3:
            total = total // 7 - row.min()
    scaled = [value / (1 + abs(total)) for value in x.flatten().tolist()]
    return torch.tensor(sorted(scaled)[::-1]).reshape(x.shape).clamp(min=-1) + self.offset.abs().mean()
'''
RENAMED = """
def forward(self, inputs):
    # all my own work
    acc = 0
    for r in inputs:

        acc = acc * 3 + r.sum().item() - len(r) ** 2    # magic
        if acc > 50 and r.max() < 3:
            acc = acc // 7 - r.min()
    out = [v / (1 + abs(acc)) for v in inputs.flatten().tolist()]
    return torch.tensor(sorted(out)[::-1]).reshape(inputs.shape).clamp(min=-1) + self.shift.abs().mean()
"""
DANGEROUS = "import pathlib\npathlib.Path('{place}').write_text('run')\nraise SystemExit(3)\n"


def code(text: str) -> dict[str, bytes]:
    """Return a submission with one file."""
    return {"hw/layers.py": text.encode()}


def found(
    submissions: dict[str, dict[str, bytes]], known: list[dict[str, bytes]] | None = None
) -> list[Pair]:
    return pairs(submissions, known or [])


def test_names_comments_numbers_and_layout_hide_nothing() -> None:
    assert [text for text, _ in tokens(OWN)] == [text for text, _ in tokens(RENAMED)]
    pair = found({"anna": code(OWN), "bo": code("import torch\n" * 5 + RENAMED), "carl": code("x = 1\n")})[0]
    assert pair.names == ("anna", "bo")
    assert min(pair.shares) > 0.6
    file, first, last = pair.passages[0][1]
    assert file == "hw/layers.py"
    assert (first, last) >= (7, 14)


def test_every_passage_of_some_length_is_found() -> None:
    passage = OWN * 3
    assert len(tokens(passage)) > K + WINDOW
    for before in ("", "a = b\n" * 3, "while f(x): g(x)\n" * 7):
        shared = fingerprints(tokens(passage)).keys() & fingerprints(tokens(before + passage)).keys()
        assert shared


def test_what_students_started_from_and_what_many_have_says_nothing() -> None:
    assert found({"anna": code(OWN), "bo": code(RENAMED)}, [code(OWN)]) == []
    assert found({f"student {i}": code(OWN) for i in range(5)}) == []
    assert found({"anna": pristine(), "bo": pristine()}, [pristine()]) == []
    assert found({"anna": reference(), "bo": reference()}, [reference()]) == []


def test_different_code_has_nothing_in_common() -> None:
    files = sorted(reference().items())
    one = {name: data for name, data in files if name == "hw/optimizers.py"}
    other = {"hw/optimizers.py": dict(files)["hw/layers.py"]}
    assert [pair for pair in found({"anna": one, "bo": other}) if max(pair.shares) > 0.1] == []


def test_written_answers_are_compared_word_by_word() -> None:
    text = (
        "The Jacobian of a layer is block diagonal, because the output of a sample depends on that sample "
        "alone. Nobody builds it: what descent needs is one product with the incoming gradient, and that is "
        "one matrix product of the usual size, whose cost is that of the forward pass."
    )
    copied = {"answers/part1.py": f'part1_q1 = r"""\n{text}\n"""\n'.encode()}
    again = {"answers/part1.py": f'x = 1\npart1_q1 = """{text.upper()}"""\n'.encode()}
    assert found({"anna": copied, "bo": again})[0].names == ("anna", "bo")


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00", b"def f(:\n" * 50, b'"""' * 99, b"(" * 5000, b"x = " * 9000, b""]
)
def test_files_that_are_no_python_are_compared_all_the_same(data: bytes) -> None:
    found({"anna": {"hw/layers.py": data, "answers/part1.py": data}, "bo": code(OWN)})


def test_the_page_shows_both_sides_and_runs_nothing(report: Report, tmp_path: Path) -> None:
    place = tmp_path / "was run"
    folder = tmp_path / "in"
    for name, text in (("ann.lee", OWN), ("bo", RENAMED), ("eve", "# <script>alert(1)</script>\n" + OWN)):
        (folder / name / "hw").mkdir(parents=True)
        (folder / name / "hw" / "layers.py").write_text(text + DANGEROUS.format(place=place))
    (folder / "broken.zip").write_bytes(b"no zip")
    path, count = write_similar(read_everything(report), folder, 20)
    text = path.read_text(encoding="utf-8")
    assert count == 3
    assert "A hint, not a verdict" in text
    assert "<mark>" in text
    assert "acc" in text
    assert "total" in text
    assert "<script>" not in text
    assert "broken" in text
    assert not place.exists()
    with pytest.raises(ValueError, match="not a folder"):
        write_similar(read_everything(report), tmp_path / "none", 20)
