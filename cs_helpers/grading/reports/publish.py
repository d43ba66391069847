"""What goes to students: a page each, and, once the deadline has passed, the session's expected values.

The published session is a folder like ``tests/assets``, with the seed in its manifest, so that
``course check --session FOLDER`` compares a student's code with what the grader compared it with.
"""

import csv
import datetime
import hashlib
import io
import json
import shutil
from pathlib import Path

from cs_helpers.checks.assets import MANIFEST, stream_sample
from cs_helpers.checks.produce import store
from cs_helpers.grading import records
from cs_helpers.grading.reports import marks
from cs_helpers.grading.reports.feedback import feedback_page
from cs_helpers.grading.reports.final import Everything, rows
from cs_helpers.grading.reports.page import write

STAMP = "published.json"


class PublishError(ValueError):
    """It cannot be published; the message says why and what to do."""


def deadline_is_open(everything: Everything, now: datetime.datetime | None = None) -> bool:
    """Whether students may still hand in.

    Raises:
        PublishError: If nobody said when the deadline is: values are not published on a guess.
    """
    if everything.book.deadline is None:
        raise PublishError(
            f"when is the deadline? course report setup {everything.report.root} --deadline 2026-11-20T23:59"
        )
    return (now or datetime.datetime.now().astimezone()) <= everything.book.deadline


def publish(everything: Everything, out: Path, *, hidden: bool, reference: bool = False) -> int:
    """Write ``feedback/KEY.html`` for each submission, ``students.csv`` (who gets which), and ``session/``.

    Args:
        everything: The REPORT.
        out: A folder that does not exist yet, or an earlier one of these, which is replaced.
        hidden: Whether the deadline is open: then no expected value, no seed and no session.
        reference: Whether reference answers are shown.

    Returns:
        The number of pages.

    Raises:
        PublishError: If the folder holds something else, or the reference's values are missing.
    """
    _refuse_place(everything, out)
    found = rows(everything)
    if out.exists():
        shutil.rmtree(out)
    store_stamp(out, everything.session)
    for record in everything.records:
        whose = [row for row in found if row.record is record]
        text = feedback_page(everything, record, whose, hidden=hidden, reference=reference and not hidden)
        write(out / "feedback" / f"{records.key(record['name'])}.html", text)
    listing = io.StringIO()
    table = csv.writer(listing, lineterminator="\n")
    table.writerow(["student", "page"])
    for row in found:
        if row.record is not None:
            table.writerow([marks.guarded(row.student), f"feedback/{records.key(row.record['name'])}.html"])
    store(out / "students.csv", listing.getvalue().encode("utf-8", "backslashreplace"))
    if not hidden:
        write_session(everything, out / "session")
    return len(everything.records)


def store_stamp(out: Path, session: str) -> None:
    """Mark a folder as ours, before anything else is written into it."""
    out.mkdir(parents=True)
    store(out / STAMP, (json.dumps({"session": session}) + "\n").encode("ascii"))


def _refuse_place(everything: Everything, out: Path) -> None:
    if not out.exists() and not out.is_symlink():
        return
    if out.is_symlink() or not out.is_dir() or not (out / STAMP).is_file():
        raise PublishError(f"{out} exists and is no earlier feedback; name another folder")
    if out.resolve() in (everything.report.root.resolve(), *everything.report.root.resolve().parents):
        raise PublishError(f"{out} holds the REPORT itself; name another folder")


def write_session(everything: Everything, folder: Path) -> None:
    """Write the seed and the reference's values for it, in the form of ``tests/assets``."""
    entries = {}
    folder.mkdir(parents=True, exist_ok=True)
    checks = records.read(everything.report.session, tasks=False)["checks"]
    for check_id in checks:
        source = everything.report.reference / f"{check_id}.safetensors"
        try:
            data = source.read_bytes()
        except OSError as error:
            raise PublishError(
                f"{source} cannot be read ({error.strerror}); grade again to make it"
            ) from error
        store(folder / source.name, data)
        entries[check_id] = {"sha256": hashlib.sha256(data).hexdigest()}
    manifest = {
        "checks": entries,
        "seed": everything.seed,
        "session": everything.session,
        "torch_stream": stream_sample(),
    }
    store(folder / MANIFEST, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode("ascii"))
