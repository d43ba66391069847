"""The one download of the course: the official CIFAR-10 archive, verified, resumed, and unpacked safely.

Only ``course data cifar10`` calls this. The archive arrives under the name
``cifar-10-python.tar.gz.part``; a download that was cut off goes on from there. Nothing gets its final
name before its MD5 sum is right.
"""

import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from cs_helpers.data_files import CIFAR10_MD5, DataError

CIFAR10_FOLDER = "cifar-10-batches-py"

Progress = Callable[[int, int | None], None]  # bytes here so far, bytes in all (None: not known)
_BLOCK = 1 << 18
_MAX_UNPACKED = 1 << 30  # bytes; CIFAR-10 unpacks to 186 MB


def download_cifar10(
    root: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    url: str | None = None,
    md5: str | None = None,
    timeout: float = 30,
) -> Path:
    """Put CIFAR-10 under ``root``, unless it is there already, and return its folder.

    Args:
        root: The data folder; made if need be.
        progress: Called as ``progress(done, total)``, in bytes, after each block; ``total`` may be None.
        url: Where the archive is; the official address, as torchvision knows it, for None.
        md5: The sum it must have; that of the official archive for None.
        timeout: Seconds that the server may be silent.

    Returns:
        ``root/cifar-10-batches-py``, complete.

    Raises:
        DataError: If the server cannot be reached, breaks off, or sends another file; the message says what
            to do. What has arrived stays, for the next try, unless it is wrong.
    """
    root = Path(root).expanduser()
    folder = root / CIFAR10_FOLDER
    if folder.is_dir() and all((folder / name).is_file() for name in CIFAR10_MD5):
        return folder
    from torchvision.datasets import CIFAR10  # only now: importing it takes seconds

    url, md5 = url or CIFAR10.url, md5 or CIFAR10.tgz_md5
    root.mkdir(parents=True, exist_ok=True)
    archive = fetch(url, root / PurePosixPath(url).name, md5, progress, timeout)
    unpack(archive, root, CIFAR10_FOLDER)
    archive.unlink()
    return folder


def fetch(url: str, path: Path, md5: str, progress: Progress | None = None, timeout: float = 30) -> Path:
    """Download one file, going on where an earlier try stopped.

    Args:
        url: Where the file is.
        path: Where it goes; until it is verified it is called ``<path>.part``.
        md5: The sum it must have.
        progress: As in ``download_cifar10``.
        timeout: Seconds that the server may be silent.

    Raises:
        DataError: As ``download_cifar10``.
    """
    if path.is_file() and file_md5(path) == md5:
        return path
    part = path.with_name(path.name + ".part")
    try:
        _transfer(url, part, progress, timeout)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        have = part.stat().st_size if part.exists() else 0
        raise DataError(
            f"{url}: {error}. {have:,} bytes are kept in {part}; run it again to go on."
        ) from error
    found = file_md5(part)
    if found != md5:
        part.unlink()
        raise DataError(f"{url}: what arrived has md5 {found}, expected {md5}. It is deleted; run it again.")
    part.replace(path)
    return path


def _transfer(url: str, part: Path, progress: Progress | None, timeout: float) -> None:
    """Append to ``part`` what is missing of the file at ``url``; start over if the server cannot resume."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the sum will tell
            return
        raise
    with response:
        resumed = response.status == 206 and _range_start(response) == have
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        with open(part, "ab" if resumed else "wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                have += len(block)
                if progress is not None:
                    progress(have, total)
    if total is not None and have < total:
        raise OSError(f"the connection broke after {have:,} of {total:,} bytes")


def _range_start(response: http.client.HTTPResponse) -> int:
    """First byte of a partial answer, from ``Content-Range: bytes 100-199/200``; -1 if it does not say."""
    start = (response.headers.get("Content-Range") or "").removeprefix("bytes ").split("-")[0]
    return int(start) if start.isdigit() else -1


def file_md5(path: Path) -> str:
    """MD5 sum of a file, in hexadecimal; it tells damage, not malice."""
    state = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def unpack(archive: Path, root: Path, folder: str) -> None:
    """Unpack ``folder`` of a tar archive into ``root``, all of it or nothing.

    Only plain files directly inside ``folder`` are taken, and only their bytes: no links, devices, owners or
    modes, and no path that leads elsewhere.

    Raises:
        DataError: If the archive is damaged, or holds anything else.
    """
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=root) as temporary:
        new = Path(temporary) / folder
        new.mkdir()
        try:
            with tarfile.open(archive) as tar:
                for member in _plain_files(tar, archive, folder):
                    source = tar.extractfile(member)
                    with open(new / PurePosixPath(member.name).name, "wb") as target:
                        shutil.copyfileobj(source, target)  # type: ignore[arg-type]
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{archive}: cannot be unpacked ({error}). Delete it and run it again."
            ) from error
        if (root / folder).exists():  # an incomplete one
            (root / folder).replace(Path(temporary) / "old")
        new.replace(root / folder)


def _plain_files(tar: tarfile.TarFile, archive: Path, folder: str) -> Iterator[tarfile.TarInfo]:
    size = 0
    for member in tar:
        path = PurePosixPath(member.name)
        if member.isdir() and path == PurePosixPath(folder):
            continue
        size += member.size
        if not member.isreg() or path.parent != PurePosixPath(folder) or ".." in path.parts:
            raise DataError(f"{archive}: holds {member.name!r}, which is no plain file in {folder}/")
        if size > _MAX_UNPACKED:
            raise DataError(f"{archive}: unpacks to more than {_MAX_UNPACKED:,} bytes")
        yield member
