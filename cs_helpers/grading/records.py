"""What grading leaves behind: the folder REPORT, and one record for each submission.

::

    REPORT/
      session.json            what is the same for all: see ``Session`` in ``cs_helpers/grading/session.py``
      reference/CHECK.safetensors   the reference's evidence on the session's trials; staff only
      records/KEY.json        one graded submission, format below; KEY is ``key(name)``
      grades.csv              one row for each record, in the order of the names
      .lock                   held while somebody grades

Everything is written to another name and renamed, so a file is there whole or not at all. REPORT can be read
by its owner only: it holds the secret seed. Other tools add folders of their own beside these.

A record, format 1, is one JSON object with sorted keys::

    {
     "format": 1,
     "name": "anna",                 from the file's or folder's name; unique in a session
     "source": "anna.zip",           the entry of the submissions' folder
     "session": "3f9a...",           id of the session: same seed, checks and limits
     "digest": "77c0...",            of the graded files; with "session" it says whether to grade again
     "status": "graded",             or "nothing to grade": no zip, empty, not one file that counts
     "problems": ["..."],            plain sentences, for staff and student: what was refused or left out
     "members": ["ann.lee"],         as the manifest claims; [] without one
     "manifest": {...} or null,      the manifest as it was handed in, if it could be read: claims, not facts
     "files": {"hw/layers.py": "9f86..."},       SHA-256 of what was laid over the pristine tree
     "tasks": {"p1.linear": TASK, ...},          every code task, in the order of the registry when read
     "answers": {"p1.q1": ANSWER, ...},          every written answer, not graded here
     "points": {"parts": {"1": 74.5, ...}, "bonus": {"1": 0, ...}, "total": 151.2, "total_bonus": 4.0},
     "versions": {"python": "3.11.7", "torch": "2.15.0", "course": "0.1.0", "safetensors": "0.6.2"},
     "times": {"graded": "2026-01-31T12:00:00+00:00", "seconds": 9.1, "start_up": 0.3, "compute": 8.5,
               "compare": 0.3, "tasks": {"p1.linear": 0.05, ...}}
    }

Only "times" differs between two gradings of the same files in the same session. "start_up" is what the
processes of this submission took until its code ran, "compute" the time its code ran, "compare" the verdicts,
which are made when a part is through. All are times of the clock.

TASK::

    {"verdict": "PASS" | "FAIL" | "NOT DONE", "points": 13.26, "max_points": 14, "bonus": false,
     "message": "dw: expected 0.42 at [0, 3], got 0.84; ...", "hint": "every entry is 2x ...",
     "printed": "what the code printed, at most 1000 characters",
     "evidence": [{"name": "dw", "verdict": "PASS" | "FAIL" | "missing", "shape": "(3, 5)",
                   "max_difference": 1.0 or null, "message": "...", "hint": "..."}, ...]}

These are the fields of ``cs_helpers.checks.compare.Result`` and ``Line``, so the tables that students know
from the notebook can be made from a record: ``result_of``. Message and hint of a FAIL may show expected
values of the secret trial: hide them from students while the deadline is open. A reader treats every text as
hostile (escape it): names, messages and printed text come from submissions.

ANSWER::

    {"text": "Markdown as the student wrote it, at most 20 000 characters", "problem": ""}

"text" is what ``answers/partN.py`` assigned when it ran in the sandbox; "problem" says why there is none.
"""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cs_helpers.checks.compare import Line, Result
from cs_helpers.tasks import TASKS
from cs_helpers.whole_files import replacing

FORMAT = 1
GRADED, NOTHING = "graded", "nothing to grade"
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class RecordError(ValueError):
    """A record cannot be read; the message names the file."""


@dataclasses.dataclass(frozen=True)
class Report:
    """Where things are below REPORT.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def session(self) -> Path:
        """What is the same for all submissions."""
        return self.root / "session.json"

    @property
    def reference(self) -> Path:
        """The folder of the reference's evidence."""
        return self.root / "reference"

    @property
    def records(self) -> Path:
        """The folder of the records."""
        return self.root / "records"

    @property
    def grades(self) -> Path:
        """The table."""
        return self.root / "grades.csv"

    def record(self, name: str) -> Path:
        """Where a submission's record is, or will be."""
        return self.records / f"{key(name)}.json"


def key(name: str) -> str:
    """Return a file name for a submission's name: itself if it is plain, made safe and told apart if not."""
    if _PLAIN.fullmatch(name) and name == name.lower():
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', name)[:40]}-{digest}"


def task_entry(result: Result) -> dict[str, Any]:
    """Turn a check's result into a record's TASK."""
    entry = dataclasses.asdict(result)
    del entry["id"]
    entry["bonus"] = TASKS[result.id].bonus
    entry["evidence"] = [_line_entry(line) for line in result.evidence]
    return entry


def _line_entry(line: Line) -> dict[str, Any]:
    entry = dataclasses.asdict(line)
    if line.max_difference is not None and not math.isfinite(line.max_difference):
        entry["max_difference"] = None  # JSON has no infinity
    return entry


def result_of(task_id: str, entry: dict[str, Any]) -> Result:
    """Turn a record's TASK back into a result, which ``cs_helpers.checks.report`` shows as in a notebook."""
    fields = {name: value for name, value in entry.items() if name != "bonus"}
    fields["evidence"] = tuple(Line(**line) for line in entry["evidence"])
    return Result(id=task_id, **fields)


def points_of(tasks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Add up the points of a record's tasks, by part, bonus points apart."""

    def add(entries: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, float]:
        sums = {str(task.part): 0.0 for task in TASKS.values()}
        for task_id, entry in entries:
            sums[str(TASKS[task_id].part)] += entry["points"]
        return {part: round(points, 2) for part, points in sums.items()}

    parts = add(item for item in tasks.items() if not item[1]["bonus"])
    bonus = add(item for item in tasks.items() if item[1]["bonus"])
    return {
        "parts": parts,
        "bonus": bonus,
        "total": round(sum(parts.values()), 2),
        "total_bonus": round(sum(bonus.values()), 2),
    }


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a record (or another JSON object) so that it is there whole or not at all."""
    text = json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n"
    write_bytes(path, text.encode("ascii"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    with replacing(path) as file:
        file.write(data)


def clean(report: Report) -> None:
    """Remove what writers left that were killed. Only for whoever holds the lock."""
    for folder in (report.root, report.records, report.reference):
        for path in folder.glob(".*.partial"):
            path.unlink(missing_ok=True)


def read(path: Path, *, tasks: bool = True) -> dict[str, Any]:
    """Read a record.

    Args:
        path: Where it is.
        tasks: Whether it has tasks, as records have, which are put into the order of the registry.

    Raises:
        RecordError: If it is not there, damaged, or of another format.
    """
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path} cannot be read ({error}); delete it to grade this one again") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RecordError(f"{path} is not a record of format {FORMAT}; delete it to grade this one again")
    if tasks and not isinstance(record.get("tasks"), dict):
        raise RecordError(f"{path} has no tasks; delete it to grade this one again")
    if tasks:
        record["tasks"] = {
            task_id: record["tasks"][task_id] for task_id in TASKS if task_id in record["tasks"]
        }
    return record
