"""The command line, as a student uses it."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from trees import ROOT, run_in, student_tree
from typer.testing import CliRunner

from cs_helpers.checks.compare import Result
from cs_helpers.checks.session import Checker
from cs_helpers.cli import app
from cs_helpers.tasks import TASKS

CHECKS = [task.id for task in TASKS.values() if task.kind == "code"]
PART1 = [check_id for check_id in CHECKS if check_id.startswith("p1.")]


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree on which nothing is done yet."""
    return student_tree(tmp_path_factory.mktemp("stubs") / "tree")


def test_check_passes_on_the_reference() -> None:
    done = run_in(ROOT, "-m", "cs_helpers", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASS") == len(CHECKS)
    assert "Written answers: p1.q1, p1.q2" in done.stdout


def test_checks_run_on_one_thread_as_in_the_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    used, result_of = [], Checker.result

    def watched(self: Checker, check_id: str, seconds: float | None) -> Result:
        used.append(torch.get_num_threads())
        return result_of(self, check_id, seconds)

    monkeypatch.setattr(Checker, "result", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        done = CliRunner().invoke(app, ["check", "p1.linear"])
    finally:
        torch.set_num_threads(before)
    assert (done.exit_code, used) == (0, [1])


def test_json_lists_every_check_with_all_fields() -> None:
    done = run_in(ROOT, "-m", "cs_helpers", "check", "part1", "--json")
    results = json.loads(done.stdout)
    assert [result["id"] for result in results] == PART1
    for result in results:
        assert {"id", "verdict", "points", "max_points", "evidence", "message", "hint"} <= result.keys()
        assert result["points"] == result["max_points"] == TASKS[result["id"]].points
        assert {line["verdict"] for line in result["evidence"]} == {"PASS"}


def test_stubs_are_not_done_without_a_traceback(stubs: Path) -> None:
    done = run_in(stubs, "-m", "cs_helpers", "check")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for check_id in CHECKS:
        assert any(row.startswith(f"NOT DONE {check_id} ") and " 0/" in row for row in rows), check_id
    assert "NOT DONE p1.q1  write your answer in answers/part1.py, part1_q1" in done.stdout


def test_solving_one_task_turns_its_check_green(tmp_path: Path) -> None:
    tree = student_tree(tmp_path / "tree", done={"p1.sigmoid"})
    results = json.loads(run_in(tree, "-m", "cs_helpers", "check", "--json").stdout)
    verdicts = {result["id"]: result["verdict"] for result in results}
    assert verdicts == {check_id: "PASS" if check_id == "p1.sigmoid" else "NOT DONE" for check_id in CHECKS}


def test_a_mistake_is_named_with_its_place(tmp_path: Path) -> None:
    tree = student_tree(tmp_path / "tree", done=CHECKS)
    layers = tree / "hw" / "layers.py"
    layers.write_text(layers.read_text().replace("self.db += rows_dout", "self.db = rows_dout"))
    done = run_in(tree, "-m", "cs_helpers", "check", "p1.linear")
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert "See hw/layers.py, Linear.backward." in words
    assert "self.db += ..." in words or "rebound" in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "p1.linaer"], "did you mean 'p1.linear'"),
        (["check", "part7"], "there is no check or part 'part7'"),
        (["check", "--seconds", "0"], "0.1"),
        (["check", "--json", "--watch"], "leave out --watch"),
        (["lab", "--part", "9"], "there is no notebook of part 9"),
        (["data", "mnist"], "only cifar10 is downloaded"),
        (["chekc"], "No such command"),
    ],
)
def test_wrong_usage_is_one_message_and_status_2(arguments: list[str], message: str) -> None:
    done = run_in(ROOT, "-m", "cs_helpers", *arguments)
    assert done.returncode == 2
    words = " ".join(done.stderr.replace("│", " ").split())
    assert message in words
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_lab_opens_for_root_too_as_in_a_container(
    user: int, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    monkeypatch.setattr(subprocess, "call", lambda command, **kw: commands.append(command) or 0)
    assert CliRunner().invoke(app, ["lab", "--part", "2", "--no-browser"]).exit_code == 0
    assert ("--allow-root" in commands[0]) == allowed
    assert commands[0][-1] == "--no-browser"


def test_help_is_complete_for_every_command() -> None:
    overview = run_in(ROOT, "-m", "cs_helpers", "--help").stdout
    for command in ("check", "lab", "data"):
        assert command in overview
        assert run_in(ROOT, "-m", "cs_helpers", command, "--help").returncode == 0
