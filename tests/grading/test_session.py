"""A session over many submissions: the same table however often it is cut short, one row at a time."""

import csv
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from trees import ROOT, run_in

from cs_helpers.checks import assets
from cs_helpers.checks.compare import compare
from cs_helpers.checks.evidence import NOT_DONE, Failure, Production
from cs_helpers.checks.produce import produce
from cs_helpers.checks.registry import find, select
from cs_helpers.checks.student import StudentPackage
from cs_helpers.grading import records
from cs_helpers.grading.session import SessionError, _accepted
from cs_helpers.tasks import TASKS
from tests.grading.arena import BWRAP, NO_BWRAP, reference
from tests.mutants.catalogue import Mutant, load, ready

needs_bwrap = pytest.mark.skipif(not BWRAP, reason=NO_BWRAP)


def submission(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    """Write a submission as a folder."""
    for path, data in files.items():
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_bytes(data)
    return folder / name


def spoiled(old: str, new: str) -> dict[str, bytes]:
    """Return the reference with one change in its layers."""
    files = reference()
    assert old.encode() in files["hw/layers.py"]
    files["hw/layers.py"] = files["hw/layers.py"].replace(old.encode(), new.encode())
    return files


def rows(report: Path) -> dict[str, dict[str, str]]:
    """Read the table by name, without its time column."""
    with (report / "grades.csv").open(encoding="utf-8", newline="") as file:
        found = {row["name"]: row for row in csv.DictReader(file)}
    for row in found.values():
        del row["seconds"]
    return found


def table(report: Path) -> bytes:
    """Read the table without its last column, the time."""
    return b"\n".join(line.rpartition(b",")[0] for line in (report / "grades.csv").read_bytes().splitlines())


def grade(folder: Path, report: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run course grade on Part 1's first checks."""
    which = ["--checks", "p1.tanh", "--checks", "p1.linear", "--checks", "p3.mlp", "--seed", "of this test"]
    return run_in(ROOT, "-m", "cs_helpers", "grade", str(folder), "--out", str(report), *which, *more)


def a_class(folder: Path) -> Path:
    """Write submissions of many kinds."""
    submission(folder, "anna", reference())
    submission(folder, "bo", spoiled("self.db += rows_dout", "self.db = rows_dout"))
    submission(folder, "carl", {"hw/layers.py": b"import no_such_module\n"})
    (folder / "dora").mkdir()
    (folder / "eve.zip").write_bytes(b"not a zip")
    submission(folder, "=1+1", reference())
    shutil.make_archive(str(folder / "anna"), "zip", folder / "anna")
    return folder


def test_experiments_are_graded_by_a_course_without_results_of_its_own() -> None:
    not_done = Production(failure=Failure(NOT_DONE, "no results yet"))
    assert _accepted("p5.results", not_done) == assets.expected("p5.results")
    stub = Production(inputs=assets.expected("p1.tanh").inputs, failure=not_done.failure)
    for production in (stub, Production()):
        with pytest.raises(SessionError, match=r"the reference fails p1\.tanh in the sandbox"):
            _accepted("p1.tanh", production)


@pytest.mark.sandbox
@needs_bwrap
def test_a_class_is_graded(tmp_path: Path) -> None:
    done = grade(a_class(tmp_path / "in"), tmp_path / "out", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path / "out")
    assert list(found) == ["'=1+1", "anna (anna)", "anna (anna.zip)", "bo", "carl", "dora", "eve"]
    total = {name: float(row["total"]) for name, row in found.items()}
    assert total["'=1+1"] == total["anna (anna)"] == total["anna (anna.zip)"] == 30.0
    assert 20 < total["bo"] < 30
    assert (total["carl"], total["dora"], total["eve"]) == (0.0, 0.0, 0.0)
    assert found["eve"]["problems"] == "eve.zip is not a zip file"
    assert "another submission has the same name" in found["anna (anna)"]["problems"]
    assert found["dora"]["status"] == "nothing to grade"
    record = records.read(records.Report(tmp_path / "out").record("carl"))
    assert "no_such_module" in record["tasks"]["p1.tanh"]["message"]
    assert record["tasks"]["p3.mlp"]["verdict"] == "NOT DONE"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    before = table(tmp_path / "out")

    submission(tmp_path / "in", "bo", reference())  # handed in again
    assert grade(tmp_path / "in", tmp_path / "out", "--only", "bo").returncode == 0
    after = table(tmp_path / "out")
    changed = [(a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0][1].startswith(b"bo,")


@pytest.mark.sandbox
@needs_bwrap
def test_a_killed_session_goes_on_to_the_same_table(tmp_path: Path) -> None:
    folder = a_class(tmp_path / "in")
    assert grade(folder, tmp_path / "whole").returncode == 0
    whole = table(tmp_path / "whole")
    draw = random.Random(7)
    report = tmp_path / "cut"
    command = [sys.executable, "-m", "cs_helpers", "grade", str(folder), "--out", str(report), "--seed"]
    command += ["of this test", "--checks", "p1.tanh", "--checks", "p1.linear", "--checks", "p3.mlp"]
    killed = []
    for number in range(20):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + draw.uniform(1, 9)
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.05)
        if process.poll() == 0:
            shutil.rmtree(report / "records")  # all was done: grade it again
        process.send_signal(signal.SIGINT if number == 0 else signal.SIGKILL)
        process.wait()
        killed.append(process.pid)
    assert grade(folder, report).returncode == 0
    assert table(report) == whole
    assert {path.name for path in report.iterdir()} == {
        ".lock", "session.json", "reference", "records", "grades.csv",
    }  # fmt: skip
    left = [path.name for path in Path(tempfile.gettempdir()).glob("course-sandbox-*")]
    assert [name for name in left if name.split("-")[2] in map(str, killed)] == []


@pytest.mark.sandbox
@needs_bwrap
def test_nothing_is_graded_twice_and_one_session_is_one_set_of_rules(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    submission(folder, "anna", reference())
    assert grade(folder, tmp_path / "out").returncode == 0
    place = records.Report(tmp_path / "out").record("anna")
    stamp = place.stat().st_mtime_ns
    assert grade(folder, tmp_path / "out").returncode == 0
    assert place.stat().st_mtime_ns == stamp
    done = grade(folder, tmp_path / "out", "--memory", "4096")
    assert done.returncode == 2
    assert "other memory (2048)" in done.stderr
    place.write_text("{")  # damaged: graded again
    assert grade(folder, tmp_path / "out").returncode == 0
    assert records.read(place)["points"]["total"] == 30.0
    session = json.loads((tmp_path / "out" / "session.json").read_text())
    session["course"] = "another"
    (tmp_path / "out" / "session.json").write_text(json.dumps(session))
    assert "have changed since this session began" in grade(folder, tmp_path / "out").stderr


def test_wrong_usage_is_one_line_and_status_2(tmp_path: Path) -> None:
    for arguments, said in (
        ([str(tmp_path / "none")], "is not a folder of submissions"),
        ([str(tmp_path)], "there is no submission in"),
    ):
        done = run_in(ROOT, "-m", "cs_helpers", "grade", *arguments, "--out", str(tmp_path / "out"))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert said in done.stderr
    submission(tmp_path / "in", "anna", {"hw/layers.py": b""})
    for more, said in (
        (["--only", "ana"], "did you mean 'anna'"),
        (["--sandbox", "docker"], "allowed: bwrap, none"),
    ):
        done = run_in(
            ROOT, "-m", "cs_helpers", "grade", str(tmp_path / "in"), "--out", str(tmp_path / "out"), *more
        )
        assert done.returncode == 2
        assert said in done.stderr


def test_without_bubblewrap_grading_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    submission(tmp_path / "in", "anna", {"hw/layers.py": b""})
    environment = {**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "cs_helpers",
        "grade",
        str(tmp_path / "in"),
        "--out",
        str(tmp_path / "out"),
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "bwrap was not found" in done.stderr
    assert "--sandbox none" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_without_a_sandbox_the_marks_are_the_same_and_the_warning_is_plain(tmp_path: Path) -> None:
    submission(tmp_path / "in", "bo", spoiled("self.db += rows_dout", "self.db = rows_dout"))
    done = grade(tmp_path / "in", tmp_path / "out", "--sandbox", "none")
    assert done.returncode == 0, done.stderr
    assert "without walls" in done.stderr
    assert 20 < float(rows(tmp_path / "out")["bo"]["total"]) < 30


# A class made of mutants: what each must get is known from the check run in this process.


RANDOM = ("weights drawn anew",)
"""Mutants that seed torch with the time: how much of their evidence is right differs from run to run."""


def of_every_check(count: int, seed: int = 3) -> list[Mutant]:
    """Draw mutants, from as many checks as there are."""
    by_check: dict[str, list[Mutant]] = {}
    for mutant in ready(load()):
        by_check.setdefault(mutant.check, []).append(mutant)
    draw = random.Random(seed)
    drawn: list[Mutant] = []
    while len(drawn) < count:
        for check_id, mutants in by_check.items():
            if mutants and len(drawn) < count:
                drawn.append(mutants.pop(draw.randrange(len(mutants))))
            del check_id
    return drawn


def agreement(tmp_path: Path, mutants: list[Mutant]) -> list[tuple[str, str, float, float]]:
    """Grade a class of mutants, part by part; return where what was expected and what was given differ."""
    seed, differ = "of the class", list[tuple[str, str, float, float]]()
    for part in sorted({TASKS[mutant.check].part for mutant in mutants}):
        folder, report = tmp_path / f"in{part}", tmp_path / f"out{part}"
        own = [mutant for mutant in mutants if TASKS[mutant.check].part == part]
        ids = list(dict.fromkeys(mutant.check for mutant in own))
        want = {check_id: produce(find(check_id), StudentPackage(ROOT), seed) for check_id in ids}
        expected = []
        for number, mutant in enumerate(own):
            root = folder / f"m{number:02}"
            mutant.write(root)
            production = produce(find(mutant.check), StudentPackage(root), seed, root=root)
            args = (find(mutant.check), want[mutant.check], production)
            expected.append(compare(*args, guessable=assets.guessable(mutant.check)))
        arguments = [word for check_id in ids for word in ("--checks", check_id)]
        command = ["-m", "cs_helpers", "grade", str(folder), "--out", str(report), "--seed", seed]
        done = run_in(ROOT, *command, *arguments, "--jobs", "2", timeout=3600)
        assert done.returncode == 0, done.stderr
        for number, (mutant, result) in enumerate(zip(own, expected, strict=True)):
            task = records.read(records.Report(report).record(f"m{number:02}"))["tasks"][mutant.check]
            same_points = task["points"] == result.points or mutant.name in RANDOM
            if task["verdict"] != result.verdict or not same_points:
                differ.append((mutant.check, mutant.name, result.points, task["points"]))
    return differ


@pytest.mark.sandbox
@needs_bwrap
def test_six_mutants_get_the_marks_that_are_known(tmp_path: Path) -> None:
    quick = [
        m for m in of_every_check(29) if m.check in {check.id for check in select(["p1", "p3.mlp", "p3.roc"])}
    ]
    assert agreement(tmp_path, quick[:6]) == []


@pytest.mark.slow
@needs_bwrap
def test_a_class_of_sixty_mutants_gets_the_marks_that_are_known(tmp_path: Path) -> None:
    assert agreement(tmp_path, of_every_check(60)) == []
