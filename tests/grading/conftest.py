"""One small class for all tests of reports; each test gets a copy."""

import shutil
from pathlib import Path

import pytest

from cs_helpers.grading.records import Report
from tests.grading import small_class


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Grade the small class once."""
    folder = tmp_path_factory.mktemp("class")
    return small_class.build(folder / "REPORT", folder / "scratch")


@pytest.fixture
def report(original: Report, tmp_path: Path) -> Report:
    """Return a copy of the graded small class."""
    shutil.copytree(original.root, tmp_path / "REPORT")
    return Report(tmp_path / "REPORT")
