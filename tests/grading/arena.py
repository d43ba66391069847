"""A sandbox, a reference and submissions for the tests of grading."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from cs_helpers.checks.evidence import Production
from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.grading import records
from cs_helpers.grading.confine import Limits
from cs_helpers.grading.grader import Grader, Rules
from cs_helpers.grading.session import _produce_reference, pristine
from cs_helpers.grading.unpack import Submission
from cs_helpers.grading.worker import Worker
from cs_helpers.regions import student_files

BWRAP = shutil.which("bwrap") is not None
NO_BWRAP = "bubblewrap is not installed: apt install bubblewrap"
HOSTILE = Path(__file__).parent / "hostile"


def reference() -> dict[str, bytes]:
    """Return the files of a submission that has everything right."""
    return {
        path.relative_to(COURSE_ROOT).as_posix(): path.read_bytes() for path in student_files(COURSE_ROOT)
    }


def with_attack(
    name: str, file: str = "hw/layers.py", *, honest: bool = True, first: bool = False
) -> dict[str, bytes]:
    """Return a submission with a hostile file's code added to one of its files.

    Args:
        name: Name of the hostile file.
        file: Where its code goes.
        honest: Whether everything else is right, or not done at all.
        first: Whether the code stands before everything else in the file.
    """
    files = reference() if honest else pristine()
    attack = (HOSTILE / f"{name}.py").read_bytes()
    files[file] = b"\n".join([attack, _without_future(files[file])] if first else [files[file], attack])
    return files


def _without_future(source: bytes) -> bytes:
    return source.replace(b"from __future__ import annotations", b"")


@dataclasses.dataclass
class Arena:
    """Everything that grading needs.

    Attributes:
        rules: Of this session.
        expected: The reference's evidence.
        worker: The sandbox.
    """

    rules: Rules
    expected: dict[str, Production]
    worker: Worker

    def grade(self, files: dict[str, bytes], name: str = "anna") -> dict[str, Any]:
        """Grade a submission."""
        return Grader(self.rules, self.expected, self.worker).grade(Submission(name, f"{name}.zip", files))


def points(record: dict[str, Any]) -> dict[str, float]:
    """Return a record's points by check."""
    return {task_id: entry["points"] for task_id, entry in record["tasks"].items()}


def messages(record: dict[str, Any]) -> dict[str, str]:
    """Return what a record says of the checks that are not passed."""
    return {task_id: entry["message"] for task_id, entry in record["tasks"].items() if entry["message"]}


def untimed(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what may differ between two runs."""
    return {name: value for name, value in record.items() if name != "times"}


def make_arena(worker: Worker, folder: Path, ids: list[str], seed: str, seconds: float, memory: int) -> Arena:
    """Produce the reference's evidence for some checks."""
    rules = Rules("test", seed, ids, pristine(), Limits(memory=memory), None)
    expected: dict[str, Production] = {}
    for part in sorted({check_id.split(".")[0] for check_id in ids}):
        work = [check_id for check_id in ids if check_id.startswith(f"{part}.")]
        expected |= _produce_reference(records.Report(folder), rules, worker, work)
    return Arena(dataclasses.replace(rules, seconds=seconds), expected, worker)
