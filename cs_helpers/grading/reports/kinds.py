"""The kind of a mistake, in words that hold nothing of the secret trial, for students before the deadline.

A record's messages show expected values, and its texts may hold what a submission read while it ran, the seed
included. So nothing of them is passed on here: sentences are chosen, not copied.
"""

import builtins
import re
from collections.abc import Mapping
from typing import Any

from cs_helpers.checks.compare import FAIL, PASS, UNDONE
from cs_helpers.checks.registry import checks
from cs_helpers.tasks import TASKS

_OF_A_VALUE = (
    (r"expected shape ", "the shape is wrong"),
    (r"expected dtype ", "the dtype is wrong"),
    (r".*entries are not finite$", "some entries are infinite or not a number"),
    (r".*modified in place$", "the inputs are changed in place"),
    (r"the tensor is attached to an autograd graph$", "the tensor is attached to an autograd graph"),
    (r"expected a (torch\.Tensor|Python number|str), got ", "it is of another type than expected"),
    (r"expected a tensor on ", "the tensor is on another device"),
)
_OF_AN_END = (
    (r"still running after ", "it took too long and was stopped"),
    (r"used more than \d+ MiB of memory", "it used too much memory and was stopped"),
    (r"the program ended itself", "the program ended itself"),
    (r"the process was ended by a signal", "the process was ended by a signal"),
    (r"not run: ", "it was not run, as too many processes of this part ended before their time"),
)


def kinds(task_id: str, entry: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a task, in sentences of our own; [] if nothing is.

    Args:
        task_id: Such as ``p1.linear``.
        entry: Its TASK in a record.
    """
    if entry["verdict"] == PASS:
        return []
    if entry["verdict"] == UNDONE:
        return ["not written yet, or needs something that is not"]
    found = [_of_line(task_id, line) for line in entry["evidence"] if line["verdict"] == FAIL]
    return list(dict.fromkeys(found)) or [_of_end(entry["message"])]


def _of_line(task_id: str, line: Mapping[str, Any]) -> str:
    kind = next((text for sign, text in _OF_A_VALUE if re.match(sign, line["message"])), "the value is wrong")
    hint = line["hint"]
    clue = f" ({hint})" if hint and hint in line_hints() else ""
    return f"{line['name']}: {kind}{clue}; see {_place(task_id, line['name'])}"


def line_hints() -> frozenset[str]:
    """Return the course's own sentences about causes: they name a mistake and no value."""
    from cs_helpers.grading.reports.sentences import sentences

    return sentences()


def _place(task_id: str, name: str) -> str:
    where = checks()[task_id].where if task_id in checks() else {}
    prefix = max((key for key in where if name.startswith(key)), key=len, default=None)
    file = TASKS[task_id].file
    return file if prefix is None else f"{file}, {where[prefix]}"


def _of_end(message: str) -> str:
    for sign, text in _OF_AN_END:
        if re.match(sign, message):
            return text
    name = message.partition(":")[0]
    known = getattr(builtins, name, None) if name.isidentifier() else None
    if isinstance(known, type) and issubclass(known, BaseException):
        return f"{name} was raised"
    return "an error was raised"
