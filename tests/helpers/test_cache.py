"""Files that can be made again are kept, trusted only if they are what they were, and never needed."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from cs_helpers import cache, digits32

CONTENT = b"made with effort"
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that is used for caches, not there yet."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache"


def test_what_was_written_is_read_back_and_nothing_else_lies_around(place):
    assert cache.read("thing", SUM) is None
    cache.write("thing", SUM, CONTENT)
    assert cache.read("thing", SUM) == CONTENT
    assert [path.name for path in place.iterdir()] == [f"thing-{SUM[:12]}.bin"]


def test_a_damaged_file_counts_as_none_and_is_written_again(place):
    cache.write("thing", SUM, CONTENT)
    (path,) = place.iterdir()
    path.write_bytes(CONTENT[:-1])
    assert cache.read("thing", SUM) is None
    cache.write("thing", SUM, CONTENT)
    assert cache.read("thing", SUM) == CONTENT


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    cache.write("thing", SUM, CONTENT)
    assert cache.read("thing", SUM) is None


def test_without_a_home_nothing_is_kept(monkeypatch):
    for name in ("COURSE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it does where there is none
    assert cache.folder() is None
    cache.write("thing", SUM, CONTENT)
    assert cache.read("thing", SUM) is None


def test_the_folder_is_below_the_users_own(monkeypatch):
    monkeypatch.delenv("COURSE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.abspath("caches"))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache.folder() == Path("caches").resolve() / "deep-learning-course"


def test_digits32_is_the_same_made_and_read_back(place, monkeypatch):
    made = digits32.make.__wrapped__()
    assert len(list(place.glob("digits32-*.bin"))) == 2
    monkeypatch.setattr(digits32, "_make_split", None)  # nothing is made any more
    read = digits32.make.__wrapped__()
    for a, b in zip(made, read, strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
        with pytest.raises(ValueError, match="read-only"):
            b[0] = 0


def test_glyphs_are_the_same_read_and_read_back(place, monkeypatch):
    read = digits32.read_glyphs()
    assert len(list(place.glob("glyphs-*.bin"))) == 1
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)  # importing it fails
    for a, b in zip(read, digits32.read_glyphs(), strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
