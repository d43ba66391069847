"""Grading one submission: its checks run in the sandbox, the verdicts are made here."""

import contextlib
import dataclasses
import datetime
import hashlib
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cs_helpers.checks import assets
from cs_helpers.checks.compare import UNDONE, Result, compare
from cs_helpers.checks.evidence import MAX_ITEMS, RAISED, TIMEOUT, Failure, Item, Production
from cs_helpers.checks.registry import checks
from cs_helpers.grading import records
from cs_helpers.grading.channel import ITEM, START, Frame, ProtocolError, from_body
from cs_helpers.grading.confine import Limits
from cs_helpers.grading.unpack import Submission
from cs_helpers.grading.worker import Job, Over, SandboxStoppedError, Worker
from cs_helpers.tasks import TASKS

ANSWER_SECONDS = 5.0
MOST_LOST = 3  # processes of one part that may end before their time


@dataclasses.dataclass(frozen=True)
class Rules:
    """What is the same for every submission of a session.

    Attributes:
        session: The session's id.
        seed: Of the trials.
        ids: Checks that count, in order.
        pristine: The tree that submissions are laid over: stubs, by name.
        limits: What the processes may use.
        seconds: Upper bound for the time limit of every check; None: each has its own.
        course: Version of the course.
    """

    session: str
    seed: str
    ids: Sequence[str]
    pristine: Mapping[str, bytes]
    limits: Limits = dataclasses.field(default_factory=Limits)
    seconds: float | None = None
    course: str = ""

    def job(self, work: Sequence[str], *, inputs: bool = False) -> Job:
        """Return the job that does some of the work."""
        limits = [self._limit(task_id) for task_id in work]
        return Job(work, limits, self.seed, self.limits, inputs)

    def _limit(self, task_id: str) -> float:
        own = checks()[task_id].seconds if TASKS[task_id].kind == "code" else ANSWER_SECONDS
        return own if self.seconds is None else min(own, self.seconds)

    def questions(self) -> list[str]:
        """Return the questions of the parts that are graded."""
        parts = {TASKS[check_id].part for check_id in self.ids}
        return [task.id for task in TASKS.values() if task.kind == "answer" and task.part in parts]

    def parts(self) -> list[list[str]]:
        """Return the work by part: the checks, then the questions."""
        work = [*self.ids, *self.questions()]
        numbers = sorted({TASKS[task_id].part for task_id in work})
        return [[task_id for task_id in work if TASKS[task_id].part == number] for number in numbers]


@dataclasses.dataclass
class Times:
    """Where the time of a submission went, in seconds."""

    start_up: float = 0.0
    compute: float = 0.0
    compare: float = 0.0
    tasks: dict[str, float] = dataclasses.field(default_factory=dict)


class Collector:
    """Puts the frames of a job together to productions.

    Args:
        work: The job's work items.
        times: Where to note how long each took.
    """

    def __init__(self, work: Sequence[str], times: Times) -> None:
        self._work, self._times = work, times
        self._found: dict[str, Production] = {}
        self._begun = self._last = time.monotonic()

    def take(self, frame: Frame) -> tuple[str, Production] | None:
        """Take a frame; return a work item that it ends, with all that came of it.

        What cannot be read as evidence is no evidence.
        """
        task_id = self._work[frame.position]
        found = self._found.setdefault(task_id, Production())
        if frame.kind == START:
            self._last = time.monotonic()
            self._times.start_up += self._last - self._begun
            return None
        try:
            part = from_body(frame.body)
        except ProtocolError as error:
            part = Production(failure=Failure(RAISED, str(error)))
        for name, item in part.items.items():
            if len(found.items) < MAX_ITEMS:
                found.items.setdefault(name, item)
        if frame.kind == ITEM:
            return None
        now = time.monotonic()
        self._times.tasks[task_id] = self._times.tasks.get(task_id, 0.0) + now - self._last
        self._times.compute += now - self._last
        self._last = now
        whole = dataclasses.replace(part, items=self._found.pop(task_id).items)
        return task_id, whole

    def cut_off(self, task_id: str, failure: Failure) -> Production:
        """Return what came of a work item whose end did not."""
        return dataclasses.replace(self._found.pop(task_id, Production()), failure=failure)


class Grader:
    """Grades submissions, one after the other, in one sandbox.

    Args:
        rules: What is the same for all.
        expected: The reference's evidence by check.
        worker: The sandbox.
    """

    def __init__(self, rules: Rules, expected: Mapping[str, Production], worker: Worker) -> None:
        self._rules, self._expected, self._worker = rules, expected, worker

    def grade(self, submission: Submission) -> dict[str, Any]:
        """Return the record of a submission.

        Raises:
            SandboxError: If the sandbox does not start, which is no fault of the submission.
        """
        begun = time.monotonic()
        times, problems = Times(), list(submission.problems)
        package = {**self._rules.pristine, **submission.files}
        results: dict[str, Result] = {}
        answers: dict[str, dict[str, str]] = {}
        for work in self._rules.parts():
            for task_id, production in self._part(package, work, times, problems):
                start = time.monotonic()
                if TASKS[task_id].kind == "answer":
                    answers[task_id] = _answer(production)
                else:
                    results[task_id] = judge(task_id, self._expected[task_id], production)
                times.compare += time.monotonic() - start
        tasks = {task_id: records.task_entry(results[task_id]) for task_id in self._rules.ids}
        record = empty_record(self._rules, submission.name, submission.source, submission.digest)
        claims = submission.manifest
        record |= {
            "status": records.GRADED,
            "problems": problems,
            "members": list(claims.members) if claims else [],
            "manifest": dataclasses.asdict(claims) if claims else None,
            "files": _sums(submission.files),
            "tasks": tasks,
            "answers": {question: answers[question] for question in self._rules.questions()},
            "points": records.points_of(tasks),
            "versions": {**self._worker.versions, "course": self._rules.course},
            "times": _times(times, time.monotonic() - begun),
        }
        return record

    def _part(
        self, package: Mapping[str, bytes], work: Sequence[str], times: Times, problems: list[str]
    ) -> "list[tuple[str, Production]]":
        """Run one part; a process that ends too early costs one work item, and the rest gets another."""
        done: list[tuple[str, Production]] = []
        remaining, lost, stopped = list(work), 0, 0
        while remaining:
            collector, over = Collector(remaining, times), Over("exit", "0")
            ended: set[str] = set()
            try:
                for event in self._worker.run(package, self._rules.job(remaining)):
                    if isinstance(event, Over):
                        over = event
                    elif (found := collector.take(event)) and found[0] not in ended:
                        ended.add(found[0])
                        done.append(found)
            except SandboxStoppedError as error:
                stopped += 1
                over = Over("stopped", str(error))
            remaining = [task_id for task_id in remaining if task_id not in ended]
            if not remaining or (over.ended == "stopped" and stopped == 1):
                continue  # all is there, or the sandbox gets a second chance
            if over.ended == "stopped":
                problems.append(f"{over.detail}, twice; if other submissions did well, grade this one again")
            lost += 1
            cut = remaining.pop(0)
            done.append((cut, collector.cut_off(cut, self._failure(cut, over))))
            if lost == MOST_LOST:
                why = f"not run: {lost} processes of this part ended before their time"
                done += [(task_id, Production(failure=Failure(RAISED, why))) for task_id in remaining]
                remaining = []
        return done

    def _failure(self, task_id: str, over: Over) -> Failure:
        """Say why there is nothing more of a work item."""
        if over.ended == "time":
            return Failure(
                TIMEOUT, f"still running after {self._rules.job([task_id]).seconds[0]:g} s, stopped"
            )
        if over.ended == "exit":
            return Failure(
                RAISED, f"the program ended itself in the middle of it (exit status {over.detail})"
            )
        if over.ended == "memory":
            return Failure(RAISED, f"used more than {self._rules.limits.memory} MiB of memory, stopped")
        if over.ended == "signal":
            with contextlib.suppress(ValueError):
                name = signal.Signals(int(over.detail)).name
                return Failure(RAISED, f"the process was ended by a signal ({name})")
        return Failure(RAISED, over.detail or "the process was stopped")


def judge(check_id: str, expected: Production, production: Production) -> Result:
    """Compare; evidence on which the comparison itself stumbles is no evidence."""
    check, guessable = checks()[check_id], assets.guessable(check_id)
    try:
        return compare(check, expected, production, guessable=guessable)
    except Exception:  # made to be stumbled over: find out which, and go on without
        items = {
            name: item if _can_be_compared(check_id, expected, name, item) else _unusable(item)
            for name, item in production.items.items()
        }
        return compare(check, expected, dataclasses.replace(production, items=items), guessable=guessable)


def _can_be_compared(check_id: str, expected: Production, name: str, item: Item) -> bool:
    try:
        compare(checks()[check_id], expected, Production({name: item}))
    except Exception:
        return False
    return True


def _unusable(item: Item) -> Item:
    return Item("other", None, f"{item.type_name} that cannot be compared")


def _answer(production: Production) -> dict[str, str]:
    item = production.items.get("answer")
    problem = production.failure.message if production.failure else ""
    text = item.text if item is not None and item.kind == "text" else ""
    return {"text": text, "problem": problem or ("" if item is not None else "there is no answer")}


def empty_record(rules: Rules, name: str, source: str, digest: str) -> dict[str, Any]:
    """Return the record of a submission in which nothing is done."""
    tasks = {
        task_id: records.task_entry(Result(task_id, UNDONE, 0.0, TASKS[task_id].points, ()))
        for task_id in rules.ids
    }
    return {
        "format": records.FORMAT,
        "name": name,
        "source": source,
        "session": rules.session,
        "digest": digest,
        "status": records.NOTHING,
        "problems": [],
        "members": [],
        "manifest": None,
        "files": {},
        "tasks": tasks,
        "answers": {
            question: {"text": "", "problem": "there is no answer"} for question in rules.questions()
        },
        "points": records.points_of(tasks),
        "versions": {},
        "times": _times(Times(), 0.0),
    }


def _times(times: Times, seconds: float) -> dict[str, Any]:
    rounded = {name: round(value, 3) for name, value in times.tasks.items()}
    return {
        "graded": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "start_up": round(times.start_up, 3),
        "compute": round(times.compute, 3),
        "compare": round(times.compare, 3),
        "tasks": rounded,
    }


def _sums(files: Mapping[str, bytes]) -> dict[str, str]:

    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
