"""How evidence leaves the sandbox: a pipe of frames, each with one piece of evidence as safetensors.

Evidence goes out as soon as it is produced, so what came before a crash is there. Whoever reads trusts
nothing: the other end may be in the hands of a submission. Frames are bounded in size and number, and what
is in them is data only.

    frame = kind (1 byte), position of the work item (2 bytes), length (4 bytes), body

The body of an ``ITEM`` is a production with one piece of evidence; that of an ``END`` has none, and says
how the run ended and what was printed. A ``START``, before all others, has nothing in it.
"""

import dataclasses
import os
import struct
from collections.abc import Iterator

from torch import Tensor

from cs_helpers.checks import evidence
from cs_helpers.checks.evidence import MAX_ELEMENTS, Failure, Item, Production

ITEM, END, START = 1, 2, 3
HEAD = struct.Struct("<BHI")
MAX_BODY = 8 * MAX_ELEMENTS + 2**16  # one tensor of 8-byte numbers, and the header
MAX_FRAMES = 300  # for one work item
MAX_CHECK = 64 * 2**20  # bytes for one work item
MAX_JOB = 128 * 2**20  # bytes for all of a process
MAX_NAME = 300  # characters of a name or a type
MAX_MESSAGE = 1000  # characters of what is shown to people
MAX_TEXT = 20_000  # bytes of a piece of evidence that is a text


class ProtocolError(ValueError):
    """What came through the pipe is not what the sandbox writes; the message says what."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        kind: ITEM, END or START.
        position: Which work item it is about.
        body: Safetensors.
    """

    kind: int
    position: int
    body: bytes


def send(pipe: int, kind: int, position: int, production: Production) -> None:
    """Write a frame into a pipe."""
    body = to_body(production)
    data = memoryview(HEAD.pack(kind, position, len(body)) + body)
    while data:
        data = data[os.write(pipe, data) :]


def to_body(production: Production) -> bytes:
    """Serialise; a value that cannot be is replaced by its type's name."""
    try:
        body = evidence.to_bytes(production)
    except Exception:  # safetensors knows some of torch's types only
        body = b""
    if body and len(body) <= MAX_BODY:
        return body
    items = {name: _without_value(item) for name, item in production.items.items()}
    return evidence.to_bytes(dataclasses.replace(production, items=items))


def _without_value(item: Item) -> Item:
    dtype = f" of {item.tensor.dtype}" if item.tensor is not None else ""
    return Item("other", None, f"{item.type_name}{dtype}"[:MAX_NAME])


class Frames:
    """Cuts a stream of bytes into frames.

    Args:
        count: How many work items there are; a frame about any other is refused.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._buffer = bytearray()
        self._frames = [0] * count
        self._bytes = [0] * count

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take what was read, and yield the frames that are whole.

        Raises:
            ProtocolError: If a frame is too large, or there are too many.
        """
        self._buffer += data
        while len(self._buffer) >= HEAD.size:
            kind, position, length = HEAD.unpack_from(self._buffer)
            self._check(kind, position, length)
            if len(self._buffer) < HEAD.size + length:
                return
            body = bytes(self._buffer[HEAD.size : HEAD.size + length])
            del self._buffer[: HEAD.size + length]
            self._frames[position] += 1
            self._bytes[position] += length
            yield Frame(kind, position, body)

    def _check(self, kind: int, position: int, length: int) -> None:
        if kind not in (ITEM, END, START) or position >= self._count:
            raise ProtocolError("something else than evidence was written")
        if length > MAX_BODY or self._bytes[position] + length > MAX_CHECK or sum(self._bytes) > MAX_JOB:
            raise ProtocolError(f"more than {MAX_CHECK // 2**20} MiB of evidence, or one piece too large")
        if self._frames[position] >= MAX_FRAMES:
            raise ProtocolError(f"more than {MAX_FRAMES} pieces of evidence")


def from_body(body: bytes) -> Production:
    """Read the body of a frame.

    Raises:
        ProtocolError: If it is not evidence, or its names are too long.
    """
    try:
        production = evidence.from_bytes(body, "the sandbox")
    except evidence.EvidenceError as error:
        raise ProtocolError(str(error)) from error
    for name, item in production.items.items():
        if len(name) > MAX_NAME or len(item.type_name) > MAX_NAME:
            raise ProtocolError(f"a name of more than {MAX_NAME} characters")
        if item.kind == "text" and item.tensor is not None and not _is_text(item.tensor):
            raise ProtocolError(f"{name!r} is no text of at most {MAX_TEXT} bytes")
    if production.failure is not None:
        fields = (field[:MAX_MESSAGE] for field in dataclasses.astuple(production.failure))
        production.failure = Failure(*fields)
    production.printed = production.printed[:MAX_MESSAGE]
    return production


def _is_text(tensor: Tensor) -> bool:
    return tensor.ndim == 1 and tensor.numel() <= MAX_TEXT
