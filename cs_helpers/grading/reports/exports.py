"""Points for other systems: Canvas, Moodle and Gradescope, in the formats that they document.

Nothing is subtracted for lateness unless asked for. Students without a submission are left empty, not zero.
"""

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cs_helpers.checks.compare import PASS
from cs_helpers.checks.produce import store
from cs_helpers.grading import records
from cs_helpers.grading.reports.final import Everything, Record, Row, maximum, rows
from cs_helpers.grading.reports.marks import guarded
from cs_helpers.tasks import TASKS


class ExportError(RuntimeError):
    """Points cannot be exported; the message names every student who is in the way."""


@dataclasses.dataclass(frozen=True)
class Export:
    """What to export.

    Attributes:
        assignment: Name of the column there.
        with_penalty: Whether the deduction for lateness is subtracted.
        unfinished: Whether students go along whose answers are not all marked.
    """

    assignment: str
    with_penalty: bool = False
    unfinished: bool = False

    def points(self, row: Row) -> float:
        """Return what a student gets."""
        return row.after if self.with_penalty else row.points


def students(everything: Everything, wish: Export, *needed: str) -> list[Row]:
    """Return the rows to export.

    Raises:
        ExportError: If somebody is in two submissions, unknown, or not marked to the end.
    """
    found = [row for row in rows(everything) if row.record is not None]
    problems: list[str] = []
    seen: dict[str, str] = {}
    for row in found:
        name = row.record["name"] if row.record else ""
        if row.student in seen:
            problems.append(
                f"{row.student} is in {seen[row.student]} and in {name}: "
                "name one in the roster's column submission"
            )
        seen[row.student] = name
        if row.waiting and not wish.unfinished:
            problems.append(
                f"{row.student}: not marked yet: {', '.join(row.waiting)} (--unfinished exports all the same)"
            )
        if needed and not any(row.person.get(key) for key in needed):
            problems.append(
                f"{row.student} ({name}) is not in the roster, or has no {' or '.join(needed)} there"
            )
    if problems:
        raise ExportError("\n".join([*problems, f"nothing was exported: {len(problems)} problems"]))
    return found


def canvas(everything: Everything, wish: Export) -> str:
    """Return a gradebook for Canvas' import: the roster's identifying columns and one for the assignment."""
    found = students(everything, wish, "canvas_id", "id_number", "login")
    heading = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", wish.assignment]
    lines: list[list[object]] = [["    Points Possible", "", "", "", "", maximum(everything.records)]]
    for row in found:
        keys = ("canvas_id", "id_number", "login", "section")
        name = row.person.get("name") or _full_name(row.person) or row.student
        lines.append([name, *(row.person.get(key, "") for key in keys), wish.points(row)])
    return _csv(heading, lines)


def moodle(everything: Everything, wish: Export) -> str:
    """Return a table for Moodle's grade import: columns that identify a student, the grade, the feedback."""
    found = students(everything, wish, "email", "id_number", "login")
    heading = ["Username", "ID number", "Email address", wish.assignment, f"{wish.assignment} feedback"]
    lines: list[list[object]] = []
    for row in found:
        keys = [row.person.get(key, "") for key in ("login", "id_number", "email")]
        lines.append([*keys, wish.points(row), _feedback(row, wish)])
    return _csv(heading, lines)


def _full_name(person: Mapping[str, str]) -> str:
    return f"{person.get('first', '')} {person.get('last', '')}".strip()


def _feedback(row: Row, wish: Export) -> str:
    parts = [f"Part {part}: {points + row.answers.get(part, 0):g}" for part, points in row.code.items()]
    parts += [f"bonus: {row.bonus:g}"] if row.bonus else []
    if row.deduction:
        done = "subtracted" if wish.with_penalty else "not subtracted here"
        parts.append(f"for lateness: {row.deduction:g} ({done})")
    return "; ".join(parts)


def _csv(heading: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(heading)
    for line in lines:
        table.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in line])
    return text.getvalue()


def gradescope(everything: Everything, record: Record, row: Row, wish: Export) -> dict[str, Any]:
    """Return the results.json of one student, for an autograder that only copies it into place."""
    tests = [_code_test(task, entry) for task, entry in record["tasks"].items()]
    for task in record["answers"]:
        mark = everything.mark(record, task)
        output = mark.comment if mark else "not marked yet"
        tests.append(_test(task, mark.total if mark else 0.0, TASKS[task].points, output))
    if wish.with_penalty and row.deduction:
        tests.append(_test("late", -row.deduction, 0, "deduction for lateness"))
    return {
        "score": wish.points(row),
        "output": "; ".join(record["problems"]),
        "output_format": "text",
        "visibility": "after_published",
        "stdout_visibility": "hidden",
        "execution_time": max(0, round(record["times"]["seconds"])),
        "tests": tests,
        "extra_data": {"submission": record["name"], "session": record["session"]},
    }


def _code_test(task: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    output = "\n".join(text for text in (entry["message"], entry["hint"]) if text)
    most = 0 if entry["bonus"] else entry["max_points"]
    return _test(task, entry["points"], most, output) | {
        "status": "passed" if entry["verdict"] == PASS else "failed"
    }


def _test(task: str, score: float, most: float, output: str) -> dict[str, Any]:
    title = TASKS[task].title if task in TASKS else "Lateness"
    return {
        "name": f"{task} {title}",
        "score": round(score, 2),
        "max_score": most,
        "output": output,
        "output_format": "text",
        "visibility": "after_published",
    }


def write_canvas(everything: Everything, wish: Export, out: Path) -> int:
    """Write Canvas' table; return the number of students."""
    return _write_table(canvas(everything, wish), out, 2)


def write_moodle(everything: Everything, wish: Export, out: Path) -> int:
    """Write Moodle's table; return the number of students."""
    return _write_table(moodle(everything, wish), out, 1)


def _write_table(text: str, out: Path, heading: int) -> int:
    out.parent.mkdir(parents=True, exist_ok=True)
    store(out, text.encode("utf-8", "backslashreplace"))
    return len(list(csv.reader(io.StringIO(text, newline="")))) - heading


def write_gradescope(everything: Everything, wish: Export, out: Path) -> int:
    """Write ``OUT/STUDENT/results.json`` for every student; return their number."""
    found = students(everything, wish)
    for row in found:
        assert row.record is not None
        text = json.dumps(gradescope(everything, row.record, row, wish), indent=1, sort_keys=True) + "\n"
        folder = out / records.key(row.student)
        folder.mkdir(parents=True, exist_ok=True)
        store(folder / "results.json", text.encode("ascii"))
    return len(found)


KINDS: dict[str, Callable[[Everything, Export, Path], int]] = {
    "canvas": write_canvas,
    "moodle": write_moodle,
    "gradescope": write_gradescope,
}
