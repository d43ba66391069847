"""What each student gets, from records, marks and the class: a row for each, nothing subtracted silently."""

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cs_helpers.checks.produce import store
from cs_helpers.grading import records
from cs_helpers.grading.records import Report
from cs_helpers.grading.reports import classbook, marks
from cs_helpers.grading.reports.classbook import Classbook
from cs_helpers.grading.reports.marks import Mark, Stored
from cs_helpers.grading.table import all_records
from cs_helpers.regions import PLACEHOLDER
from cs_helpers.tasks import TASKS

TABLE = "final.csv"
Record = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Everything:
    """A REPORT, read once.

    Attributes:
        report: Where it is.
        session: The session's id.
        seed: Its seed.
        records: In the order of their names.
        marks: What people decided about answers.
        book: The class.
    """

    report: Report
    session: str
    seed: str
    records: Sequence[Record]
    marks: Stored
    book: Classbook

    def mark(self, record: Record, task: str) -> Mark | None:
        """Return the mark for an answer; nothing written is nothing earned, without a person."""
        text, problem = record["answers"][task]["text"], record["answers"][task]["problem"]
        found = marks.mark_for(self.marks, record["name"], task, text)
        if found is None and not written(text) and (not problem or not record["files"].get(TASKS[task].file)):
            return Mark(tuple(0.0 for _ in TASKS[task].rubric))
        return found


def read_everything(report: Report) -> Everything:
    """Read a REPORT.

    Raises:
        ValueError: If there is none, or a file of it is damaged.
    """
    if not report.session.exists():
        raise ValueError(f"{report.root} holds no session: course grade makes one")
    session = records.read(report.session, tasks=False)
    return Everything(
        report,
        session["id"],
        session["seed"],
        all_records(report),
        marks.load(report),
        classbook.load(report),
    )


def written(text: str) -> bool:
    """Whether an answer says anything."""
    return bool(text.strip()) and PLACEHOLDER not in text


@dataclasses.dataclass(frozen=True)
class Row:
    """A student's result.

    Attributes:
        student: Login, address or name; that of the submission if there is no roster.
        person: The roster's entry.
        record: The submission's record, None if there is none.
        code: Points for code by part, without bonus.
        answers: Points for answers by part, as far as they are decided.
        bonus: Points on top.
        waiting: Answers that nobody has decided about.
        stale: Answers that have changed since they were marked.
        late: Seconds after the deadline; None if unknown.
        deduction: Points that lateness costs; not subtracted from anything here.
        notes: What a person should look at.
    """

    student: str
    person: Mapping[str, str]
    record: Record | None
    code: Mapping[str, float]
    answers: Mapping[str, float]
    bonus: float
    waiting: tuple[str, ...]
    stale: tuple[str, ...]
    late: float | None
    deduction: float
    notes: tuple[str, ...]

    @property
    def points(self) -> float:
        """All points, bonus included, lateness not."""
        return round(sum(self.code.values()) + sum(self.answers.values()) + self.bonus, 2)

    @property
    def after(self) -> float:
        """Points after the deduction."""
        return round(self.points - self.deduction, 2)


def rows(everything: Everything) -> list[Row]:
    """Return the rows of all students, group members one by one, roster members without a submission last."""
    found: list[Row] = []
    taken: dict[str, str] = {}
    for record in everything.records:
        for student, person, notes in _people(record, everything.book):
            if student in taken:
                notes = (*notes, f"also in submission {taken[student]}: say which counts in the roster")
            taken.setdefault(student, record["name"])
            found.append(_row(everything, record, student, person, notes))
    named = {id(row.person) for row in found if row.person}
    for person in everything.book.roster:
        if id(person) not in named:
            found.append(
                Row(_called(person), person, None, {}, {}, 0.0, (), (), None, 0.0, ("no submission",))
            )
    return found


def _people(record: Record, book: Classbook) -> Iterable[tuple[str, Mapping[str, str], tuple[str, ...]]]:
    """Yield who gets a submission's points. The roster's column "submission" has the last word."""
    told = [person for person in book.roster if person.get("submission") == record["name"]]
    if told:
        yield from ((_called(person), person, ()) for person in told)
        return
    for name in record["members"] or [record["name"]]:
        people = classbook.recognised(name, book.roster)
        if not book.roster or len(people) == 1:
            person = people[0] if people else {}
            if person.get("submission"):  # the roster gives this student another one
                continue
            yield (_called(person) if person else name), person, ()
        else:
            why = "is not in the roster" if not people else f"may be {len(people)} students of the roster"
            yield name, {}, (f"{name} {why}",)


def _called(person: Mapping[str, str]) -> str:
    full = f"{person.get('first', '')} {person.get('last', '')}".strip()
    return (
        person.get("login")
        or person.get("email")
        or person.get("name")
        or full
        or person.get("id_number", "?")
    )


def _row(
    everything: Everything, record: Record, student: str, person: Mapping[str, str], notes: tuple[str, ...]
) -> Row:
    parts = sorted({str(TASKS[task].part) for task in (*record["tasks"], *record["answers"])})
    answers = dict.fromkeys(parts, 0.0)
    waiting, stale = [], []
    for task in record["answers"]:
        mark = everything.mark(record, task)
        if mark is None or not mark.complete:
            waiting.append(task)
        if mark is not None:
            answers[str(TASKS[task].part)] += mark.total
            stale += [task] if mark.stale else []
    code = {part: record["points"]["parts"][part] for part in parts}
    bonus = record["points"]["total_bonus"]
    late, penalty = everything.book.late(record["name"]), everything.book.penalty
    total = sum(code.values()) + sum(answers.values()) + bonus
    deduction = round(total * penalty.share(late), 2) if penalty and late else 0.0
    if everything.book.deadline and late is None:
        notes = (*notes, "time of submission unknown")
    if stale:
        notes = (*notes, f"answer changed since it was marked: {', '.join(stale)}")
    notes = (*notes, *record["problems"])
    return Row(
        student, person, record, code, answers, bonus, tuple(waiting), tuple(stale), late, deduction, notes
    )


def maximum(records_: Sequence[Record]) -> int:
    """Return the points that can be had without bonus."""
    ids = {task for record in records_ for task in (*record["tasks"], *record["answers"])}
    return sum(TASKS[task].points for task in ids if not TASKS[task].bonus)


def as_csv(found: Sequence[Row]) -> str:
    """Return the rows as a table."""
    parts = sorted({part for row in found for part in row.code})
    names = [
        "student",
        "submission",
        "points",
        "bonus",
        "late_hours",
        "late_deduction",
        "points_after_deduction",
    ]
    names += [f"part{part}_{kind}" for part in parts for kind in ("code", "answers")] + [
        "not_marked",
        "notes",
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in found:
        there = row.record is not None
        cells: list[object] = [
            marks.guarded(row.student),
            marks.guarded(row.record["name"]) if row.record else "",
        ]
        cells += [row.points, row.bonus] if there else ["", ""]
        cells.append("" if row.late is None else round(row.late / 3600, 2))
        cells += [row.deduction, row.after] if there else ["", ""]
        for part in parts:
            cells += [row.code.get(part, ""), row.answers.get(part, "")]
        cells += [" ".join(row.waiting), marks.guarded("; ".join(row.notes))]
        writer.writerow(cells)
    return text.getvalue()


def write_table(everything: Everything) -> list[Row]:
    """Write ``REPORT/final.csv`` and return its rows."""
    found = rows(everything)
    store(everything.report.root / TABLE, as_csv(found).encode("utf-8", "backslashreplace"))
    return found
