"""What students hand in: one zip file, and how it is made.

The format, number 1. A submission is a zip file with these members and no others, in this order::

    manifest.json
    answers/*.py  hw/*.py  results/*.json      sorted by name, at any depth below these three folders

Member names are relative, with ``/``, of the characters ``A-Z a-z 0-9 _ . -``, no part of them begins with a
dot, and no two differ in case alone. There are no entries for folders and no links. Members are stored, not
compressed, with fixed times and modes: the same files give the same bytes on every machine. A zip file that
somebody unpacked and packed again is as good, if it has the same members (perhaps all in one folder).

``manifest.json`` is one JSON object, UTF-8, with sorted keys, at most 256 KiB::

    {
     "course": "deep-learning-course",     the project's name
     "files": {"hw/layers.py": {"sha256": "9f86...", "size": 15785}, ...},     every other member
     "format": 1,
     "members": ["ann.lee", "bo_chen"],    who hands in; empty: whoever the course's website says
     "not_done": ["p1.q2", "p2.adam"],     tasks whose stub or placeholder is still there, as packed
     "release": "5c3e...",                 digest of the release they started from; "" in a solution tree
     "version": "0.1.0"                    version of the course
    }

Nothing in it is proof of anything: ``not_done`` and ``members`` are what students say. The sums tell a
file that was damaged on its way from one that was written so. A grader checks names, limits and sums itself.

Limits: see the constants. The manifest has no time: when something was handed in, the course's website knows.
"""

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from cs_helpers.regions import ID

FORMAT = 1
MANIFEST = "manifest.json"
FOLDERS = {"answers": ".py", "hw": ".py", "results": ".json"}
"""The folders of a submission, and the suffix of the files in each."""

MAX_FILES = 500
MAX_FILE = 4 * 1024 * 1024  # bytes, unpacked
MAX_TOTAL = 32 * 1024 * 1024  # bytes, unpacked, all members together
MAX_MANIFEST = 256 * 1024  # bytes
MAX_NAME = 200  # characters of a member's name
MAX_MEMBERS = 8

FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
FIXED_MODE = 0o100644

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_MEMBER = re.compile(r"\w[\w.@+-]{0,63}")
_SUM = re.compile(r"[0-9a-f]{64}")
_KEYS = {"course", "files", "format", "members", "not_done", "release", "version"}


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a submission says about itself; see the module's text.

    Attributes:
        course: The project's name.
        version: The course's version.
        release: Digest of the release that the students started from, or "".
        members: Who hands in, sorted.
        not_done: Ids of tasks that are not written, in the order of the registry.
        files: SHA-256 and size in bytes, by member name.
    """

    course: str
    version: str
    release: str
    members: tuple[str, ...]
    not_done: tuple[str, ...]
    files: Mapping[str, tuple[str, int]]

    def to_bytes(self) -> bytes:
        """Return the text of ``manifest.json``."""
        data: dict[str, Any] = {**dataclasses.asdict(self), "format": FORMAT}
        data["files"] = {name: {"sha256": sum_, "size": size} for name, (sum_, size) in self.files.items()}
        return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Read a ``manifest.json``.

        Raises:
            ValueError: If it is not of this format; the message says in what.
        """
        if len(data) > MAX_MANIFEST:
            raise ValueError(f"{MANIFEST} has {len(data)} bytes; allowed: {MAX_MANIFEST}")
        try:
            found = json.loads(data.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{MANIFEST} is not JSON: {error}") from error
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"{MANIFEST} is not of format {FORMAT}")
        if found.keys() != _KEYS:
            raise ValueError(f"{MANIFEST} has the keys {sorted(found)}; allowed: {sorted(_KEYS)}")
        for key in ("course", "release", "version"):
            if not isinstance(found[key], str) or len(found[key]) > MAX_NAME:
                raise ValueError(f"{MANIFEST}: {key} must be a short text")
        for key in ("members", "not_done"):
            if not isinstance(found[key], list) or not all(isinstance(one, str) for one in found[key]):
                raise ValueError(f"{MANIFEST}: {key} must be a list of texts")
        if not all(re.fullmatch(ID, task_id) for task_id in found["not_done"]):
            raise ValueError(f"{MANIFEST}: not_done must be a list of ids such as p1.linear")
        return cls(
            course=found["course"],
            version=found["version"],
            release=found["release"],
            members=members(found["members"]),
            not_done=tuple(found["not_done"]),
            files=_files(found["files"]),
        )


def members(names: Iterable[str]) -> tuple[str, ...]:
    """Return the members of a group, sorted.

    Raises:
        ValueError: If a name has other characters than letters, digits and ``. _ @ + -``, more than 64
            of them or a sign in front, if one is there twice, or if there are too many.
    """
    found = sorted(names)
    for name in found:
        if not _MEMBER.fullmatch(name):
            raise ValueError(
                f"member {name!r}: allowed are 1 to 64 letters, digits and . _ @ + -, no sign first"
            )
    if len({name.casefold() for name in found}) < len(found):
        raise ValueError(f"a member is named twice: {', '.join(found)}")
    if len(found) > MAX_MEMBERS:
        raise ValueError(f"{len(found)} members; allowed: {MAX_MEMBERS}")
    return tuple(found)


def name_problem(name: str) -> str:
    """Say why a name cannot be that of a submitted file, or return ""."""
    parts = name.split("/")
    if len(parts) < 2 or parts[0] not in FOLDERS:
        return f"{name!r} is not in one of the folders {', '.join(FOLDERS)}"
    if len(name) > MAX_NAME:
        return f"{name[:40]!r}... has {len(name)} characters; allowed: {MAX_NAME}"
    if not all(_PART.fullmatch(part) for part in parts):
        return f"{name!r}: allowed in names are A-Z a-z 0-9 _ . and -, no dot first"
    if not name.endswith(FOLDERS[parts[0]]):
        return f"{name!r} does not end in {FOLDERS[parts[0]]}, as files in {parts[0]}/ do"
    return ""


def zip_bytes(files: Mapping[str, bytes], manifest: Manifest) -> bytes:
    """Return the bytes of a submission: the same for the same files and manifest, on every machine.

    Args:
        files: Contents by member name.
        manifest: Its ``files`` are those of ``files``; see ``sums``.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in [(MANIFEST, manifest.to_bytes()), *sorted(files.items())]:
            info = zipfile.ZipInfo(name, FIXED_TIME)
            info.create_system, info.external_attr = 3, FIXED_MODE << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def sums(files: Mapping[str, bytes]) -> dict[str, tuple[str, int]]:
    """Return SHA-256 and size of some files, as a manifest holds them.

    Raises:
        ValueError: If a name, a size or the number of files is not allowed; one line for each.
    """
    problems = [problem for name in sorted(files) if (problem := name_problem(name))]
    problems += [
        f"{name} has {len(data)} bytes; allowed: {MAX_FILE}"
        for name, data in sorted(files.items())
        if len(data) > MAX_FILE
    ]
    if len({name.casefold() for name in files}) < len(files):
        problems.append("two names differ in upper and lower case alone")
    if len(files) > MAX_FILES:
        problems.append(f"{len(files)} files; allowed: {MAX_FILES}")
    if (total := sum(map(len, files.values()))) > MAX_TOTAL:
        problems.append(f"{total} bytes in all; allowed: {MAX_TOTAL}")
    if problems:
        raise ValueError("\n".join(problems))
    return {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(files.items())}


def _files(found: object) -> dict[str, tuple[str, int]]:
    """Read the ``files`` of a manifest."""
    if not isinstance(found, dict) or len(found) > MAX_FILES:
        raise ValueError(f"{MANIFEST}: files must be an object with at most {MAX_FILES} entries")
    files = {}
    for name, entry in found.items():
        if problem := name_problem(name):
            raise ValueError(f"{MANIFEST}: {problem}")
        if not isinstance(entry, dict) or entry.keys() != {"sha256", "size"}:
            raise ValueError(f"{MANIFEST}: {name} must have sha256 and size")
        sum_, size = entry["sha256"], entry["size"]
        if not isinstance(sum_, str) or not _SUM.fullmatch(sum_):
            raise ValueError(f"{MANIFEST}: the sha256 of {name} is not 64 digits of 0-9a-f")
        if type(size) is not int or not 0 <= size <= MAX_FILE:
            raise ValueError(f"{MANIFEST}: the size of {name} is not in 0 to {MAX_FILE}")
        files[name] = (sum_, size)
    return files
