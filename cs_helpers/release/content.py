"""Whether a file is what its name says, with nothing hidden behind it."""

import itertools
import json
import struct
import zlib
from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"pHYs"}


def problems(name: str, data: bytes) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with a file that goes out, each with a line from 1."""
    if name.endswith(".png"):
        yield from _png(data)
    elif name.endswith(".safetensors"):
        yield from _safetensors(data)
    else:
        yield from _text(name, data)


def _text(name: str, data: bytes) -> Iterator[tuple[int, str]]:
    """A text is UTF-8 without control characters; Python compiles, JSON can be read."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        yield data.count(b"\n", 0, error.start) + 1, "not UTF-8"
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.replace("\t", "").isprintable():
            found = next(sign for sign in line if sign != "\t" and not sign.isprintable())
            yield number, f"has the character U+{ord(found):04X}, which nobody sees"
    if name.endswith(".py"):
        try:
            compile(text, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            yield getattr(error, "lineno", None) or 1, f"not valid Python: {error}"
    if name.endswith((".json", ".ipynb")):
        try:
            json.loads(text)
        except ValueError as error:
            yield getattr(error, "lineno", 1), f"not JSON: {error}"


def _png(data: bytes) -> Iterator[tuple[int, str]]:
    """A PNG has the chunks that make the picture, and no text or anything else."""
    place, kind = len(PNG), b""
    if not data.startswith(PNG):
        yield 1, "not a PNG"
        return
    while kind != b"IEND":
        if place + 12 > len(data):
            yield 1, "a PNG that is cut off"
            return
        (size,) = struct.unpack_from(">I", data, place)
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        if kind not in _CHUNKS:
            yield 1, f"a PNG with metadata, in the chunk {kind!r}; save it without"
        if data[place + 8 + size : place + 12 + size] != struct.pack(">I", zlib.crc32(kind + body)):
            yield 1, f"a PNG with a damaged chunk {kind!r}"
            return
        place += 12 + size
    if place != len(data):
        yield 1, "a PNG with something behind its end"


def _safetensors(data: bytes) -> Iterator[tuple[int, str]]:
    """A safetensors file is its header and the bytes that the header speaks of."""
    try:
        (size,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + size].decode("utf-8"))
        header.pop("__metadata__", None)
        ends = sorted(tuple(entry["data_offsets"]) for entry in header.values())
        used = ends[-1][1] if ends else 0
        gaps = any(before[1] != after[0] for before, after in itertools.pairwise(ends))
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        yield 1, f"not a safetensors file: {error}"
        return
    if gaps or (ends and ends[0][0] != 0) or 8 + size + used != len(data):
        yield 1, "a safetensors file with bytes that belong to no tensor"
