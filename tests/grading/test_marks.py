"""Marks for written answers: all or nothing, every problem named, none ever lost."""

import csv
import io
from pathlib import Path

import pytest
from trees import ROOT, run_in

from cs_helpers.grading import records
from cs_helpers.grading.records import Report
from cs_helpers.grading.reports import marks
from cs_helpers.grading.reports.final import read_everything, rows
from cs_helpers.tasks import TASKS
from tests.grading.small_class import answer

FULL = ",".join(str(most) for most, _ in TASKS["p1.q1"].rubric)
HEAD = "submission,task,points1,points2,points3,points4,comment,grader"


def merge(report: Report, path: Path, *lines: str, replace: bool = False, head: str = HEAD) -> int:
    """Merge a file of these lines."""
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return merge_files(report, path, replace=replace)


def merge_files(report: Report, *paths: Path, replace: bool = False) -> int:
    """Merge files."""
    everything = read_everything(report)
    return marks.merge(report, everything.session, everything.records, paths, replace=replace)


def mark(report: Report, name: str, task: str) -> marks.Mark | None:
    """Return the mark that counts now."""
    everything = read_everything(report)
    record = next(record for record in everything.records if record["name"] == name)
    return everything.mark(record, task)


def test_marks_count_for_every_member_of_a_group(report: Report, tmp_path: Path) -> None:
    before = {row.student: row.points for row in rows(read_everything(report))}
    assert (
        merge(report, tmp_path / "a.csv", f'bo,p1.q1,{FULL},"good, but ""short""",kl', "bo,p1.q2,1.5,,,,,kl")
        == 2
    )
    after = {row.student: row for row in rows(read_everything(report))}
    for student in ("bo", "cem.kaya"):
        assert after[student].points == before[student] + TASKS["p1.q1"].points + 1.5
        assert after[student].waiting == ("p1.q2",)
    assert after["ann.lee"].points == before["ann.lee"]
    assert mark(report, "bo", "p1.q1") == marks.Mark((2, 2, 4, 6), 'good, but "short"', "kl")


def test_a_template_is_merged_after_a_spreadsheet_filled_it_in(report: Report, tmp_path: Path) -> None:
    everything = read_everything(report)
    filled = list(csv.DictReader(io.StringIO(marks.template(everything.session, everything.records))))
    assert [row["submission"] for row in filled[:2]] == ["'=1+1", "'=1+1"]
    assert (
        merge(
            report, tmp_path / "a.csv", *[",".join(row.values()) for row in filled], head=",".join(filled[0])
        )
        == 0
    )
    for row in filled:
        row["points1"] = "1,5"
    text = io.StringIO()
    writer = csv.DictWriter(text, list(filled[0]), delimiter=";")  # as spreadsheets do in much of Europe
    writer.writeheader()
    writer.writerows(filled)
    (tmp_path / "b.csv").write_text(text.getvalue(), encoding="utf-8-sig")
    assert merge_files(report, tmp_path / "b.csv") == 8
    assert mark(report, "=1+1", "p1.q2") == marks.Mark((1.5, None))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("an.lee,p1.q1,1,,,,,", "2: unknown submission 'an.lee'; did you mean 'ann.lee'?"),
        ("ann.lee,p1.q9,1,,,,,", "2: unknown question 'p1.q9'"),
        ("ann.lee,p1.linear,1,,,,,", "2: unknown question 'p1.linear'"),
        ("ann.lee,p1.q1,3,,,,,", "2: points1 is 3; at most 2"),
        ("ann.lee,p1.q1,,,,7,,", "2: points4 is 7; at most 6"),
        ("ann.lee,p1.q1,-1,,,,,", "2: points1 is '-1', not a number"),
        ("ann.lee,p1.q1,nan,,,,,", "2: points1 is 'nan', not a number"),
        ("ann.lee,p1.q1,1e9,,,,,", "2: points1 is '1e9', not a number"),
        ("ann.lee,p1.q2,1,1,1,,,", "2: points3: the rubric of p1.q2 has 2 lines"),
        ("ann.lee,p1.q1,1,,,,,kl,extra", "2: more cells than columns"),
        ("ann.lee,p1.q1,1,,,," + "x" * 5000 + ",", "2: a comment of 5000 characters; allowed: 4000"),
        ("bo,p1.q1,1,,,,,kl", "3: bo p1.q1 is marked again; before: "),
        ("bo,p1.q1,2,,,,,mn", "3: bo p1.q1 is marked differently (2 - - - by mn; 1 - - - by kl); before: "),
    ],
)
def test_one_bad_line_stops_everything_and_is_named(
    report: Report, tmp_path: Path, line: str, problem: str
) -> None:
    merge(report, tmp_path / "first.csv", "bo,p1.q2,1,1,,,,kl")
    before = marks.path_of(report).read_bytes()
    lines = ["bo,p1.q1,1,,,,,kl", line] if line.startswith("bo") else [line, "bo,p1.q1,1,,,,,kl"]
    with pytest.raises(marks.MarksError) as caught:
        merge(report, tmp_path / "a.csv", *lines)
    assert f"{tmp_path / 'a.csv'}:{problem}" in str(caught.value)
    assert "nothing was merged: 1 problem" in str(caught.value)
    assert marks.path_of(report).read_bytes() == before


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"submission,task\nbo,p1.q1\n", ":1: columns submission, task; needed: submission, task, points1"),
        (b"submission,task,points1,score\n", ":1: columns submission, task, points1, score"),
        (b"", ":1: columns none"),
        ("submission,task,points1,comment\nbo,p1.q1,1,sch\xf6n\n".encode("latin-1"), ": not UTF-8"),
        (b"submission,task,points1\nbo,p1.q1,1\x00\n", ":"),
        (b"session,submission,task,points1\nff00,bo,p1.q1,1\n", ":2: marks of another session (ff00, not "),
        (b"submission,task,points1,answer\nbo,p1.q1,1,abc\n", ":2: answer 'abc' is not the SHA-256"),
    ],
)
def test_files_that_are_not_what_they_should_be(
    report: Report, tmp_path: Path, data: bytes, problem: str
) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(marks.MarksError) as caught:
        merge_files(report, tmp_path / "a.csv")
    assert f"{tmp_path / 'a.csv'}{problem}" in str(caught.value)
    with pytest.raises(marks.MarksError, match=r"none\.csv: No such file"):
        merge_files(report, tmp_path / "none.csv")
    assert not marks.path_of(report).exists()


def test_two_graders_who_disagree_are_named_and_neither_is_taken(report: Report, tmp_path: Path) -> None:
    for name, points in (("kl", 1), ("mn", 2)):
        (tmp_path / f"{name}.csv").write_text(f"{HEAD}\nbo,p1.q1,{points},,,,,{name}\n")
    with pytest.raises(marks.MarksError, match="differently"):
        merge_files(report, tmp_path / "kl.csv", tmp_path / "mn.csv")
    assert mark(report, "bo", "p1.q1") is None
    merge_files(report, tmp_path / "kl.csv")
    with pytest.raises(
        marks.MarksError, match=r"mn\.csv:2: bo p1\.q1 has another mark .* from .*kl\.csv:2; --replace"
    ):
        merge_files(report, tmp_path / "mn.csv")
    merge_files(report, tmp_path / "mn.csv", replace=True)
    assert mark(report, "bo", "p1.q1") == marks.Mark((2, None, None, None), "", "mn")


def test_the_same_person_may_think_again(report: Report, tmp_path: Path) -> None:
    merge(report, tmp_path / "a.csv", "bo,p1.q1,1,,,,,kl")
    merge(report, tmp_path / "a.csv", "bo,p1.q1,2,1,,,,kl")
    assert mark(report, "bo", "p1.q1") == marks.Mark((2, 1, None, None), "", "kl")


def test_grading_again_loses_no_mark_and_a_changed_answer_makes_it_stale(
    report: Report, tmp_path: Path
) -> None:
    merge(report, tmp_path / "a.csv", f"bo,p1.q1,{FULL},well done,kl")
    kept = marks.path_of(report).read_bytes()
    text = records.read(report.record("bo"))["answers"]["p1.q1"]["text"]
    answer(report, "bo", "p1.q1", "Something else.")
    stale = mark(report, "bo", "p1.q1")
    assert stale is not None
    assert (stale.stale, stale.total, stale.comment) == (True, 14, "well done")
    assert rows(read_everything(report))[2].stale == ("p1.q1",)
    merge(report, tmp_path / "a.csv", "bo,p1.q1,1,1,1,1,,kl")
    assert mark(report, "bo", "p1.q1") == marks.Mark((1, 1, 1, 1), "", "kl")
    answer(report, "bo", "p1.q1", text)
    assert mark(report, "bo", "p1.q1") == marks.Mark((2, 2, 4, 6), "well done", "kl")
    assert kept != marks.path_of(report).read_bytes()


def test_a_damaged_file_of_marks_is_never_taken_for_an_empty_one(report: Report, tmp_path: Path) -> None:
    merge(report, tmp_path / "a.csv", "bo,p1.q1,1,,,,,kl")
    marks.path_of(report).write_text('{"format": 1, "marks": {')
    with pytest.raises(marks.MarksError, match=r"marks\.json cannot be read"):
        merge(report, tmp_path / "a.csv", "bo,p1.q1,1,,,,,kl")


def test_nothing_written_is_nothing_earned_without_a_person(report: Report) -> None:
    assert mark(report, "=1+1", "p1.q1") == marks.Mark((0, 0, 0, 0))
    assert mark(report, "=1+1", "p1.q2") == marks.Mark((0, 0))
    assert mark(report, "ann.lee", "p1.q1") is None


def test_course_grade_and_course_report_merge(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEAD}\nbo,p1.q1,{FULL},,kl\n")
    done = run_in(ROOT, "-m", "cs_helpers", "grade", "--merge", str(path), "--out", str(report.root))
    assert done.returncode == 0, done.stderr
    assert "1 answers marked, 5 left" in done.stdout
    assert (report.root / "pages" / "index.html").exists()
    path.write_text(f"{HEAD}\nbo,p1.q1,9,,,,,kl\n")
    wrong = run_in(ROOT, "-m", "cs_helpers", "report", "merge", str(report.root), str(path))
    assert wrong.returncode == 2
    assert "points1 is 9; at most 2" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    nothing = run_in(ROOT, "-m", "cs_helpers", "grade", "--out", str(report.root))
    assert nothing.returncode == 2
