"""grades.csv: one row for each record."""

import contextlib
import csv
import io
from typing import Any

from cs_helpers.grading import records
from cs_helpers.grading.records import Report
from cs_helpers.tasks import TASKS


def all_records(report: Report) -> list[dict[str, Any]]:
    """Return the records of a REPORT in the order of their names; what cannot be read is left out."""
    found = []
    for path in report.records.glob("*.json"):
        with contextlib.suppress(records.RecordError):
            found.append(records.read(path))
    return sorted(found, key=lambda record: record["name"])


def write_table(report: Report) -> None:
    """Write grades.csv from the records."""
    rows = [_row(record) for record in all_records(report)]
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    records.write_bytes(report.grades, text.getvalue().encode("utf-8", "backslashreplace"))


def _row(record: dict[str, Any]) -> dict[str, object]:
    points = record["points"]
    parts = sorted({TASKS[task_id].part for task_id in record["tasks"]})
    return {
        "name": record["name"],
        "members": " ".join(record["members"]),
        "status": record["status"],
        "total": points["total"],
        "bonus": points["total_bonus"],
        **{f"part{part}": points["parts"][str(part)] for part in parts},
        **{task_id: entry["points"] for task_id, entry in record["tasks"].items()},
        "problems": "; ".join(record["problems"]),
        "seconds": record["times"]["seconds"],
    }


def _cell(value: object) -> object:
    """Keep spreadsheets from taking a text for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
