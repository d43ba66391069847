"""A training is run once for the notebook and its check, and again as soon as the code has changed."""

from pathlib import Path

import pytest
from trees import student_tree

from cs_helpers.checks import part2_training, session
from cs_helpers.checks.runs import Runs, run_now


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "hw").mkdir()
    (tmp_path / "answers").mkdir()
    (tmp_path / "hw" / "optimizers.py").write_text("lr = 1\n")
    (tmp_path / "answers" / "part2.py").write_text("hp = 1\n")
    return tmp_path


def count(runs, key, calls) -> int:
    return runs(key, lambda: calls.append(key) or len(calls))


def test_the_same_training_is_run_once(tree):
    runs, calls = Runs(tree), []
    assert [count(runs, key, calls) for key in ("a", "b", "a", "b")] == [1, 2, 1, 2]


@pytest.mark.parametrize("name", ["hw/optimizers.py", "answers/part2.py", "hw/new.py"])
def test_any_change_of_the_students_code_runs_it_again(name, tree):
    runs, calls = Runs(tree), []
    count(runs, "a", calls)
    (tree / name).write_text("lr = 2\n")  # as long as before
    assert count(runs, "a", calls) == 2
    assert count(runs, "a", calls) == 2


def test_a_training_that_fails_is_not_remembered(tree):
    runs, calls = Runs(tree), []
    with pytest.raises(ZeroDivisionError):
        runs("a", lambda: 1 / 0)
    assert count(runs, "a", calls) == 1


def test_without_memory_every_training_is_run():
    calls: list[str] = []
    assert [count(run_now, "a", calls) for _ in range(2)] == [1, 2]


def test_a_check_judges_the_shown_training_and_trains_anew_when_the_answer_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(part2_training, "DROPOUT_EPOCHS", 1)  # too few to pass: here only who trains counts
    tree = student_tree(tmp_path / "tree", done=["p1.linear", "p1.leaky_relu", "p1.relu"])
    trained = []
    monkeypatch.setattr(part2_training, "_trainer", lambda *args, **kw: trained.append(args) or 1 / 0)
    check = session.Checker(tree)
    answers = tree / "answers" / "part2.py"
    answers.write_text('def part2_dropout_hp():\n    return {"wstd": 0.1, "lr": 0.01}\n')
    hp = {"wstd": 0.1, "lr": 0.01}
    data = part2_training.load("digits32")
    for dropout in part2_training.DROPOUTS:
        key = ("dropout", dropout, *hp.values(), data.train.source, 42)
        check.runs(key, lambda: (_Constant(), None))
    assert "overfits" in str(check("p2.dropout"))
    assert not trained
    answers.write_text('def part2_dropout_hp():\n    return {"wstd": 0.1, "lr": 0.02}\n')
    assert "ZeroDivisionError" in str(check("p2.dropout"))
    assert len(trained) == 1


class _Constant:
    """A trainer whose model is sure of nothing."""

    def __init__(self) -> None:
        self.model = self

    def train(self, mode: bool) -> None:
        pass

    def __call__(self, x):
        return x.new_zeros(len(x), 10)
