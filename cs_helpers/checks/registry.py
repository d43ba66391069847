"""Checks: what they are and where they register.

A check is a generator ``(hw, trial) -> (name, value), ...``. It drives the student's code on the trial's
inputs and yields evidence. It never decides: deciding is done elsewhere, see ``compare``.
"""

import dataclasses
import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cs_helpers.checks.trial import Trial
from cs_helpers.tasks import TASKS, suggestion

Produce = Callable[[Any, Trial], Iterator[tuple[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far a value may be from the expected one.

    Attributes:
        relative: Largest difference allowed, as a share of the expected tensor's typical value (its root
            mean square). At most 1 %.
        reason: Why this much.
    """

    relative: float
    reason: str

    def __post_init__(self) -> None:
        if not 0 <= self.relative <= 0.01:
            raise ValueError(f"a tolerance must be in [0, 0.01], got {self.relative}")


FLOAT_NOISE = Tolerance(1e-4, "float32 rounding; two CPUs or torch versions differ by 1e-6")


@dataclasses.dataclass(frozen=True)
class Check:
    """A check and what the comparing side needs to know about it.

    Attributes:
        id: The task's id, such as ``p1.linear``.
        produce: The generator of evidence.
        where: The code that a piece of evidence tests, by the evidence's name, such as ``Linear.backward``.
        factors: Named numbers of the trial, such as N; a result that is off by one of them is told so.
        tolerances: By evidence name, where FLOAT_NOISE does not fit.
        streams: Evidence that depends on torch's random stream; not compared where the stream differs.
        seconds: Time limit of one run.
    """

    id: str
    produce: Produce
    where: Mapping[str, str]
    factors: Mapping[str, float]
    tolerances: Mapping[str, Tolerance]
    streams: frozenset[str]
    seconds: float

    def tolerance(self, name: str) -> Tolerance:
        """Return the tolerance for a piece of evidence."""
        return self.tolerances.get(name, FLOAT_NOISE)


_CHECKS: dict[str, Check] = {}


def produces(
    check_id: str,
    *,
    where: Mapping[str, str],
    factors: Mapping[str, float] | None = None,
    tolerances: Mapping[str, Tolerance] | None = None,
    streams: tuple[str, ...] = (),
    seconds: float = 20.0,
) -> Callable[[Produce], Produce]:
    """Register the decorated generator as the check of a task; see Check for the arguments."""
    if check_id not in TASKS:
        raise ValueError(f"{check_id!r} is not the id of a task in cs_helpers/tasks.py")

    def register(produce: Produce) -> Produce:
        _CHECKS[check_id] = Check(
            check_id, produce, where, factors or {}, tolerances or {}, frozenset(streams), seconds
        )
        return produce

    return register


def checks() -> dict[str, Check]:
    """Return every check by id, in the order of the tasks."""
    for part in sorted({task.part for task in TASKS.values() if task.kind == "code"}):
        importlib.import_module(f"cs_helpers.checks.part{part}")
    return {task_id: _CHECKS[task_id] for task_id in TASKS if task_id in _CHECKS}


def find(check_id: str) -> Check:
    """Return one check.

    Raises:
        ValueError: If there is none of that id; the message suggests the nearest.
    """
    known = checks()
    if check_id not in known:
        raise ValueError(f"there is no check {check_id!r}{suggestion(check_id, known)}")
    return known[check_id]


def select(names: list[str]) -> list[Check]:
    """Return the checks that the names ask for, each once, in order; all of them for no names.

    Args:
        names: Ids such as ``p1.linear``, or parts such as ``part1`` or ``p1``.

    Raises:
        ValueError: If a name is neither.
    """
    known = checks()
    wanted: set[str] = set()
    parts = {alias: part for part in {c.id.split(".")[0] for c in known.values()} for alias in aliases(part)}
    for name in names:
        if name in known:
            wanted.add(name)
        elif name in parts:
            wanted.update(check_id for check_id in known if check_id.startswith(f"{parts[name]}."))
        else:
            raise ValueError(f"there is no check or part {name!r}{suggestion(name, [*known, *parts])}")
    return [check for check_id, check in known.items() if not names or check_id in wanted]


def aliases(part: str) -> tuple[str, str]:
    """Return the two names of a part: p1 and part1."""
    return part, part.replace("p", "part")
