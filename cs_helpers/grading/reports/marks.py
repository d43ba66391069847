"""Marks that people give for written answers.

``REPORT/marks.json`` holds them, apart from the records, so that grading again never touches them::

    {"format": 1,
     "marks": {"anna": {"p1.q1": {"SHA-256 of the answer's text": {
         "points": [2, 1.5, 4, null],     one for each line of the rubric; null: not decided yet
         "comment": "...", "grader": "kl", "source": "marks.csv"}}}}}

A mark belongs to the text that was read. If the student's answer changes, the mark stays, counts, and is
called stale until somebody reads the new text.

People hand in marks as CSV, which the pages write and a spreadsheet can, too: ``COLUMNS``. An empty
``answer`` means the text that is there now, an empty ``session`` this one.
"""

import csv
import dataclasses
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cs_helpers.checks.produce import store
from cs_helpers.grading.records import Report
from cs_helpers.tasks import TASKS, suggestion

FORMAT = 1
MOST = max(len(task.rubric) for task in TASKS.values())  # lines of the longest rubric
POINTS = tuple(f"points{number}" for number in range(1, MOST + 1))
COLUMNS = ("session", "submission", "task", "answer", *POINTS, "comment", "grader")
REQUIRED = ("submission", "task", "points1")
MAX_COMMENT = 4000
_NUMBER = re.compile(r"\d{1,3}([.,]\d{1,2})?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Stored = dict[str, dict[str, dict[str, dict[str, Any]]]]


class MarksError(ValueError):
    """Marks cannot be taken; the message names every problem with file and line. Nothing was changed."""


@dataclasses.dataclass(frozen=True)
class Mark:
    """What one person decided about one answer.

    Attributes:
        points: For each line of the rubric; None where nothing is decided.
        comment: For the student.
        grader: Who decided; "" if nobody said.
        stale: Whether the answer has changed since.
    """

    points: tuple[float | None, ...]
    comment: str = ""
    grader: str = ""
    stale: bool = False

    @property
    def complete(self) -> bool:
        """Whether every line of the rubric is decided."""
        return all(points is not None for points in self.points)

    @property
    def total(self) -> float:
        """Points so far."""
        return sum(points for points in self.points if points is not None)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a CSV file of marks."""

    place: str
    submission: str
    task: str
    answer: str
    mark: Mark


def digest(text: str) -> str:
    """Return what an answer's text is recognised by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def path_of(report: Report) -> Path:
    """Return where the marks of a REPORT are."""
    return report.root / "marks.json"


def load(report: Report) -> Stored:
    """Return all marks of a REPORT.

    Raises:
        MarksError: If the file is damaged: it is never taken for an empty one.
    """
    path = path_of(report)
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_bytes())
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}, not {FORMAT}")
        return found["marks"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MarksError(f"{path} cannot be read ({error}); restore it from a copy") from error


def mark_for(stored: Stored, submission: str, task: str, text: str) -> Mark | None:
    """Return the mark for an answer: that for its text, else the last one for another text, called stale."""
    found = stored.get(submission, {}).get(task, {})
    if not found:
        return None
    now = digest(text)
    entry = found.get(now) or list(found.values())[-1]
    return Mark(tuple(entry["points"]), entry["comment"], entry["grader"], stale=now not in found)


def merge(
    report: Report,
    session: str,
    records: Iterable[Mapping[str, Any]],
    files: Sequence[Path],
    *,
    replace: bool = False,
) -> int:
    """Add marks from CSV files; all of them or none.

    Args:
        report: Where the marks are.
        session: The session's id.
        records: The session's records.
        files: CSV files.
        replace: Whether a mark may take the place of another person's.

    Returns:
        The number of answers that were marked.

    Raises:
        MarksError: If anything is wrong in any file.
    """
    answers = {record["name"]: record["answers"] for record in records}
    problems: list[str] = []
    rows = [row for path in files for row in _read(path, session, answers, problems)]
    problems += _repeated(rows)
    stored = load(report)
    if not replace:
        problems += _contradictions(rows, stored)
    if problems:
        raise MarksError("\n".join([*problems, f"nothing was merged: {len(problems)} problems"]))
    for row in rows:
        texts = stored.setdefault(row.submission, {}).setdefault(row.task, {})
        texts.pop(row.answer, None)  # the newest comes last
        entry = {"points": list(row.mark.points), "comment": row.mark.comment, "grader": row.mark.grader}
        texts[row.answer] = entry | {"source": row.place}
    text = json.dumps({"format": FORMAT, "marks": stored}, indent=1, ensure_ascii=True) + "\n"
    store(path_of(report), text.encode("ascii"))
    return len(rows)


def _read(path: Path, session: str, answers: Mapping[str, Any], problems: list[str]) -> Iterator[Row]:
    """Yield the rows of a file that say something; put what is wrong into problems."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problems.append(f"{path}: {error.strerror}")
        return
    except UnicodeDecodeError:
        problems.append(f"{path}: not UTF-8 text; save it as CSV UTF-8")
        return
    first = text.partition("\n")[0]
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=";" if ";" in first and "," not in first else ","
    )
    columns = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in COLUMNS]
    if missing or unknown or len(set(columns)) < len(columns):
        problems.append(
            f"{path}:1: columns {', '.join(columns) or 'none'}; needed: {', '.join(REQUIRED)}; "
            f"allowed: {', '.join(COLUMNS)}"
        )
        return
    try:
        for cells in reader:
            place = f"{path}:{reader.line_num}"
            if None in cells:
                problems.append(f"{place}: more cells than columns")
                continue
            row, wrong = _row(
                place, {name: (cell or "").strip() for name, cell in cells.items()}, session, answers
            )
            problems += [f"{place}: {what}" for what in wrong]
            if row is not None and not wrong:
                yield row
    except csv.Error as error:
        problems.append(f"{path}:{reader.line_num}: {error}")


def _row(
    place: str, cells: Mapping[str, str], session: str, answers: Mapping[str, Any]
) -> tuple[Row | None, list[str]]:
    """Return a row, or None if it says nothing, and what is wrong with it."""
    if not any(cells.get(name) for name in (*POINTS, "comment")):
        return None, []
    submission, task, wrong = unguarded(cells["submission"]), cells["task"], []
    if cells.get("session") and cells["session"] != session:
        wrong.append(f"marks of another session ({cells['session']}, not {session})")
    if submission not in answers:
        return None, [*wrong, f"unknown submission {submission!r}{suggestion(submission, answers)}"]
    if task not in answers[submission]:
        return None, [*wrong, f"unknown question {task!r}{suggestion(task, answers[submission])}"]
    answer = cells.get("answer") or digest(answers[submission][task]["text"])
    if not re.fullmatch("[0-9a-f]{64}", answer):
        wrong.append(
            f"answer {answer[:20]!r} is not the SHA-256 of a text; leave it empty for the text that is there"
        )
    rubric = TASKS[task].rubric
    given = [
        _points(cells.get(name, ""), name, most, wrong)
        for name, (most, _) in zip(POINTS, rubric, strict=False)
    ]
    wrong += [
        f"{name}: the rubric of {task} has {len(rubric)} lines"
        for name in POINTS[len(rubric) :]
        if cells.get(name)
    ]
    comment = unguarded(cells.get("comment", ""))
    if len(comment) > MAX_COMMENT:
        wrong.append(f"a comment of {len(comment)} characters; allowed: {MAX_COMMENT}")
    mark = Mark(tuple(given), comment, unguarded(cells.get("grader", "")))
    return Row(place, submission, task, answer, mark), wrong


def _points(text: str, name: str, most: int, wrong: list[str]) -> float | None:
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        wrong.append(f"{name} is {text!r}, not a number such as 2 or 1.5")
        return None
    value = float(text.replace(",", "."))
    if value > most:
        wrong.append(f"{name} is {text}; at most {most}")
    return value


def _repeated(rows: Sequence[Row]) -> Iterator[str]:
    """Find answers that are marked twice, and say whether the two agree."""
    seen: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        before = seen.setdefault((row.submission, row.task, row.answer), row)
        if before is row:
            continue
        same = before.mark.points == row.mark.points
        what = "marked again" if same else f"marked differently{_by(row.mark, before.mark)}"
        yield f"{row.place}: {row.submission} {row.task} is {what}; before: {before.place}"


def _contradictions(rows: Sequence[Row], stored: Stored) -> Iterator[str]:
    """Find marks that would take the place of another person's."""
    for row in rows:
        entry = stored.get(row.submission, {}).get(row.task, {}).get(row.answer)
        if not entry or entry["grader"] == row.mark.grader or entry["points"] == list(row.mark.points):
            continue
        old = Mark(tuple(entry["points"]), grader=entry["grader"])
        yield (
            f"{row.place}: {row.submission} {row.task} has another mark{_by(row.mark, old)}, from "
            f"{entry['source']}; --replace takes the new one"
        )


def _by(new: Mark, old: Mark) -> str:
    def shown(mark: Mark) -> str:
        values = " ".join("-" if value is None else f"{value:g}" for value in mark.points)
        return f"{values} by {mark.grader or 'nobody named'}"

    return f" ({shown(new)}; {shown(old)})"


def guarded(text: str) -> str:
    """Keep spreadsheets from taking a text for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def unguarded(text: str) -> str:
    """Undo ``guarded``."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def template(session: str, records: Iterable[Mapping[str, Any]]) -> str:
    """Return a CSV file with a line for each answer that is there, to fill in with a spreadsheet."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in records:
        for task, answer in record["answers"].items():
            writer.writerow(
                {
                    "session": session,
                    "submission": guarded(record["name"]),
                    "task": task,
                    "answer": digest(answer["text"]),
                }
            )
    return text.getvalue()
