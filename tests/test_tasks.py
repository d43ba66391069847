"""Every task as a test, for `make test`: what is not written yet is skipped, a mistake fails and says why."""

import matplotlib.pyplot  # noqa: F401  a slow import, outside of the checks' time limits
import pytest
import sklearn.metrics  # noqa: F401  likewise

from cs_helpers.answers import display_answer
from cs_helpers.checks.compare import FAIL, UNDONE
from cs_helpers.checks.report import as_text
from cs_helpers.checks.session import Checker
from cs_helpers.tasks import TASKS

CHECKER = Checker()


@pytest.mark.parametrize("task_id", [task.id for task in TASKS.values() if task.kind == "code"])
def test_check(task_id: str) -> None:
    result = CHECKER.result(task_id)
    if result.verdict == UNDONE:
        pytest.skip(f"NOT DONE {task_id}  {result.message}")
    if result.verdict == FAIL:
        pytest.fail(as_text(result), pytrace=False)


@pytest.mark.parametrize("task_id", [task.id for task in TASKS.values() if task.kind == "answer"])
def test_answer(task_id: str) -> None:
    answer = display_answer(task_id)
    if answer.problem:
        pytest.fail(repr(answer), pytrace=False)
    if not answer.done:
        pytest.skip(repr(answer))
