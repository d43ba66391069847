"""From what was handed in to the files that count: nothing is written to disk, nothing odd is believed.

A submission is a zip file, or a folder. Its files are read into memory, within limits, by names that
``cs_helpers.submission`` allows; everything else is left out, and said so.
"""

import dataclasses
import hashlib
import io
import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cs_helpers.submission import (
    FOLDERS,
    MANIFEST,
    MAX_FILE,
    MAX_FILES,
    MAX_MANIFEST,
    MAX_TOTAL,
    Manifest,
    name_problem,
)

MAX_ZIP = 64 * 2**20  # bytes of a zip file
MAX_DIRECTORY = 4 * 2**20  # bytes of its table of contents
MAX_ENTRIES = 5000  # looked at, in a zip file or a folder
MAX_PROBLEMS = 12  # listed; the rest is counted
_END = b"PK\x05\x06"  # the record at the end of a zip file
_QUIET = {"__pycache__", ".DS_Store", "__MACOSX", ".ipynb_checkpoints", ".git", ".gitignore", "Thumbs.db"}


class SubmissionError(ValueError):
    """Nothing can be read; the message says why, in a sentence for staff and student."""


@dataclasses.dataclass(frozen=True)
class Submission:
    """What was handed in, as far as it counts.

    Attributes:
        name: Unique in a session.
        source: The entry of the submissions' folder that it came from.
        files: Contents by name, such as ``hw/layers.py``.
        problems: What was left out, and why.
        manifest: What it says about itself, if it does.
    """

    name: str
    source: str
    files: dict[str, bytes]
    problems: tuple[str, ...] = ()
    manifest: Manifest | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over all that the record depends on."""
        total = hashlib.sha256()
        parts = [self.name, self.source, *self.problems, repr(self.manifest)]
        for text in parts:
            total.update(_measured(text.encode("utf-8", "surrogatepass")))
        for name in sorted(self.files):
            total.update(_measured(name.encode()) + _measured(self.files[name]))
        return total.hexdigest()


def _measured(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big") + data


def entries(folder: Path) -> list[tuple[str, Path]]:
    """Return the submissions in a folder as (name, path), sorted by name.

    The name is that of the zip file without ``.zip``, or of the folder. Two of one name keep their endings.
    """
    found = sorted(
        path for path in folder.iterdir() if not path.name.startswith(".") and path.name not in _QUIET
    )

    names = [entry_name(path) for path in found]
    times = Counter(name.casefold() for name in names)
    return sorted(
        (name if times[name.casefold()] == 1 else f"{name} ({_printable(path.name)})", path)
        for name, path in zip(names, found, strict=True)
    )


def entry_name(path: Path) -> str:
    """Return the name of a submission if no other has the same."""
    is_zip = path.suffix.lower() == ".zip" and not path.is_dir()
    return _printable(path.stem if is_zip else path.name)


def _printable(name: str) -> str:
    """Replace what is no character, as names of files may have it."""
    return name.encode("utf-8", "backslashreplace").decode()


def read_submission(name: str, path: Path) -> Submission:
    """Read a zip file or a folder.

    Args:
        name: The submission's name.
        path: Where it is.

    Raises:
        SubmissionError: If it is neither, or nothing in it counts.
    """
    if path.is_symlink():
        raise SubmissionError(f"{path.name} is a link, which is not followed")
    try:
        pairs = list(_from_folder(path)) if path.is_dir() else list(_from_zip(path))
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read: {error.strerror or error}") from error
    return _select(name, path, pairs)


Found = tuple[str, bytes | str]
"""A name, and the contents, or a sentence that says why there are none."""


def _from_folder(root: Path) -> Iterator[Found]:
    """Yield the files below a folder, without following links."""
    budget, waiting, seen = MAX_TOTAL, [(root, "")], 0
    while waiting:
        folder, prefix = waiting.pop()
        with os.scandir(folder) as listing:
            for entry in listing:
                if entry.name in _QUIET:
                    continue
                seen += 1
                if seen > MAX_ENTRIES:
                    raise SubmissionError(f"more than {MAX_ENTRIES} files and folders")
                name = prefix + entry.name
                if entry.is_symlink():
                    yield name, "is a link, which is not followed"
                elif entry.is_dir(follow_symlinks=False):
                    if name.count("/") < 8:
                        waiting.append((Path(entry.path), f"{name}/"))
                elif not entry.is_file(follow_symlinks=False):
                    yield name, "is not a plain file"
                elif _wanted(name):
                    found = _read_file(entry.path, min(MAX_FILE, budget))
                    budget -= len(found) if isinstance(found, bytes) else 0
                    yield name, found
                else:
                    yield name, b""


def _read_file(path: str, most: int) -> bytes | str:
    """Read a plain file, whatever somebody puts in its place meanwhile."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return "is not a plain file"
        data = file.read(most + 1)
    return data if len(data) <= most else f"is too large (at most {MAX_FILE} bytes, {MAX_TOTAL} in all)"


def _wanted(name: str) -> bool:
    """Whether a file may count, in whichever folder all of it is packed."""
    parts = name.split("/")
    return parts[-1] == MANIFEST or any(part in FOLDERS for part in parts[:-1])


def _from_zip(path: Path) -> Iterator[Found]:
    """Yield the files of a zip file; no field of it is believed before it is checked."""
    data = _read_file(str(path), MAX_ZIP)
    if isinstance(data, str):
        raise SubmissionError(
            f"{path.name} {data}" if "plain" in data else f"{path.name} has over {MAX_ZIP} bytes"
        )
    _check_directory(path.name, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_ENTRIES:
                raise SubmissionError(f"{path.name} has more than {MAX_ENTRIES} entries")
            budget = MAX_TOTAL
            for info in infos:
                if info.is_dir() or _QUIET & set(info.filename.split("/")):
                    continue
                found = _read_member(archive, info, budget) if _wanted(info.filename) else b""
                budget -= len(found) if isinstance(found, bytes) else 0
                yield info.filename, found
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        if isinstance(error, SubmissionError):
            raise
        raise SubmissionError(f"{path.name} is damaged: {error}") from error


def _check_directory(name: str, data: bytes) -> None:
    """Refuse what is no zip file, or has a table of contents too large to be read into memory."""
    place = data.rfind(_END, max(0, len(data) - 2**16 - 22))
    if place < 0 or len(data) < place + 22:
        raise SubmissionError(f"{name} is not a zip file")
    if int.from_bytes(data[place + 12 : place + 16], "little") > MAX_DIRECTORY:
        raise SubmissionError(f"{name} has a table of contents of more than {MAX_DIRECTORY} bytes")


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: int) -> bytes | str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "is a link, which is not followed" if kind == stat.S_IFLNK else "is not a plain file"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that is not supported"
    most = min(MAX_FILE, budget)
    try:
        with archive.open(info) as file:
            data = file.read(most + 1)  # whatever size the table of contents says
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        return f"is damaged ({error})"
    return data if len(data) <= most else f"is too large (at most {MAX_FILE} bytes, {MAX_TOTAL} in all)"


def _select(name: str, path: Path, pairs: list[Found]) -> Submission:
    """Keep what counts, from the folder that it is packed in."""
    prefix = _prefix([found for found, _ in pairs])
    files: dict[str, bytes] = {}
    problems: list[str] = []
    manifest, taken = None, dict[str, str]()
    for found, content in sorted(pairs, key=_plainest_first):
        inner = found.removeprefix(prefix)
        if inner == MANIFEST and found.startswith(prefix) and isinstance(content, bytes):
            manifest = _manifest(content, problems)
        elif not found.startswith(prefix) or inner.split("/")[0] not in FOLDERS:
            if ".." in found.split("/") or found.startswith("/") or "\\" in found:
                problems.append(f"{_shown(found)} was left out: it points outside of the submission")
        elif isinstance(content, str):
            problems.append(f"{_shown(inner)} was left out: it {content}")
        elif problem := name_problem(inner):
            problems.append(f"left out: {problem}".encode("ascii", "backslashreplace").decode())
        elif inner.casefold() in taken:
            problems.append(f"{_shown(inner)} was left out: there is {taken[inner.casefold()]} already")
        else:
            files[inner], taken[inner.casefold()] = content, inner
    if len(files) > MAX_FILES:
        raise SubmissionError(f"{len(files)} files in {', '.join(FOLDERS)}; at most {MAX_FILES} are allowed")
    if not files:
        what = "; ".join(_bounded(problems)) or "it is empty, or nothing is in the folders of a submission"
        raise SubmissionError(f"no file of {path.name} counts: {what}")
    if manifest is not None:
        problems += _differences(manifest, files)
    return Submission(name, _printable(path.name), files, tuple(_bounded(problems)), manifest)


def _plainest_first(pair: Found) -> tuple[str, bool, str]:
    """Sort names; of those that differ in upper and lower case alone, the lower one comes first."""
    return pair[0].casefold(), pair[0] != pair[0].lower(), pair[0]


def _prefix(names: list[str]) -> str:
    """Return the folder that everything is packed in, such as "anna/", or ""."""
    found = {
        "/".join(parts[:depth])
        for parts in (name.split("/") for name in names)
        for depth in range(min(3, len(parts) - 1))
        if parts[depth] in FOLDERS and ".." not in parts[:depth]
    }
    shortest = min(found, key=lambda folder: (folder.count("/") if folder else -1, folder), default="")
    return f"{shortest}/" if shortest else ""


def _manifest(content: bytes, problems: list[str]) -> Manifest | None:
    try:
        return Manifest.from_bytes(content[: MAX_MANIFEST + 1])
    except ValueError as error:
        problems.append(str(error)[:300])
        return None


def _differences(manifest: Manifest, files: dict[str, bytes]) -> list[str]:
    """Hold the files against the manifest's sums."""
    problems = [f"{name} is in the manifest but not there" for name in sorted(manifest.files.keys() - files)]
    for name in sorted(files):
        if name not in manifest.files:
            problems.append(f"{name} is there but not in the manifest")
        elif manifest.files[name][0] != hashlib.sha256(files[name]).hexdigest():
            problems.append(f"{name} is not the file in the manifest (its sum differs)")
    return problems


def _shown(name: str) -> str:
    return ascii(name[:80]) + ("..." if len(name) > 80 else "")


def _bounded(problems: list[str]) -> list[str]:
    rest = len(problems) - MAX_PROBLEMS
    return problems[:MAX_PROBLEMS] + ([f"and {rest} more of this kind"] if rest > 0 else [])
