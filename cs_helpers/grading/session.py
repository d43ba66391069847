"""Grading all submissions of a folder: what stays the same, what is done already, and the table.

A session is made once for each REPORT: with a fresh secret seed, the reference's evidence under it, and what
else all submissions have in common. Running again goes on where the last run ended.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import queue
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from cs_helpers.checks import assets, evidence
from cs_helpers.checks.compare import PASS
from cs_helpers.checks.evidence import NOT_DONE, Production
from cs_helpers.checks.measures import measured
from cs_helpers.checks.registry import select
from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.grading import records, sandbox
from cs_helpers.grading.confine import Limits
from cs_helpers.grading.grader import Collector, Grader, Rules, Times, empty_record, judge
from cs_helpers.grading.records import Report
from cs_helpers.grading.table import write_table
from cs_helpers.grading.unpack import SubmissionError, entries, read_submission
from cs_helpers.grading.worker import Over, Worker
from cs_helpers.regions import blank, read, student_files
from cs_helpers.tasks import TASKS, suggestion

FORMAT = 1
SCRATCH = "course-sandbox-"  # how the names of scratch folders begin
TABLE_EVERY = 10.0  # seconds between two versions of grades.csv during a run


class SessionError(ValueError):
    """The session cannot be made or continued; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What the caller asks for; None: as it was, or the default.

    Attributes:
        checks: Checks or parts that count, as for ``course check``.
        seed: Instead of a fresh secret one.
        memory: MiB for each submission.
        seconds: Upper bound for the time limit of each check.
    """

    checks: Sequence[str] | None = None
    seed: str | None = None
    memory: int | None = None
    seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Session:
    """What the submissions of a REPORT have in common. ``session.json`` holds these fields and ``format``.

    Attributes:
        id: Digest of all the others.
        seed: Of the trials; secret until the feedback is out.
        checks: Ids of the checks that count, in order.
        limits: What the processes may use.
        seconds: Upper bound for the time limit of every check, or None.
        course: Digest of the checks and the reference: the same code gives the same marks.
        version: Of the course.
    """

    id: str
    seed: str
    checks: tuple[str, ...]
    limits: Limits
    seconds: float | None
    course: str
    version: str

    def rules(self) -> Rules:
        """Return what grading needs of it."""
        return Rules(self.id, self.seed, self.checks, pristine(), self.limits, self.seconds, self.version)


def pristine(root: Path = COURSE_ROOT) -> dict[str, bytes]:
    """Return the tree that students start from, as far as a submission may replace it: stubs, by name."""
    return {
        path.relative_to(root).as_posix(): blank(read(path), path).encode("utf-8")
        for path in student_files(root)
    }


def _reference(root: Path = COURSE_ROOT) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in student_files(root)}


def course_digest(root: Path = COURSE_ROOT) -> str:
    """Return a digest of everything that marks depend on."""
    total = hashlib.sha256()
    helpers = root / "cs_helpers"
    paths = sorted({*helpers.glob("*.py"), *(helpers / "checks").rglob("*.py"), *student_files(root)})
    for path in paths:
        total.update(
            f"{path.relative_to(root).as_posix()}\n".encode() + hashlib.sha256(path.read_bytes()).digest()
        )
    return total.hexdigest()[:16]


def _version() -> str:
    try:
        return metadata.version("deep-learning-course")
    except metadata.PackageNotFoundError:  # run from a folder, without being installed
        return ""


def open_session(report: Report, wishes: Wishes) -> Session:
    """Return the session of a REPORT, made if there is none.

    Raises:
        SessionError: If there is one and it differs from what is asked for, or the course has changed.
        ValueError: If a check is unknown.
    """
    if report.session.exists():
        return _existing(report, wishes)
    if report.root.is_dir() and any(path.name != ".lock" for path in report.root.iterdir()):
        raise SessionError(f"{report.root} holds something else; name a folder that does not exist yet")
    limits = Limits() if wishes.memory is None else Limits(memory=wishes.memory)
    session = Session(
        id="",
        seed=wishes.seed or secrets.token_hex(16),
        checks=tuple(check.id for check in select(list(wishes.checks or []))),
        limits=limits,
        seconds=wishes.seconds,
        course=course_digest(),
        version=_version(),
    )
    digest = hashlib.sha256(repr(dataclasses.astuple(session)).encode()).hexdigest()[:16]
    session = dataclasses.replace(session, id=digest)
    records.write(report.session, {"format": FORMAT, **dataclasses.asdict(session)})
    return session


def _existing(report: Report, wishes: Wishes) -> Session:
    found = records.read(report.session, tasks=False)
    try:
        del found["format"]
        found["limits"], found["checks"] = Limits(**found["limits"]), tuple(found["checks"])
        session = Session(**found)
    except (KeyError, TypeError) as error:
        raise SessionError(f"{report.session} is damaged ({error})") from error
    another = f"To grade differently, name another folder than {report.root}"
    asked = tuple(check.id for check in select(list(wishes.checks))) if wishes.checks else session.checks
    for name, given, was in (
        ("checks", asked, session.checks),
        ("seed", wishes.seed or session.seed, session.seed),
        ("memory", wishes.memory or session.limits.memory, session.limits.memory),
        ("seconds", wishes.seconds or session.seconds, session.seconds),
    ):
        if given != was:
            raise SessionError(f"this session has other {name} ({was}). {another}")
    if session.course != course_digest():
        raise SessionError(f"the checks or the reference have changed since this session began. {another}")
    return session


@contextlib.contextmanager
def locked(report: Report) -> Iterator[None]:
    """Keep others from grading into the same REPORT; the system lets go when this process ends.

    Raises:
        SessionError: If somebody does already.
    """
    report.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (report.root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SessionError(f"somebody is grading into {report.root} already") from error
        records.clean(report)
        yield


def expected_evidence(report: Report, rules: Rules, worker: Worker) -> dict[str, Production]:
    """Return the reference's evidence by check: stored, or produced in the sandbox and stored.

    Raises:
        SessionError: If the reference does not pass its own checks here, as then nobody can.
    """
    found = {}
    for check_id in rules.ids:
        path = report.reference / f"{check_id}.safetensors"
        if path.exists():
            found[check_id] = evidence.from_file(path)
    work = [check_id for check_id in rules.ids if check_id not in found]
    for part in sorted({TASKS[check_id].part for check_id in work}):
        found |= _produce_reference(report, rules, worker, [i for i in work if TASKS[i].part == part])
    return {check_id: found[check_id] for check_id in rules.ids}


def _produce_reference(
    report: Report, rules: Rules, worker: Worker, work: list[str]
) -> dict[str, Production]:
    collector, found = Collector(work, Times()), {}
    over = Over("exit", "0")
    for event in worker.run({**rules.pristine, **_reference()}, rules.job(work, inputs=True)):
        if isinstance(event, Over):
            over = event
        elif ended := collector.take(event):
            check_id, production = ended
            found[check_id] = _accepted(check_id, production)
            data = evidence.to_bytes(found[check_id])
            records.write_bytes(report.reference / f"{check_id}.safetensors", data)
    if missing := [check_id for check_id in work if check_id not in found]:
        raise SessionError(f"the reference does not get through {missing[0]} in the sandbox: {over}")
    return found


def _accepted(check_id: str, production: Production) -> Production:
    """Return what submissions are compared with: what the reference produced, if it passes its own check.

    Where a check has no inputs, what is stored in the course is right under every seed. So a course can grade
    experiments although it has no results of its own.

    Raises:
        SessionError: If it does not pass.
    """
    failure = production.failure
    if failure is not None and failure.kind == NOT_DONE and not production.inputs:
        return assets.expected(check_id)
    expected = measured(check_id, production, production.inputs, stored=True)
    result = judge(check_id, expected, production) if production.items else None
    if result is None or result.verdict != PASS or failure is not None:
        why = result.message if result else failure.message if failure else "nothing came of it"
        raise SessionError(f"the reference fails {check_id} in the sandbox: {why}")
    return expected


Names = Mapping[str, Path]


class Run:
    """One run over some submissions.

    Args:
        report: Where the results go.
        session: What they have in common.
        box: How the sandbox is started.
        jobs: How many are graded at once.
    """

    def __init__(self, report: Report, session: Session, box: sandbox.Sandbox, jobs: int) -> None:
        self._report, self._rules, self._jobs = report, session.rules(), jobs
        self._workers = [Worker(box) for _ in range(jobs)]
        self._todo: queue.SimpleQueue[tuple[str, Path] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[dict[str, Any] | BaseException] = queue.SimpleQueue()
        self._stop = threading.Event()

    def __call__(
        self, named: Names, again: bool, on_done: Callable[[dict[str, Any]], None] = lambda record: None
    ) -> None:
        """Grade what is not graded yet, and write the table.

        Args:
            named: Submissions by name.
            again: Whether to grade even what is graded.
            on_done: Called with each record, also of those that were graded before.

        Raises:
            SandboxError: If the sandbox does not start.
            SessionError: If the reference fails.
            KeyboardInterrupt: After Ctrl-C; what was graded is in the table.
        """
        try:
            expected = expected_evidence(self._report, self._rules, self._workers[0])
            threads = [
                threading.Thread(target=self._work, args=(worker, expected, again), daemon=True)
                for worker in self._workers
            ]
            for item in [*named.items(), *[None] * self._jobs]:
                self._todo.put(item)
            for thread in threads:
                thread.start()
            self._collect(len(named), on_done)
            for thread in threads:
                thread.join()
        finally:
            self._stop.set()
            for worker in self._workers:
                worker.interrupt()
            write_table(self._report)

    def _collect(self, count: int, on_done: Callable[[dict[str, Any]], None]) -> None:
        """Take what the workers finish, in the main thread, where Ctrl-C arrives."""
        written = time.monotonic()
        while count:
            try:
                found = self._done.get(timeout=0.2)
            except queue.Empty:
                continue
            if isinstance(found, BaseException):
                raise found
            count -= 1
            on_done(found)
            if time.monotonic() - written > TABLE_EVERY:
                write_table(self._report)
                written = time.monotonic()

    def _work(self, worker: Worker, expected: Mapping[str, Production], again: bool) -> None:
        """Grade until nothing is left. Runs in a thread of its own."""
        try:
            grader = Grader(self._rules, expected, worker)
            while (item := self._todo.get()) is not None and not self._stop.is_set():
                self._done.put(grade_one(self._report, self._rules, grader, *item, again=again))
        except BaseException as error:
            self._done.put(error)
        finally:
            worker.close()


def grade_one(
    report: Report, rules: Rules, grader: Grader, name: str, path: Path, *, again: bool = False
) -> dict[str, Any]:
    """Grade one submission, unless its record is there, and write its record.

    Args:
        report: Where it goes.
        rules: What all have in common.
        grader: A grader with these rules.
        name: The submission's name.
        path: Its zip file or folder.
        again: Whether to grade it even if its record is there.

    Returns:
        The record.
    """
    problem, submission = "", None
    try:
        submission = read_submission(name, path)
        digest = submission.digest
    except SubmissionError as error:
        problem = str(error)
        digest = hashlib.sha256(f"{name}\n{problem}".encode("utf-8", "replace")).hexdigest()
    place = report.record(name)
    if not again:
        with contextlib.suppress(records.RecordError):
            found = records.read(place)
            if (found["digest"], found["session"]) == (digest, rules.session):
                return found
    if submission is not None:
        record = grader.grade(submission)
    else:
        source = path.name.encode("utf-8", "backslashreplace").decode()  # as unpack does
        record = {**empty_record(rules, name, source, digest), "problems": [problem]}
    if name.endswith(f"({path.name})"):
        record["problems"] = [*record["problems"], "another submission has the same name"]
    records.write(place, record)
    return record


@contextlib.contextmanager
def prepared_sandbox(kind: str) -> Iterator[sandbox.Sandbox]:
    """Yield a sandbox, and clean up after it.

    Raises:
        SandboxError: If it cannot be used here.
        ValueError: If there is no such kind.
    """
    _remove_leftovers()
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-") as scratch:
        yield sandbox.make(kind, Path(scratch))


def _remove_leftovers() -> None:
    """Remove the scratch folders of our own runs that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        pid = path.name.removeprefix(SCRATCH).partition("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdigit() and path.lstat().st_uid == os.getuid() and not _is_running(int(pid)):
                shutil.rmtree(path, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def find_submissions(folder: Path, only: Sequence[str] = ()) -> dict[str, Path]:
    """Return the submissions of a folder by name, or some of them.

    Raises:
        ValueError: If there is no such folder, none in it, or none of a name.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder of submissions")
    named = dict(entries(folder))
    if not named:
        raise ValueError(f"there is no submission in {folder}")
    for name in only:
        if name not in named:
            raise ValueError(f"there is no submission {name!r} in {folder}{suggestion(name, named)}")
    return {name: path for name, path in named.items() if not only or name in only}
