"""What staff know of a class: the deadline, when each submission came, what lateness costs, and the roster.

Kept in ``REPORT/class.json``. Nothing of it is needed to grade.
"""

import csv
import dataclasses
import datetime
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from cs_helpers.checks.produce import store
from cs_helpers.grading.records import Report
from cs_helpers.tasks import suggestion

FORMAT = 1
_PENALTY = re.compile(
    r"(\d+(?:\.\d+)?)\s*%\s*/\s*(hour|day|week)(?:\s*,?\s*(?:up to|max)\s*(\d+(?:\.\d+)?)\s*%)?"
)
_SECONDS = {"hour": 3600, "day": 86400, "week": 7 * 86400}
# Columns of a roster by what we call them; the names are those of Canvas' and Moodle's own exports.
ROSTER = {
    "name": ("student", "name", "full name"),
    "first": ("first name", "firstname"),
    "last": ("last name", "surname", "lastname"),
    "canvas_id": ("id",),
    "id_number": ("sis user id", "id number", "idnumber"),
    "login": ("sis login id", "username", "login"),
    "email": ("email address", "email"),
    "section": ("section",),
    "submission": ("submission",),
}
_IDENTIFYING = ("login", "email", "id_number", "canvas_id", "name")


class ClassError(ValueError):
    """The class is not described well; the message names file, line and value."""


@dataclasses.dataclass(frozen=True)
class Penalty:
    """What lateness costs: a share of the points for each begun unit of time.

    Attributes:
        percent: For each unit.
        unit: "hour", "day" or "week".
        most: Percent at most.
    """

    percent: float
    unit: str
    most: float = 100.0

    def units(self, late: float) -> int:
        """Return the begun units in some seconds."""
        return math.ceil(late / _SECONDS[self.unit])

    def share(self, late: float) -> float:
        """Return the share of the points, 0 to 1, that some seconds cost."""
        return min(self.percent * self.units(late), self.most) / 100

    def __str__(self) -> str:
        most = f", up to {self.most:g}%" if self.most < 100 else ""
        return f"{self.percent:g}%/{self.unit}{most}"


@dataclasses.dataclass
class Classbook:
    """The class of a session.

    Attributes:
        title: Of the assignment.
        deadline: With its time zone; None if nobody said.
        penalty: What lateness costs; None: nothing.
        times: When each submission came.
        roster: One entry for each student, with some keys of ``ROSTER``.
    """

    title: str = "Assignment"
    deadline: datetime.datetime | None = None
    penalty: Penalty | None = None
    times: dict[str, datetime.datetime] = dataclasses.field(default_factory=dict)
    roster: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"deadline {self.deadline or 'unknown'}, late penalty {self.penalty or 'none'}, "
            f"{len(self.roster)} students in the roster, {len(self.times)} times of submission"
        )

    def late(self, submission: str) -> float | None:
        """Return the seconds that a submission came after the deadline, 0 if in time, None if unknown."""
        if self.deadline is None or submission not in self.times:
            return None
        return max(0.0, (self.times[submission] - self.deadline).total_seconds())


def load(report: Report) -> Classbook:
    """Return what is known of the class of a REPORT."""
    path = report.root / "class.json"
    if not path.exists():
        return Classbook()
    try:
        found = json.loads(path.read_bytes())
        if found.pop("format") != FORMAT:
            raise ValueError(f"not of format {FORMAT}")
        found["deadline"] = found["deadline"] and datetime.datetime.fromisoformat(found["deadline"])
        found["penalty"] = found["penalty"] and Penalty(**found["penalty"])
        found["times"] = {
            name: datetime.datetime.fromisoformat(time) for name, time in found["times"].items()
        }
        return Classbook(**found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClassError(f"{path} cannot be read ({error}); delete it and set the class up again") from error


def save(report: Report, book: Classbook) -> None:
    """Keep it in a REPORT."""
    data = {"format": FORMAT, **dataclasses.asdict(book)}
    data["deadline"] = book.deadline and book.deadline.isoformat()
    data["times"] = {name: time.isoformat() for name, time in sorted(book.times.items())}
    store(report.root / "class.json", (json.dumps(data, indent=1, sort_keys=True) + "\n").encode("ascii"))


def parse_time(text: str, what: str) -> datetime.datetime:
    """Read a time such as 2026-11-20T23:59 or 2026-11-20 23:59:00+01:00; without a zone it is local."""
    try:
        return datetime.datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip())).astimezone()
    except ValueError:
        raise ClassError(f"{what} {text!r} is not a time such as 2026-11-20T23:59+01:00") from None


def parse_penalty(text: str) -> Penalty | None:
    """Read a penalty such as ``10%/day`` or ``5%/hour up to 50%``; ``none`` is none."""
    if text.strip() == "none":
        return None
    found = _PENALTY.fullmatch(text.strip())
    if not found:
        raise ClassError(f"late penalty {text!r} is not like 10%/day, 5%/hour up to 50%, or none")
    penalty = Penalty(float(found[1]), found[2], float(found[3] or 100))
    if penalty.percent > 100 or penalty.most > 100:
        raise ClassError(f"late penalty {text!r}: at most 100%")
    return penalty


def read_times(path: Path, names: Mapping[str, str]) -> dict[str, datetime.datetime]:
    """Read when submissions came, from a CSV file, or from the times of the files in a folder.

    Args:
        path: A CSV file with the columns ``name`` and ``submitted``, or the folder of the submissions.
        names: The submissions' file names by name.

    Raises:
        ClassError: If a line is wrong; all of them are named.
    """
    if path.is_dir():
        found = {name: path / source for name, source in names.items() if (path / source).exists()}
        stamps = {name: file.stat().st_mtime for name, file in found.items()}
        return {name: datetime.datetime.fromtimestamp(stamp).astimezone() for name, stamp in stamps.items()}
    times: dict[str, datetime.datetime] = {}
    problems = []
    for number, row in _rows(path, {"name", "submitted"}):
        name = row["name"]
        try:
            if name not in names:
                raise ClassError(f"unknown submission {name!r}{suggestion(name, names)}")
            if name in times:
                raise ClassError(f"{name!r} is there twice")
            times[name] = parse_time(row["submitted"], "submitted")
        except ClassError as error:
            problems.append(f"{path}:{number}: {error}")
    if problems:
        raise ClassError("\n".join(problems))
    return times


def read_roster(path: Path) -> list[dict[str, str]]:
    """Read a roster: a CSV file with a column that tells students apart, such as Canvas' or Moodle's export.

    Raises:
        ClassError: If there is no such column, or two students cannot be told apart.
    """
    found: list[dict[str, str]] = []
    seen: dict[tuple[str, str], int] = {}
    problems = []
    for number, row in _rows(path, set()):
        entry = {key: row[alias] for key, names in ROSTER.items() for alias in names if row.get(alias)}
        if not entry or entry.get("name", "").strip() in ("Points Possible", "Student, Test", "Test Student"):
            continue
        if not any(entry.get(key) for key in _IDENTIFYING):
            problems.append(f"{path}:{number}: nobody can be recognised by this line")
        for key in ("login", "email", "id_number", "canvas_id"):
            before = seen.setdefault((key, entry[key].casefold()), number) if key in entry else number
            if before != number:
                problems.append(f"{path}:{number}: {entry[key]!r} is in line {before}, too")
        found.append(entry)
    if problems or not found:
        raise ClassError("\n".join(problems) or f"{path}: no student; columns that count: {_known_columns()}")
    return found


def _known_columns() -> str:
    return ", ".join(alias for names in ROSTER.values() for alias in names)


def _rows(path: Path, needed: set[str]) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        first = text.partition("\n")[0]
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ","
        )
        lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ClassError(f"{path}: cannot be read as CSV UTF-8 ({error})") from error
    columns = [name.casefold() for name in lines[0][1]] if lines else []
    if needed - set(columns):
        raise ClassError(
            f"{path}:1: columns {', '.join(columns) or 'none'}; needed: {', '.join(sorted(needed))}"
        )
    for number, cells in lines[1:]:
        if any(cells):
            yield number, dict(zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=False))


def recognised(name: str, roster: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return the students whom a name may mean: by login, address, number or name, in this order."""
    wanted = name.casefold()
    for key in _IDENTIFYING:
        found = [entry for entry in roster if entry.get(key, "").casefold() == wanted]
        if not found and key == "email":
            found = [entry for entry in roster if entry.get(key, "").casefold().partition("@")[0] == wanted]
        if found:
            return found
    return []
