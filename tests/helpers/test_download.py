"""Downloads are whole, verified and unpacked where they belong, or say what is wrong."""

import hashlib
import http.server
import io
import os
import tarfile
import threading

import pytest

from cs_helpers import data_files, download
from cs_helpers.data import DataError

pytestmark = pytest.mark.usefixtures("empty_root")


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file with ranges, and breaks off where the test says."""

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        start = int(self.headers["Range"][6:-1]) if self.headers.get("Range") and server.can_resume else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.content)}")
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        self.wfile.write(server.content[start : server.break_at])

    def log_message(self, *args):
        pass


def archive(members):
    """A tar.gz of ``name -> bytes``, or of ready TarInfo objects."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                tar.addfile(info)
    return buffer.getvalue()


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files = {f"{download.CIFAR10_FOLDER}/{name}": os.urandom(2000) for name in data_files.CIFAR10_MD5}
    server.content, server.can_resume, server.break_at, server.ranges = archive(files), True, None, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(server, root, progress=None, **settings):
    url = f"http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz"
    settings = {"md5": hashlib.md5(server.content).hexdigest(), **settings}
    return download.download_cifar10(root, progress, url=url, timeout=5, **settings)


def test_download_unpacks_verifies_and_reports_progress(server, tmp_path):
    seen = []
    folder = get(server, tmp_path / "new", lambda done, total: seen.append((done, total)))
    assert sorted(p.name for p in folder.iterdir()) == sorted(data_files.CIFAR10_MD5)
    assert seen[-1] == (len(server.content), len(server.content))
    assert [p.name for p in (tmp_path / "new").iterdir()] == [download.CIFAR10_FOLDER]
    get(server, tmp_path / "new")
    assert len(server.ranges) == 1


def test_download_that_breaks_off_goes_on_where_it_stopped(server, empty_root):
    server.break_at = 1000
    with pytest.raises(DataError, match="1,000 bytes are kept"):
        get(server, empty_root)
    server.break_at = None
    assert get(server, empty_root).is_dir()
    assert server.ranges == [None, "bytes=1000-"]


def test_download_starts_over_where_the_server_cannot_resume(server, empty_root):
    server.break_at = 1000
    with pytest.raises(DataError):
        get(server, empty_root)
    server.break_at, server.can_resume = None, False
    assert get(server, empty_root).is_dir()


def test_download_that_is_whole_but_unverified_is_verified_and_used(server, empty_root):
    (empty_root / "cifar-10-python.tar.gz.part").write_bytes(server.content)
    assert get(server, empty_root).is_dir()


def test_wrong_file_is_deleted_and_nothing_is_unpacked(server, empty_root):
    with pytest.raises(DataError, match="expected 00"):
        get(server, empty_root, md5="00")
    assert list(empty_root.iterdir()) == []


def test_by_default_the_official_archive_is_asked_for(empty_root, monkeypatch):
    asked = []

    def fetch(url, path, md5, *_):
        asked.append((url, md5))
        raise DataError("stopped here")

    monkeypatch.setattr(download, "fetch", fetch)
    with pytest.raises(DataError, match="stopped here"):
        download.download_cifar10(empty_root)
    ((url, md5),) = asked
    assert url.startswith("https:")
    assert url.endswith("/cifar-10-python.tar.gz")
    assert md5 == "c58f30108f718f92721af3b95e74349a"


def test_unreachable_server_is_a_data_error(empty_root):
    with pytest.raises(DataError, match="run it again"):
        download.download_cifar10(empty_root, url="http://127.0.0.1:9/x.tar.gz", timeout=2)


@pytest.mark.parametrize(
    "members",
    [
        {"../evil": b"x"},
        {"/tmp/evil": b"x"},
        {"cifar-10-batches-py/../../evil": b"x"},
        {"cifar-10-batches-py/link": (tarfile.SYMTYPE, "/etc/passwd")},
        {"cifar-10-batches-py/hard": (tarfile.LNKTYPE, "cifar-10-batches-py/x")},
        {"cifar-10-batches-py/fifo": (tarfile.FIFOTYPE, "")},
    ],
)
def test_archive_that_would_write_elsewhere_is_refused(empty_root, members):
    path = empty_root / "a.tar.gz"
    path.write_bytes(archive(members))
    with pytest.raises(DataError, match="no plain file in"):
        download.unpack(path, empty_root, download.CIFAR10_FOLDER)
    assert [p.name for p in empty_root.iterdir()] == ["a.tar.gz"]


def test_cut_archive_is_refused_and_leaves_nothing(server, empty_root):
    path = empty_root / "a.tar.gz"
    path.write_bytes(server.content[:-500])
    with pytest.raises(DataError, match="cannot be unpacked"):
        download.unpack(path, empty_root, download.CIFAR10_FOLDER)
    assert [p.name for p in empty_root.iterdir()] == ["a.tar.gz"]
