"""Lateness, rosters and exports, held against what the receiving systems document."""

import csv
import datetime
import io
import json
import os
from pathlib import Path

import jsonschema
import pytest
from trees import ROOT, run_in

from cs_helpers.grading.records import Report
from cs_helpers.grading.reports import classbook
from cs_helpers.grading.reports.classbook import ClassError, Penalty
from cs_helpers.grading.reports.exports import Export, ExportError, canvas, moodle, write_gradescope
from cs_helpers.grading.reports.final import Everything, as_csv, read_everything, rows
from tests.grading.small_class import change

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section\n"
    "    Points Possible,,,,\n"
    '"Lee, Ann",101,s1,ann.lee,A\n"Bo, X",102,s2,bo,A\n"Kaya, Cem",103,s3,cem.kaya,B\n'
    '"Eve, Y",104,s4,eve,B\n"One, Plus",105,s5,=1+1,B\n"Mia, Z",106,s6,mia,B\n"Student, Test",107,,test,B\n'
)
MOODLE = (
    "First name;Last name;ID number;Email address\nAnn;Lee;s1;ann.lee@example.org\nBo;X;s2;bo@example.org\n"
    "Cem;Kaya;s3;cem.kaya@example.org\nEve;Y;s4;eve@example.org\nOne;Plus;s5;=1+1@example.org\n"
)
# Gradescope's results.json: keys and values as its documentation of autograders lists them.
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMATS = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
TEST = {
    "type": "object",
    "properties": {
        "score": {"type": "number"},
        "max_score": {"type": "number"},
        "status": {"enum": ["passed", "failed"]},
        "name": {"type": "string"},
        "name_format": FORMATS,
        "number": {"type": "string"},
        "output": {"type": "string"},
        "output_format": FORMATS,
        "tags": {"type": "array", "items": {"type": "string"}},
        "visibility": VISIBILITY,
        "extra_data": {"type": "object"},
    },
    "additionalProperties": False,
}
RESULTS = {
    "type": "object",
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "integer", "minimum": 0},
        "output": {"type": "string"},
        "output_format": FORMATS,
        "test_output_format": FORMATS,
        "test_name_format": FORMATS,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {"type": "array", "items": TEST},
        "leaderboard": {"type": "array"},
    },
    "anyOf": [{"required": ["score"]}, {"required": ["tests"]}],
    "additionalProperties": False,
}
ALL = Export("Homework 1 (77)", unfinished=True)
DEADLINE = datetime.datetime(2026, 11, 20, 23, 59, tzinfo=datetime.timezone.utc)


def class_of(report: Report, roster: str = CANVAS, late: dict[str, float] | None = None) -> Everything:
    """Return a REPORT with a roster, and submissions some hours late."""
    everything = read_everything(report)
    path = report.root / "roster.csv"
    path.write_text(roster, encoding="utf-8")
    everything.book.roster = classbook.read_roster(path)
    everything.book.deadline = DEADLINE
    everything.book.times = {
        record["name"]: DEADLINE + datetime.timedelta(hours=(late or {}).get(record["name"], -1))
        for record in everything.records
    }
    return everything


def table(text: str) -> list[dict[str, str]]:
    """Read a CSV text."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_canvas_gets_its_own_columns_back_and_one_with_points(report: Report) -> None:
    text = canvas(class_of(report), ALL)
    found = table(text)
    assert list(found[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Homework 1 (77)"]
    assert found[0]["Student"].strip() == "Points Possible"
    assert float(found[0]["Homework 1 (77)"]) == 14 + 6 + 14 + 6
    people = {row["SIS Login ID"]: row for row in found[1:]}
    assert sorted(people) == [
        "'=1+1",
        "ann.lee",
        "bo",
        "cem.kaya",
        "eve",
    ]  # Mia handed in nothing: left as it is
    assert people["cem.kaya"]["Student"] == "Kaya, Cem"
    assert people["cem.kaya"]["ID"] == "103"
    assert people["cem.kaya"]["Homework 1 (77)"] == people["bo"]["Homework 1 (77)"]
    assert float(people["ann.lee"]["Homework 1 (77)"]) == 20
    for row in found[1:]:
        assert row["ID"].isdigit()
        assert 0 <= float(row["Homework 1 (77)"]) <= 40


def test_moodle_gets_an_address_a_grade_and_a_feedback(report: Report) -> None:
    found = table(moodle(class_of(report, MOODLE, {"bo": 2}), ALL))
    assert list(found[0])[:3] == ["Username", "ID number", "Email address"]
    people = {row["Email address"]: row for row in found}
    assert len(people) == len(found) == 5
    assert people["cem.kaya@example.org"]["Homework 1 (77) feedback"].startswith("Part 1: ")
    for row in found:
        assert row["ID number"]
        assert 0 <= float(row["Homework 1 (77)"]) <= 40


def test_gradescope_gets_a_valid_file_for_every_student(report: Report, tmp_path: Path) -> None:
    everything = class_of(report, late={"bo": 30})
    everything.book.penalty = Penalty(10, "day")
    for penalty in (False, True):
        wish = Export("Homework", with_penalty=penalty, unfinished=True)
        assert write_gradescope(everything, wish, tmp_path / "out") == 5
        files = sorted((tmp_path / "out").glob("*/results.json"))
        assert len(files) == 5
        for path in files:
            found = json.loads(path.read_bytes())
            jsonschema.validate(found, RESULTS)
            assert found["score"] == pytest.approx(sum(test["score"] for test in found["tests"]), abs=0.011)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"score": "12"}, RESULTS)


def test_lateness_is_shown_and_subtracted_only_if_asked_for(report: Report) -> None:
    everything = class_of(report, late={"bo": 0.01, "eve": 24.5, "ann.lee": 24 * 30})
    everything.book.penalty = classbook.parse_penalty("10%/day up to 50%")
    found = {row.student: row for row in rows(everything)}
    for student, share in {"bo": 0.1, "cem.kaya": 0.1, "eve": 0.2, "ann.lee": 0.5, "=1+1": 0.0}.items():
        row = found[student]
        assert row.deduction == pytest.approx(share * row.points, abs=0.006)
        assert row.after == pytest.approx(row.points - row.deduction)
    plain, less = (
        table(canvas(everything, Export("x", with_penalty=p, unfinished=True))) for p in (False, True)
    )
    assert float(plain[2]["x"]) == found["ann.lee"].points
    assert float(less[2]["x"]) == found["ann.lee"].after
    assert all(line in as_csv(list(found.values())) for line in ("late_hours", "late_deduction", "mia"))


@pytest.mark.parametrize(
    ("text", "percent", "unit", "most"),
    [
        ("10%/day", 10, "day", 100),
        ("2.5 % / hour up to 50%", 2.5, "hour", 50),
        ("5%/week, max 20%", 5, "week", 20),
    ],
)
def test_penalties_are_read(text: str, percent: float, unit: str, most: float) -> None:
    assert classbook.parse_penalty(text) == Penalty(percent, unit, most)
    assert classbook.parse_penalty("none") is None


@pytest.mark.parametrize("text", ["10", "10%", "-1%/day", "10%/year", "200%/day", "10%/day up to 500%"])
def test_other_penalties_are_refused(text: str) -> None:
    with pytest.raises(ClassError, match="late penalty"):
        classbook.parse_penalty(text)


def test_times_come_from_a_file_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "anna.zip").write_bytes(b"")
    os.utime(tmp_path / "anna.zip", (1_700_000_000, 1_700_000_000))
    names = {"anna": "anna.zip", "bo": "bo"}
    assert {name: time.timestamp() for name, time in classbook.read_times(tmp_path, names).items()} == {
        "anna": 1_700_000_000
    }
    path = tmp_path / "times.csv"
    path.write_text("name,submitted\nanna,2026-11-20T22:00Z\nbo,2026-11-20 23:00:00+01:00\n")
    assert len(set(classbook.read_times(path, names).values())) == 1
    path.write_text("name,submitted\nana,2026-11-20\nbo,soon\nbo,2026-11-20\nbo,2026-11-21\n")
    with pytest.raises(ClassError) as caught:
        classbook.read_times(path, names)
    for problem in (
        ":2: unknown submission 'ana'; did you mean 'anna'?",
        ":3: submitted 'soon'",
        ":5: 'bo' is there",
    ):
        assert f"{path}{problem}" in str(caught.value)


def test_rosters_that_cannot_tell_students_apart_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    for text, problem in (
        ("login\nann\nbo\nANN\n", ":4: 'ANN' is in line 2, too"),
        ("colour\nred\n", "no student; columns that count: "),
        ("login,section\n,A\n", ":2: nobody can be recognised"),
        ("", "no student"),
    ):
        path.write_text(text)
        with pytest.raises(ClassError) as caught:
            classbook.read_roster(path)
        assert f"{path}" in str(caught.value)
        assert problem in str(caught.value)
    with pytest.raises(ClassError, match="cannot be read"):
        classbook.read_roster(tmp_path)


def test_what_stands_in_the_way_of_an_export_is_named(report: Report) -> None:
    with pytest.raises(ExportError, match=r"bo: not marked yet: p1\.q1, p1\.q2"):
        canvas(class_of(report), Export("x"))
    with pytest.raises(ExportError, match=r"cem\.kaya \(bo\) is not in the roster"):
        canvas(class_of(report, CANVAS.replace("cem.kaya", "kaya")), ALL)
    change(report, "eve", members=["eve", "ann.lee"])
    with pytest.raises(ExportError, match=r"ann\.lee is in ann\.lee and in eve: name one in the roster"):
        canvas(class_of(report), ALL)
    told = CANVAS.replace("Section\n", "Section,submission\n").replace("ann.lee,A", "ann.lee,A,ann.lee")
    found = [row for row in rows(class_of(report, told)) if row.record and row.student == "ann.lee"]
    assert [row.record["name"] for row in found if row.record] == ["ann.lee"]


def test_the_commands_set_up_and_export(report: Report, tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text(CANVAS)
    options = ["--deadline", "2026-11-20T23:59+00:00", "--late-penalty", "10%/day", "--roster", "roster.csv"]
    options[-1] = str(tmp_path / "roster.csv")
    done = run_in(ROOT, "-m", "cs_helpers", "report", "setup", str(report.root), *options)
    assert done.returncode == 0, done.stderr
    assert "6 students in the roster" in done.stdout
    out = tmp_path / "canvas.csv"
    export = ["report", "export", str(report.root), "canvas", "--out", str(out)]
    refused = run_in(ROOT, "-m", "cs_helpers", *export)
    assert refused.returncode == 1
    assert "nothing was exported" in refused.stderr
    assert not out.exists()
    done = run_in(ROOT, "-m", "cs_helpers", *export, "--unfinished")
    assert "5 students" in done.stdout
    assert "lateness not subtracted" in done.stdout
    wrong = run_in(ROOT, "-m", "cs_helpers", "report", "export", str(report.root), "canvs", "--out", str(out))
    assert wrong.returncode == 2
    assert "did you mean 'canvas'?" in wrong.stderr
    nowhere = run_in(ROOT, "-m", "cs_helpers", "report", "pages", str(tmp_path))
    assert nowhere.returncode == 2
    assert "holds no session" in nowhere.stderr
