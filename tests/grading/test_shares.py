"""Grading in shares: the marks of a run in one piece, and lost shares are named."""

from pathlib import Path

import pytest

from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.engine import EngineError
from cs_helpers.grading import shares
from cs_helpers.grading.records import Report
from cs_helpers.grading.session import (
    Run,
    SessionError,
    Wishes,
    find_submissions,
    locked,
    open_session,
    prepared_sandbox,
)
from tests.grading.arena import BWRAP, NO_BWRAP, reference
from tests.grading.test_session import spoiled, submission, table

pytestmark = [pytest.mark.sandbox, pytest.mark.skipif(not BWRAP, reason=NO_BWRAP)]
WISHES = Wishes(["p1.tanh", "p1.linear"], "of this test")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five submissions, the last of which is no zip."""
    submission(tmp_path / "in", "anna", reference())
    submission(tmp_path / "in", "bo", spoiled("self.db += rows_dout", "self.db = rows_dout"))
    submission(tmp_path / "in", "carl", {"hw/layers.py": b"import no_such_module\n"})
    submission(tmp_path / "in", "=1+1", reference())
    (tmp_path / "in" / "eve.zip").write_bytes(b"not a zip")
    return tmp_path / "in"


def grade(folder: Path, place: Path, size: int | None) -> list[str]:
    """Grade in shares on this machine, or in one piece; return the names in the order in which they ended."""
    report, names = Report(place), list[str]()
    named = find_submissions(folder)
    with prepared_sandbox("bwrap") as box, locked(report):
        session = open_session(report, WISHES)
        if size is None:
            run: Run | shares.Shares = Run(report, session, box, 1)
        else:
            run = shares.Shares(report, session, box, folder, "bwrap", 2, None, size)
        run(named, False, lambda record: names.append(record["name"]))
    return names


def test_shares_give_the_table_of_a_run_in_one_piece(folder: Path, tmp_path: Path) -> None:
    whole = grade(folder, tmp_path / "whole", None)
    parts = grade(folder, tmp_path / "parts", 2)
    assert sorted(parts) == sorted(whole) == ["=1+1", "anna", "bo", "carl", "eve"]
    assert table(tmp_path / "parts") == table(tmp_path / "whole")
    left = {path.name for path in (tmp_path / "parts").iterdir()}
    assert left == {".lock", "session.json", "reference", "records", "grades.csv"}


def test_a_share_that_fails_is_named_and_the_rest_is_graded(
    folder: Path, tmp_path: Path, monkeypatch
) -> None:
    command = shares.Shares._command

    def broken(self, folder: Path, number: int, *rest):
        found = command(self, folder, number, *rest)
        return [*found, "--no-such-option"] if number == 0 else found

    monkeypatch.setattr(shares.Shares, "_command", broken)
    with pytest.raises(SessionError, match=r"a share of 2 submissions failed: .*no-such-option"):
        grade(folder, tmp_path / "out", 2)
    assert len(list((tmp_path / "out" / "records").glob("*.json"))) == 3
    assert len(table(tmp_path / "out").splitlines()) == 1 + 3
    monkeypatch.undo()
    assert len(grade(folder, tmp_path / "out", 2)) == 5


def test_a_share_of_another_course_is_refused(folder: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    report = Report(tmp_path / "out")
    with locked(report):
        open_session(report, WISHES)
    monkeypatch.setattr("cs_helpers.grading.session.course_digest", lambda root=COURSE_ROOT: "another")
    names = tmp_path / "names.json"
    names.write_text('["anna"]')
    assert shares.main([str(report.root), str(folder), "--names", str(names)]) == 1
    assert "the checks or the reference have changed" in capsys.readouterr().err


def test_bad_resources_are_refused_before_anything_runs(folder: Path, tmp_path: Path) -> None:
    report = Report(tmp_path / "out")
    with locked(report):
        session = open_session(report, WISHES)
    with pytest.raises(EngineError, match="time must be like"):
        shares.Shares(report, session, None, folder, "bwrap", 2, "slurm", time="soon")  # type: ignore[arg-type]
