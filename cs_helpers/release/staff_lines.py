"""Lines that are left out of a release, between marks on lines of their own, in any text file but a solution.

In Markdown the marks are ``<!-- BEGIN STAFF -->`` and its END, elsewhere the same words after ``# ``.
"""

import re
from collections.abc import Iterator

BEGIN = (b"# BEGIN STAFF", b"<!-- BEGIN STAFF -->")
END = (b"# END STAFF", b"<!-- END STAFF -->")

_LIKE = re.compile(
    r"\b(be?gi?n+|end|edn|start|stop)[ _-]*(staff?s?|saff)\b|\bstaff[ _-]*(begin|end)\b", re.IGNORECASE
)


def cut(data: bytes) -> list[tuple[int, int]]:
    """Return the first and last line of each block, from 0, marks included."""
    blocks, begun = [], None
    for number, line in enumerate(data.split(b"\n")):
        if line.strip() in BEGIN:
            begun = number
        elif line.strip() in END and begun is not None:
            blocks.append((begun, number))
            begun = None
    return blocks


def without(data: bytes) -> bytes:
    """Return a file without its staff lines."""
    lines = data.split(b"\n")
    for first, last in reversed(cut(data)):
        del lines[first : last + 1]
    return b"\n".join(lines)


def put_back(data: bytes, before: bytes) -> bytes:
    """Return a file with the staff lines of another one in their places."""
    lines, whole = data.split(b"\n"), before.split(b"\n")
    for first, last in cut(before):
        lines[first:first] = whole[first : last + 1]
    return b"\n".join(lines)


def problems(name: str, text: str) -> Iterator[str]:
    """Yield marks that are misspelt, nested or unbalanced."""
    begun = 0
    for number, line in enumerate(text.split("\n"), start=1):
        mark = line.strip().encode()
        if mark in BEGIN:
            if begun:
                yield f"{name}:{number}: BEGIN STAFF inside that of line {begun}"
            begun = number
        elif mark in END:
            if not begun:
                yield f"{name}:{number}: END STAFF without a BEGIN before it"
            begun = 0
        elif _LIKE.search(line):
            yield f"{name}:{number}: not a mark, but looks like one: {line.strip()[:80]!r}"
    if begun:
        yield f"{name}:{begun}: BEGIN STAFF without an END after it"
