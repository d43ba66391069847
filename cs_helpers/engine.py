"""Running independent commands: several at a time on this machine, or on a cluster.

The cluster is somebody else's engine: Slurm, whose workers dask-jobqueue starts, or a dask scheduler that is
running already. A lost worker costs its command another try, not the whole. So a command may be run more than
once; it has to write what it makes to another name and rename it, and to cope with a twin.
"""

import collections
import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

TAIL = 40  # lines of a command's output that are kept
PATIENCE = 10  # seconds that a command has to end by itself when it is told to
LOST = -1  # the status of a command that no worker could run to its end


class EngineError(ValueError):
    """The engine cannot be used; the message says why."""


class Done(NamedTuple):
    """A command that has ended.

    Attributes:
        number: Its place among the commands, from 0.
        status: Its exit status; negative if a signal or a lost worker ended it.
        output: The last lines of what it printed, standard error included.
        seconds: How long it ran.
    """

    number: int
    status: int
    output: str
    seconds: float


class Resources(NamedTuple):
    """What Slurm is asked for, for each command that runs at a time.

    Attributes:
        partition: Slurm's partition; its default one if not given.
        time: Time limit of a worker, such as "8:00:00". A worker that reaches it is replaced.
        memory: Such as "4GB".
        gpus: Number of GPUs.
        cpus: Number of processor cores.
        logs: Folder of the workers' logs.
    """

    partition: str | None = None
    time: str = "8:00:00"
    memory: str = "4GB"
    gpus: int = 0
    cpus: int = 1
    logs: str | None = None


def run(
    commands: Sequence[Sequence[str]],
    jobs: int = 1,
    cluster: str | None = None,
    on_done: Callable[[Done], object] = lambda done: None,
    *,
    resources: Resources | None = None,
    folder: str | os.PathLike[str] = ".",
    environment: Mapping[str, str] | None = None,
) -> list[Done]:
    """Run commands, several at a time, until all have ended; a failing one does not stop the others.

    Each command's standard input is a pipe that ends when whoever started it is gone.

    Args:
        commands: Program and arguments of each.
        jobs: How many run at a time. A dask scheduler decides that itself.
        cluster: None for this machine, "slurm", or the address of a dask scheduler.
        on_done: Called with each command that has ended, in the caller's thread.
        resources: What to ask Slurm for.
        folder: Where the commands run.
        environment: Variables that they get besides those of the process that starts them.

    Returns:
        All of them, in the order of ``commands``.

    Raises:
        EngineError: If an argument is out of range, or the cluster cannot be used.
        KeyboardInterrupt: After Ctrl-C; the commands were ended.
    """
    resources = resources or Resources()
    refuse_bad_resources(jobs, resources)
    if not commands:
        return []
    make = _LocalPool if cluster is None else _DaskPool
    where = str(Path(folder).resolve())
    variables = dict(environment or {})
    found: list[Done] = []
    with make(min(jobs, len(commands)), cluster, resources) as pool:
        for number, outcome in pool.outcomes([(list(command), where, variables) for command in commands]):
            found.append(Done(number, *outcome))
            on_done(found[-1])
    return sorted(found)


def refuse_bad_resources(jobs: int, resources: Resources) -> None:
    """Raise EngineError unless a number of jobs and what Slurm is asked for make sense."""
    if jobs < 1:
        raise EngineError(f"jobs must be at least 1, got {jobs}")
    if resources.gpus < 0 or resources.cpus < 1:
        raise EngineError(
            f"gpus must be at least 0 and cpus at least 1, got {resources.gpus}, {resources.cpus}"
        )
    if not re.fullmatch(r"(\d+-)?\d+(:\d\d){0,2}", resources.time):
        raise EngineError(f"time must be like 30 (minutes), 8:00:00 or 1-12:00:00, got {resources.time!r}")
    if not re.fullmatch(r"\d+(\.\d+)? ?([KMGT]i?)?B", resources.memory, re.IGNORECASE):
        raise EngineError(f"memory must be like 4GB or 512MB, got {resources.memory!r}")


Call = tuple[list[str], str, dict[str, str]]
Outcome = tuple[int, str, float]


def execute(
    command: list[str], folder: str, variables: dict[str, str], started: Callable[[Any], object] | None = None
) -> Outcome:
    """Run one command to its end, on whatever machine this is called; return status, output and seconds."""
    begin = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **variables},  # of the machine that this is: a cluster has its own
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends its commands
            text=True,
            errors="replace",
        )
    except OSError as error:
        return LOST, f"{command[0]} cannot be run: {error.strerror or error}", 0.0
    with process:
        if started is not None:
            started(process)
        assert process.stdout is not None
        tail = collections.deque(process.stdout, maxlen=TAIL)
        status = process.wait()
    return status, "".join(tail), time.monotonic() - begin


class _LocalPool:
    """Threads, each of which waits for one subprocess at a time."""

    def __init__(self, jobs: int, cluster: str | None, resources: Resources) -> None:
        self._threads = ThreadPoolExecutor(jobs)
        self._processes: set[subprocess.Popen[str]] = set()
        self._lock, self._ending = threading.Lock(), False

    def __enter__(self) -> "_LocalPool":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._end()
        self._threads.shutdown(cancel_futures=True)

    def outcomes(self, calls: Sequence[Call]) -> Iterator[tuple[int, Outcome]]:
        numbers = {self._threads.submit(self._execute, call): i for i, call in enumerate(calls)}
        waiting: set[Future[Outcome]] = set(numbers)
        while waiting:
            # With a timeout, since without one Ctrl-C is not seen on every platform.
            ended, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
            for future in ended:
                yield numbers[future], future.result()

    def _execute(self, call: Call) -> Outcome:
        return execute(*call, started=self._add)

    def _add(self, process: "subprocess.Popen[str]") -> None:
        with self._lock:
            self._processes = {other for other in self._processes if other.poll() is None} | {process}
            if self._ending:
                process.terminate()

    def _end(self) -> None:
        with self._lock:
            self._ending = True
            running = [process for process in self._processes if process.poll() is None]
            for process in running:
                process.terminate()
        limit = time.monotonic() + PATIENCE
        for process in running:
            try:
                process.wait(max(0.1, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()


class _DaskPool:
    """Workers of a dask scheduler; for Slurm, each is a job of its own and runs one command at a time."""

    def __init__(self, jobs: int, cluster: str | None, resources: Resources) -> None:
        try:
            from dask.distributed import Client
        except ImportError as error:
            raise EngineError("a cluster needs dask: pip install 'deep-learning-course[cluster]'") from error
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            address: Any = cluster
            if cluster == "slurm":
                address = stack.enter_context(_slurm(resources))
                # Not scale(): it does not replace a worker whose job was cancelled.
                address.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
            try:
                self._client = stack.enter_context(Client(address, timeout=20))
            except (OSError, ValueError) as error:
                raise EngineError(f"no dask scheduler answers at {cluster!r}: {error}") from error
            self._stack = stack.pop_all()

    def __enter__(self) -> "_DaskPool":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def outcomes(self, calls: Sequence[Call]) -> Iterator[tuple[int, Outcome]]:
        from dask.distributed import as_completed

        numbers = {self._client.submit(execute, *call, pure=False): i for i, call in enumerate(calls)}
        for future in as_completed(numbers):
            error = future.exception()
            outcome = (LOST, f"no worker could run it: {error!r}", 0.0) if error else future.result()
            yield numbers[future], outcome


def _slurm(resources: Resources) -> Any:
    """Return a dask cluster whose workers are Slurm jobs."""
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise EngineError("Slurm needs dask-jobqueue: pip install 'deep-learning-course[cluster]'") from error
    extra = [f"--gres=gpu:{resources.gpus}"] if resources.gpus else []
    return SLURMCluster(
        queue=resources.partition,
        walltime=resources.time,
        memory=resources.memory,
        cores=1,  # commands at a time
        processes=1,
        job_cpu=resources.cpus,
        log_directory=resources.logs,
        job_extra_directives=[*extra, "--requeue"],
    )
