"""Inside the sandbox: a process that has torch and the checks loaded, and forks one process a job.

    template          trusted, waits for jobs on the control socket (file descriptor 0)
      keeper          trusted, forked for a job: makes namespaces, watches time and memory, reports the end
        first process of new namespaces: gives up privileges, then runs the submission's code

Only the last one touches a submission's files: they come as an open file, and neither the template nor the
keeper reads it. So what a submission leaves in memory, it leaves in a process that is gone when it ends.

A job is one line of JSON on the control socket, with two open files: the package, and the pipe for evidence.
The answer is one line of JSON: {"ended": "exit" | "signal" | "memory" | "stopped" | "refused" | "lost",
"detail": ...}; "refused" if the kernel does not allow what confinement needs, "lost" if the keeper is.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from cs_helpers.grading import confine
from cs_helpers.grading.confine import Limits
from cs_helpers.grading.produce_all import produce_all

PACKAGE_HEAD = 2**20  # bytes of the list of files, at most
TICK = 0.05  # seconds between two looks at the memory


def main() -> None:
    """Load what every job needs, say so, and serve jobs until the control socket is closed."""
    isolated = sys.argv[1] == "namespaces"
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    versions = _warm_up()
    for number in (1, 2):
        os.dup2(null, number)
    gc.collect()
    gc.freeze()  # what is there now is shared with every fork
    _reply(control, {"ready": versions})
    text, files = b"", []
    while True:
        data, received, _, _ = socket.recv_fds(control, 65536, 4)
        files += received
        text += data
        if not data:
            return
        while b"\n" in text:
            line, _, text = text.partition(b"\n")
            if line != b"stop":  # meant for a job that has ended already
                _keep(control, json.loads(line), files, isolated)
                files = []


def _warm_up() -> dict[str, str]:
    """Import and run once what nearly every submission needs, on one thread."""
    import torch

    torch.set_num_threads(1)
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot
    import safetensors

    from cs_helpers.checks import produce, registry
    from cs_helpers.data import load

    registry.checks()
    assert produce
    load("digits32")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten())
    optimizer = torch.optim.Adam(net.parameters())  # its first step imports much of torch
    net(torch.zeros(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    version = ".".join(map(str, sys.version_info[:3]))
    return {"python": version, "torch": torch.__version__, "safetensors": safetensors.__version__}


def _reply(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def _keep(control: socket.socket, job: dict[str, Any], files: list[int], isolated: bool) -> None:
    """Fork a keeper for the job, wait for it, and pass on what it says: when that is heard, it is gone."""
    heard, say = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        try:
            os.write(say, json.dumps(_watched(control, job, files, isolated)).encode())
        finally:
            os._exit(0)
    for number in (say, *files):
        os.close(number)
    os.waitpid(keeper, 0)
    said = os.read(heard, 4000) or b'{"ended": "lost", "detail": ""}'
    os.close(heard)
    _reply(control, json.loads(said))


def _watched(control: socket.socket, job: dict[str, Any], files: list[int], isolated: bool) -> dict[str, Any]:
    """Start the job's process, wait for its end, and say how it ended. Runs in the keeper."""
    limits = Limits(**job["limits"])
    if isolated:
        try:
            confine.new_namespaces()
        except confine.ConfinementError as error:
            return {"ended": "refused", "detail": str(error)}
    refusal, write_refusal = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(refusal)
        _become_worker(control, job, files, write_refusal, isolated, limits)
    os.close(write_refusal)
    for number in files:
        os.close(number)
    ended = _wait(control, worker, limits, isolated)
    if said := os.read(refusal, 1000):
        return {"ended": "refused", "detail": said.decode(errors="replace")}
    return ended


def _become_worker(
    control: socket.socket,
    job: dict[str, Any],
    files: list[int],
    refusal: int,
    isolated: bool,
    limits: Limits,
) -> None:
    """Confine this process, then run the job in it; does not return."""
    try:
        package, pipe = files
        _close_all_but({0, 1, 2, package, pipe, refusal})
        control.detach()  # closed by now, and its number may be another file's
        os.setsid()
        if isolated:
            _confine(job, limits)
        elif sys.platform == "linux":
            _limit_only(job, limits)
        os.set_inheritable(pipe, False)
        tree = Path(job["tree"])
        unpack(package, tree)
        os.chdir(tree)
        os.close(package)
    except BaseException as error:
        os.write(refusal, f"{type(error).__name__}: {error}".encode()[:1000])
        os._exit(1)
    os.close(refusal)
    try:
        produce_all(job["work"], job["seed"], job["seconds"], pipe, tree, job["inputs"])
    finally:
        os._exit(0)


def _close_all_but(kept: set[int]) -> None:
    """Close what the template and the keeper have open, known or not."""
    numbers = sorted(kept)
    for before, after in zip(numbers, [*numbers[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(before + 1, after)


def _confine(job: dict[str, Any], limits: Limits) -> None:
    confine.die_with_parent()
    confine.private_folders(limits)
    confine.set_limits(limits, job["processor_seconds"])
    confine.drop_privileges()


def _limit_only(job: dict[str, Any], limits: Limits) -> None:
    confine.die_with_parent()
    # Processes are counted per user, so without a namespace the limit would count the whole desktop.
    confine.set_limits(limits, job["processor_seconds"], processes=False)


def unpack(package: int, tree: Path) -> None:
    """Write a submission's files below a folder: the first line lists them, the contents follow."""
    with os.fdopen(os.dup(package), "rb") as file:
        file.seek(0)
        sizes = json.loads(file.readline(PACKAGE_HEAD))
        tree.mkdir(parents=True, exist_ok=True)
        for name, size in sizes.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read(size))


def _wait(control: socket.socket, worker: int, limits: Limits, isolated: bool) -> dict[str, Any]:
    """Wait until the worker ends, is told to, or uses too much memory; then nothing of it is left."""
    usual, why, code = _resident("self"), "", None
    watched: list[Any] = [control]
    with contextlib.suppress(AttributeError, OSError):  # elsewhere the end is seen a tick later
        watched.append(os.pidfd_open(worker))
    while code is None:
        readable, _, _ = select.select(watched, [], [], TICK)
        if control in readable:
            control.recv(100)  # "stop", or nothing at all: the grader is gone
            why = "stopped"
        elif _too_large(limits, usual, None if isolated else worker):
            why = "memory"
        if why:
            os.kill(worker, signal.SIGKILL)
        pid, status = os.waitpid(worker, 0 if why else os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if pid else None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, signal.SIGKILL)  # without namespaces something may be left
    return {"ended": why or ("exit" if code >= 0 else "signal"), "detail": str(abs(code))}


def _too_large(limits: Limits, usual: int, only: int | None) -> bool:
    """Tell whether the processes of a job, or only one, use more memory than they may."""
    most = limits.memory * 2**20
    pids = [only] if only else [name for name in _listed("/proc") if name.isdigit()]
    # What is shared with the template is not counted; the quick sum counts shared pages several times.
    return sum(max(0, _resident(pid) - usual) for pid in pids) > most and sum(map(_share, pids)) > most


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _resident(pid: int | str) -> int:
    """Return the bytes of a process that are in memory; 0 if it is gone, or where there is no /proc."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _share(pid: int | str) -> int:
    """Return the bytes of a process in memory, each page divided by the number of processes that share it."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:"))
    except (OSError, StopIteration):
        return _resident(pid)


if __name__ == "__main__":
    main()
