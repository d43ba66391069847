"""What a notebook needs, in one import.

    from cs_helpers.notebook import attempt, check, display_answer, hw, start

``hw`` is the student's package: ``hw.layers`` is always the file as it is on disk now. So is ``answers``, for
hyperparameters.
"""

import contextlib
import gc
import html
import platform
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch
from IPython.display import HTML, display

from cs_helpers.answers import display_answer
from cs_helpers.checks.assets import streams_agree
from cs_helpers.checks.evidence import NOT_DONE
from cs_helpers.checks.guard import Interrupts, TimeIsUp, describe, time_limit
from cs_helpers.checks.session import Checker
from cs_helpers.checks.student import COURSE_ROOT, StudentPackage
from cs_helpers.devices import keep_freed_memory
from cs_helpers.plot import use_style
from cs_helpers.tasks import TASKS, suggestion, total

__all__ = ["answers", "attempt", "check", "display_answer", "hw", "start"]

check = Checker()
hw = check.hw
answers = StudentPackage(COURSE_ROOT, "answers")


def start(part: int) -> None:
    """Set up a part's notebook: plot style, one line about the machine, a self-test of its random streams.

    torch gets one thread. Two are faster on an idle machine, but wait for each other at every operation of a
    small network: on a busy one that takes several times as long (``benchmarks/threads.py``).

    Args:
        part: The part, from 1.
    """
    use_style()
    gc.freeze()  # modules stay: the garbage collector need not go through them again and again
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(42)
    tasks = [task for task in TASKS.values() if task.part == part]
    if not tasks:
        raise ValueError(
            f"part must be one of {sorted({task.part for task in TASKS.values()})}, got {part!r}"
        )
    device = "a CUDA GPU" if torch.cuda.is_available() else "the CPU"
    _note(
        f"Part {part}: {len(tasks)} tasks, {total(tasks)}. "
        f"torch {torch.__version__.split('+')[0]} on {device}, Python {platform.python_version()}."
    )
    if not streams_agree():
        _note(
            "On this machine torch draws other random numbers than where the expected values were stored. "
            "Checks leave out the few values that depend on them."
        )


@contextlib.contextmanager
def attempt(task_id: str, seconds: float = 60) -> Iterator[None]:
    """Run a demonstration that needs the student's code, and say so kindly where that is not there yet.

    A stub, an endless loop or any error ends the block with a note instead of a traceback, so that the cells
    below still run. Only an interruption by the user is raised.

    Args:
        task_id: The task that the demonstration needs.
        seconds: Time limit.
    """
    if task_id not in TASKS:
        raise ValueError(f"there is no task {task_id!r}{suggestion(task_id, TASKS)}")
    interrupts = Interrupts()
    try:
        with interrupts, time_limit(seconds):
            yield
    except BaseException as error:
        theirs = isinstance(error, Exception | TimeIsUp) or _from_student(error)
        if interrupts.real or not theirs:
            raise
        failure = describe(error, COURSE_ROOT, seconds)
        if failure.kind == NOT_DONE:
            _note(f"NOT DONE {failure.message}. What this cell shows appears once it is written.")
        else:
            where = f" in {failure.where}" if failure.where else ""
            _note(f"This cell stopped{where}: {failure.message}. The check tells more.")


def _from_student(error: BaseException) -> bool:
    folders = (COURSE_ROOT / "hw", COURSE_ROOT / "answers")
    frames = traceback.extract_tb(error.__traceback__)
    files = [Path(frame.filename) for frame in frames]
    if isinstance(error, SyntaxError) and error.filename:
        files.append(Path(error.filename))
    return any(folder in file.parents for file in files for folder in folders)


class _Note(HTML):
    def __init__(self, text: str) -> None:
        style = "border-left: 4px solid #8a8f98; padding: 2px 12px; font-size: 13px"
        super().__init__(f'<div style="{style}">{html.escape(text)}</div>')
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _note(text: str) -> None:
    display(_Note(text))
