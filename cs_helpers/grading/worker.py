"""The trusted end: starts a template, hands it jobs, and takes evidence that it does not trust."""

import contextlib
import dataclasses
import json
import os
import selectors
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from cs_helpers.grading.channel import END, START, Frame, Frames, ProtocolError
from cs_helpers.grading.confine import Limits
from cs_helpers.grading.sandbox import ADVICE, Sandbox, SandboxError

GRACE = 5.0  # seconds that a work item may take beyond its limit, as the clock inside may be late
FIRST = 15.0  # seconds until the process must be made
READY = 180.0  # seconds until the template must be ready
CHUNK = 2**18  # bytes read at once
MOST_LEFT = 2**23  # bytes that can be left in a pipe whose writers are gone


class SandboxStoppedError(SandboxError):
    """The sandbox was there and is gone, in the middle of a job."""


@dataclasses.dataclass(frozen=True)
class Job:
    """What to run on a submission's files, in one process.

    Attributes:
        work: Ids of checks, and of questions whose answers are read.
        seconds: Time limit of each.
        seed: The trials' seed.
        limits: What the process, and those that it starts, may use.
        inputs: Whether to send the trials' inputs, too.
    """

    work: Sequence[str]
    seconds: Sequence[float]
    seed: str
    limits: Limits = dataclasses.field(default_factory=Limits)
    inputs: bool = False


@dataclasses.dataclass(frozen=True)
class Over:
    """How a job ended.

    Attributes:
        ended: "exit" or "signal": by itself; "memory": it used too much; "time": a work item took too long;
            "evidence": what it sent is not evidence.
        detail: Exit status, signal, or a sentence.
    """

    ended: str
    detail: str


class Worker:
    """A template in its sandbox, for one job at a time.

    Args:
        sandbox: How to start it.

    Attributes:
        versions: Versions of what runs in there.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._heard = b""
        self.versions: dict[str, str] = {}

    def start(self) -> None:
        """Start the template, if there is none, and wait until it is ready.

        Raises:
            SandboxError: If it does not come up; the message has the last line of what it said.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        self._control, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            list(self._sandbox.command),
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env=self._sandbox.environment,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the grader
        )
        theirs.close()
        self._heard = b""
        try:
            self.versions = self._hear(READY)["ready"]
        except (TimeoutError, ConnectionError, KeyError) as error:
            raise SandboxError(self._complaint()) from error

    def _complaint(self) -> str:
        self._end_process()
        assert self._errors is not None
        self._errors.seek(0)
        lines = self._errors.read(20_000).decode(errors="replace").strip().splitlines()
        said = lines[-1] if lines else "nothing was said"
        return f"the sandbox does not start: {said}. {ADVICE}"

    def interrupt(self) -> None:
        """End the template from another thread; a job that is running raises SandboxError."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the template and whatever it runs."""
        if self._process is None:
            return
        self._end_process()
        self._process = None
        assert self._errors is not None
        self._errors.close()

    def _end_process(self) -> None:
        assert self._process is not None
        self._control.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "Worker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, package: Mapping[str, bytes], job: Job) -> Iterator[Frame | Over]:
        """Run a job; yield the frames that arrive, and at last how it ended.

        Args:
            package: Files by name, relative to the tree.
            job: What to run on them.

        Raises:
            SandboxStoppedError: If the sandbox ended in the middle.
            SandboxError: If it does not start.
        """
        self.start()
        asked = {
            **dataclasses.asdict(job),
            "processor_seconds": 2 * sum(job.seconds) + FIRST,
            "tree": self._sandbox.tree,
        }
        finished = False
        read_end, write_end = os.pipe()
        try:
            with _package_file(package) as file:
                message = json.dumps(asked).encode() + b"\n"
                socket.send_fds(self._control, [message], [file.fileno(), write_end])
            os.close(write_end)
            write_end = -1
            yield from self._listen(read_end, job.seconds)
            finished = True
        except (TimeoutError, ConnectionError, json.JSONDecodeError) as error:
            raise SandboxStoppedError(f"the sandbox stopped working ({error})") from error
        finally:
            if not finished:
                self.close()  # the next job needs a template that waits for it
            os.close(read_end)
            if write_end >= 0:
                os.close(write_end)

    def _listen(self, pipe: int, seconds: Sequence[float]) -> Iterator[Frame | Over]:
        """Yield the frames until the job is over, and stop it if an item takes too long."""
        frames, current, begun, over = Frames(len(seconds)), 0, False, None
        deadline = time.monotonic() + FIRST
        ended: dict[str, Any] | None = None
        os.set_blocking(pipe, False)
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            selector.register(self._control, selectors.EVENT_READ)
            while ended is None:
                ready = {key.fd for key, _ in selector.select(max(0.0, deadline - time.monotonic()))}
                if self._control.fileno() in ready:
                    ended = self._hear(GRACE)
                if ended is None and time.monotonic() >= deadline:
                    over = Over("time", "")
                    ended = self._stop()
                data = _read(pipe, CHUNK if ended is None else MOST_LEFT)
                if data == b"" and ended is None:
                    selector.unregister(pipe)  # closed by the submission: only the end can come
                try:
                    for frame in frames.feed(data or b""):
                        if frame.kind == END and frame.position >= current:
                            current = frame.position + 1
                        elif frame.kind != START or begun:
                            yield frame
                            continue
                        begun = True
                        deadline = time.monotonic() + GRACE + seconds[min(current, len(seconds) - 1)]
                        yield frame
                except ProtocolError as error:
                    over = Over("evidence", str(error))
                    ended = ended or self._stop()
        if ended["ended"] == "refused":
            raise SandboxError(f"the sandbox cannot be closed: {ended['detail']}. {ADVICE}")
        if ended["ended"] == "lost":
            raise SandboxStoppedError("the process that watches over the submission was killed")
        yield over or Over(ended["ended"], ended["detail"])

    def _stop(self) -> dict[str, Any]:
        self._control.sendall(b"stop\n")
        return self._hear(10 * GRACE)

    def _hear(self, seconds: float) -> dict[str, Any]:
        """Return the template's next message."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._heard:
            self._control.settimeout(max(0.01, deadline - time.monotonic()))
            data = self._control.recv(65536)
            if not data:
                raise ConnectionError("it ended")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)


@contextlib.contextmanager
def _package_file(files: Mapping[str, bytes]) -> Iterator[IO[bytes]]:
    """Yield an open file that has no name and holds some files, as ``template.unpack`` reads them."""
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps({name: len(data) for name, data in files.items()}).encode() + b"\n")
        for data in files.values():
            file.write(data)
        file.flush()
        yield file


def _read(pipe: int, most: int) -> bytes | None:
    """Read what there is, up to a number of bytes; None if there is nothing yet, no bytes at the end."""
    data = bytearray()
    while len(data) < most:
        try:
            part = os.read(pipe, CHUNK)
        except BlockingIOError:
            return bytes(data) or None
        if not part:
            break
        data += part
    return bytes(data)
