"""What the tests of data sets, loaders and downloads share."""

import pytest
from PIL import Image

from cs_helpers import data


@pytest.fixture
def empty_root(tmp_path, monkeypatch):
    """A data folder of the test's own, empty at first; no test sees this machine's data."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.setenv("COURSE_DATA", str(root))
    monkeypatch.setattr(data, "DEBIAN_FASHION", tmp_path / "no-debian")
    return root


@pytest.fixture
def cifar_folder(empty_root, monkeypatch):
    monkeypatch.setattr(data, "CIFAR10_PER_CLASS", {"train": 3, "test": 2})
    for split, count in data.CIFAR10_PER_CLASS.items():
        for label, name in enumerate(data.CIFAR10_CLASSES):
            folder = empty_root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (32, 32), (20 * label, 50 * i, 9)).save(folder / f"{i:04}.png")
    return empty_root
