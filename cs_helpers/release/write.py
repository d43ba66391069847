"""Putting a release on the disk: a folder or an archive, whole or not at all."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cs_helpers.release.build import STAMP
from cs_helpers.release.tracked import File
from cs_helpers.submission import FIXED_TIME
from cs_helpers.whole_files import replacing

ARCHIVES = (".zip", ".tar.gz", ".tgz")
NO_RELEASE = "is no release"
_OTHER_ARCHIVES = (".7z", ".bz2", ".gz", ".rar", ".tar", ".xz", ".zst")
_FIXED_SECONDS = 315532800  # FIXED_TIME, since 1970


class PlaceError(ValueError):
    """A release cannot be put there; the message says why."""


def refuse_place(out: Path, root: Path, force: bool = False) -> None:
    """Raise if a release must not be written to a place.

    Args:
        out: Where to.
        root: The solution tree.
        force: Whether a release that was changed may be lost, or a file that is none. Other folders never.

    Raises:
        PlaceError: If the place is in the solution tree or around it, or has no folder to be in; or if
            something is there that is no former release, unchanged, and ``force`` is not given.
    """
    here, tree = out.resolve(), root.resolve()
    if here == tree or tree in here.parents:
        raise PlaceError(f"{out} is inside the tree to release, {root}; name a place outside")
    if here in tree.parents:
        raise PlaceError(f"{out} contains the tree to release, {root}; name another place")
    if not here.parent.is_dir():
        raise PlaceError(f"there is no folder {here.parent}; make it first")
    if out.is_symlink():
        raise PlaceError(f"{out} is a link; name the place itself")
    if not _is_archive(out) and (out.is_file() or out.suffix in _OTHER_ARCHIVES):
        raise PlaceError(f"{out} is not a folder, and does not end in {', '.join(ARCHIVES)}")
    if not out.exists():
        return
    if _is_archive(out) and out.is_dir():
        raise PlaceError(f"{out} is a folder, but its name is that of an archive")
    if (out / ".git").exists():
        raise PlaceError(f"{out} has a git history of its own; release beside it and copy the files over")
    why = _not_replaceable(out)
    if why == NO_RELEASE and out.is_dir():
        raise PlaceError(f"{out} exists and {why}; name another place")
    if why and not force:
        raise PlaceError(f"{out} exists and {why}; name another place, or give --force to replace it")


def write(files: Mapping[str, File], out: Path) -> None:
    """Write a release beside its place and move it there; what was there before goes.

    Args:
        files: By name.
        out: A folder, or an archive if its name ends in one of ``ARCHIVES``.

    Raises:
        OSError: If it cannot be written; then nothing has changed.
    """
    if not _is_archive(out):
        _write_folder(files, out)
        return
    data = zip_archive(files) if out.name.endswith(".zip") else tar_archive(files)
    with replacing(out) as file:
        file.write(data)


def zip_archive(files: Mapping[str, File]) -> bytes:
    """Return the files as a zip, in a folder of the course's name; same files, same bytes, anywhere."""
    buffer, top = io.BytesIO(), _top(files)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, file in sorted(files.items()):
            info = zipfile.ZipInfo(f"{top}/{name}", FIXED_TIME)
            info.create_system, info.external_attr = 3, (0o100000 | file.mode) << 16
            archive.writestr(info, file.data)
    return buffer.getvalue()


def tar_archive(files: Mapping[str, File]) -> bytes:
    """Return the files as a compressed tar; same files, same bytes, with the same version of zlib."""
    buffer, top = io.BytesIO(), _top(files)
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, file in sorted(files.items()):
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size, info.mode, info.mtime = len(file.data), file.mode, _FIXED_SECONDS
            archive.addfile(info, io.BytesIO(file.data))
    return buffer.getvalue()


def _top(files: Mapping[str, File]) -> str:
    return json.loads(files[STAMP].data)["course"] or "course"


def _is_archive(out: Path) -> bool:
    return out.name.endswith(ARCHIVES)


def _write_folder(files: Mapping[str, File], out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        draft, before = Path(scratch) / "new", Path(scratch) / "old"
        draft.mkdir()
        for name, file in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
            path.chmod(file.mode)
        for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        if out.exists():
            os.rename(out, before)
        try:
            os.rename(draft, out)
        except BaseException:
            if before.exists():
                os.rename(before, out)
            raise


def _not_replaceable(out: Path) -> str:
    """Say why something may be worth keeping, or return ""."""
    try:
        listed = _stamp_of(out)
        if listed is None:
            return NO_RELEASE
        return _changed(out, listed["files"]) if out.is_dir() else ""
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, tarfile.TarError):
        return NO_RELEASE


def _stamp_of(out: Path) -> Any:
    """Return what is in the stamp of a release; an empty folder counts as a release of nothing."""
    if out.is_dir():
        return {"files": {}} if not any(out.iterdir()) else json.loads((out / STAMP).read_bytes())
    if out.name.endswith(".zip"):
        with zipfile.ZipFile(out) as archive:
            names = [name for name in archive.namelist() if name.endswith(f"/{STAMP}")]
            return json.loads(archive.read(names[0])) if names else None
    with tarfile.open(out) as tar:
        member = next((info for info in tar if info.name.endswith(f"/{STAMP}")), None)
        content = tar.extractfile(member) if member else None
        return json.loads(content.read()) if content else None


def _changed(out: Path, sums: Mapping[str, str]) -> str:
    """Say what a folder holds that a release did not write, or return ""."""
    for path in out.rglob("*"):
        name = path.relative_to(out).as_posix()
        if (path.is_dir() and not path.is_symlink()) or name == STAMP:
            continue
        if name not in sums:
            return f"holds {name}, which the release did not have"
        if path.is_symlink() or hashlib.sha256(path.read_bytes()).hexdigest() != sums[name]:
            return f"its {name} was changed since"
    return ""
