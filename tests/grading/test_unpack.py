"""Whatever is handed in, reading it gives files that count, or a plain sentence."""

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from cs_helpers.grading import unpack
from cs_helpers.grading.unpack import SubmissionError, entries, read_submission
from cs_helpers.submission import MAX_FILE, Manifest, sums, zip_bytes

GOOD = {"hw/layers.py": b"x = 1\n", "answers/part1.py": b"part1_q1 = 'yes'\n"}


def zipped(path: Path, files: dict[str, bytes], **options: int) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def test_a_packed_submission_is_read_whole(tmp_path: Path) -> None:
    manifest = Manifest("course", "1", "", ("ann", "bo"), (), sums(GOOD))
    path = tmp_path / "ann.zip"
    path.write_bytes(zip_bytes(GOOD, manifest))
    found = read_submission("ann", path)
    assert (found.files, found.problems, found.manifest) == (GOOD, (), manifest)


@pytest.mark.parametrize("folder", ["", "anna/", "anna/course/"])
def test_a_folder_around_everything_does_not_matter(folder: str, tmp_path: Path) -> None:
    files = {f"{folder}{name}": data for name, data in GOOD.items()}
    assert read_submission("a", zipped(tmp_path / "a.zip", files)).files == GOOD
    for name, data in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert read_submission("a", tmp_path / "tree").files == GOOD


def test_only_the_folders_of_a_submission_count(tmp_path: Path) -> None:
    more = {
        "cs_helpers/tasks.py": b"TASKS = {}",
        "tests/assets/x.safetensors": b"",
        "conftest.py": b"",
        "hw.py": b"",
    }
    assert read_submission("a", zipped(tmp_path / "a.zip", GOOD | more)).files == GOOD


ODD_NAMES = {
    "../../hw/layers.py": "points outside",
    "hw/../../../etc/cron.d/x.py": "allowed in names",
    "/hw/layers.py": "points outside",
    "hw\\..\\x.py": "points outside",
    "hw/../x.py": "allowed in names",
    "hw/a b.py": "allowed in names",
    "hw/.hidden.py": "no dot first",
    "hw/" + "x" * 300 + ".py": "has 306 characters",
    "hw/new\nline.py": "allowed in names",
    "hw/\x1b[31m.py": "allowed in names",
    "hw/layers.so": "does not end in .py",
    "hw/caf\u00e9.py": "allowed in names",
    "hw/" + "/".join("d" * 9) + "/../../x.py": "allowed in names",
    "hw/con:.py": "allowed in names",
    "hw//layers2.py": "allowed in names",
    "HW/../hw/x.py": "points outside",
    "hw/LAYERS.py": "there is hw/layers.py already",
    "results/x.json/../../../y.json": "allowed in names",
}


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_left_out_and_said(name: str, tmp_path: Path) -> None:
    found = read_submission("a", zipped(tmp_path / "a.zip", GOOD | {name: b"bad"}))
    assert len(found.problems) == 1
    assert ODD_NAMES[name] in found.problems[0]
    assert found.problems[0].isascii()
    assert found.problems[0].isprintable()
    assert all(unpack.name_problem(kept) == "" for kept in found.files)
    assert found.files == GOOD


def test_a_bomb_is_left_out_whatever_size_it_claims(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", GOOD | {"hw/bomb.py": bytes(50 * 2**20)}, compresslevel=9)
    assert path.stat().st_size < 2**17
    assert "is too large" in read_submission("a", path).problems[0]
    data = bytearray(path.read_bytes())  # now it lies: 10 bytes, in both of its headers
    for sign, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.rfind(sign) if sign == b"PK\x03\x04" else data.rfind(b"PK\x01\x02")
        data[place + offset : place + offset + 4] = struct.pack("<I", 10)
    path.write_bytes(data)
    found = read_submission("a", path)
    assert "hw/bomb.py" not in found.files
    assert "hw/bomb.py" in found.problems[0]


def test_many_small_bombs_together_are_bounded(tmp_path: Path) -> None:
    files = {f"hw/b{number}.py": bytes(MAX_FILE) for number in range(40)}
    found = read_submission("a", zipped(tmp_path / "a.zip", files))
    assert sum(map(len, found.files.values())) <= unpack.MAX_TOTAL
    assert len(found.problems) == unpack.MAX_PROBLEMS + 1
    assert "more of this kind" in found.problems[-1]


def test_a_hundred_thousand_files_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"hw/f{number}.py": b"" for number in range(100_000)})
    with pytest.raises(SubmissionError, match=r"table of contents|entries"):
        read_submission("a", path)
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(unpack.MAX_ENTRIES + 1):
        (folder / f"f{number}.py").touch()
    with pytest.raises(SubmissionError, match="more than 5000 files"):
        read_submission("a", folder)
    with pytest.raises(SubmissionError, match="600 files in"):
        read_submission("a", zipped(tmp_path / "b.zip", {f"hw/f{number}.py": b"" for number in range(600)}))


def test_links_and_special_files_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "anna"
    (root / "hw").mkdir(parents=True)
    (root / "hw" / "layers.py").write_bytes(b"x = 1\n")
    (root / "hw" / "shadow.py").symlink_to("/etc/shadow")
    (root / "hw" / "self.py").symlink_to("self.py")
    (root / "hw" / "up").symlink_to("..")
    os.mkfifo(root / "hw" / "pipe.py")
    (root / "answers").symlink_to("/etc")
    found = read_submission("anna", root)
    assert list(found.files) == ["hw/layers.py"]
    assert "link" in str(found.problems)
    assert "hw/pipe.py' was left out: it is not a plain file" in str(found.problems)
    link = tmp_path / "linked"
    link.symlink_to(root)
    with pytest.raises(SubmissionError, match="is a link"):
        read_submission("linked", link)


def test_links_in_a_zip_are_not_made(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, target, kind in (("hw/x.py", "/etc/passwd", stat.S_IFLNK), ("hw/d.py", "", stat.S_IFCHR)):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (kind | 0o777) << 16
            archive.writestr(info, target)
        archive.writestr("hw/layers.py", "x = 1\n")
    found = read_submission("a", path)
    assert list(found.files) == ["hw/layers.py"]
    assert [problem.split(" was")[0] for problem in found.problems] == ["'hw/d.py'", "'hw/x.py'"]


def broken(kind: str) -> bytes:
    """Return the bytes of something that should have been a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in GOOD.items():
            archive.writestr(name, data)
    data = bytearray(buffer.getvalue())
    place = data.rfind(b"PK\x05\x06")
    if kind == "cut in half":
        return bytes(data[: len(data) // 2])
    if kind == "endless table":
        data[place + 12 : place + 16] = b"\xff\xff\xff\x7f"
    if kind == "table elsewhere":
        data[place + 16 : place + 20] = b"\xff\xff\xff\x7f"
    if kind == "noise after the start":
        data[40:place] = os.urandom(place - 40)
    return {"text": b"this is no zip", "empty": b"", "end only": b"PK\x05\x06" + bytes(18)}.get(
        kind, bytes(data)
    )


@pytest.mark.parametrize(
    "kind",
    ["text", "empty", "end only", "cut in half", "endless table", "table elsewhere", "noise after the start"],
)
def test_a_broken_zip_is_one_sentence(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(broken(kind))
    with pytest.raises(SubmissionError, match=r"^(no file of )?a\.zip "):
        read_submission("a", path)


def test_encrypted_and_oddly_packed_members_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hw/layers.py", "x = 1\n")
        archive.writestr("hw/packed.py", "x = 1\n", zipfile.ZIP_LZMA)
        archive.writestr("hw/secret.py", "x = 1\n")
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    found = read_submission("a", path)
    assert list(found.files) == ["hw/layers.py"]
    assert ["packed in a way" in problem or "encrypted" in problem for problem in found.problems] == [
        True,
        True,
    ]


def test_a_manifest_that_lies_is_said(tmp_path: Path) -> None:
    manifest = Manifest("course", "1", "", (), (), sums(GOOD))
    path = tmp_path / "a.zip"
    path.write_bytes(zip_bytes({**GOOD, "hw/layers.py": b"x = 2\n"}, manifest))
    assert read_submission("a", path).problems == (
        "hw/layers.py is not the file in the manifest (its sum differs)",
    )
    found = read_submission("a", zipped(tmp_path / "b.zip", GOOD | {"manifest.json": b"[" * 10**5}))
    assert found.manifest is None
    assert "manifest.json is not JSON" in found.problems[0]


def test_names_are_unique_and_sorted(tmp_path: Path) -> None:
    for name in ("bo.zip", "anna.zip", "notes.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "Anna").mkdir()
    (tmp_path / "carl.zip").mkdir()
    assert [name for name, _ in entries(tmp_path)] == [
        "Anna (Anna)", "anna (anna.zip)", "bo", "carl.zip", "notes.txt",
    ]  # fmt: skip


def test_what_was_handed_in_decides_the_digest(tmp_path: Path) -> None:
    first = read_submission("a", zipped(tmp_path / "a.zip", GOOD))
    again = read_submission("a", zipped(tmp_path / "a.zip", dict(reversed(GOOD.items()))))
    other = read_submission("a", zipped(tmp_path / "a.zip", GOOD | {"hw/layers.py": b"x = 2\n"}))
    assert first.digest == again.digest != other.digest
