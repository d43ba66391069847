"""What all tests share."""

import os

# The threads of torch sleep while they wait for each other: other tests want the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
import torch
from xdist.scheduler import LoadScopeScheduling

SPREAD = ("test_notebooks.py", "test_bad_students.py", "test_false_alarms.py")
"""Files whose tests take long and share nothing: each test goes to whichever core is free."""
LONGEST_FIRST = ("test_mutants.py", *SPREAD)


@pytest.fixture(autouse=True)
def seeded():
    """Give every test the same random stream."""
    torch.manual_seed(42)


class FilesTogether(LoadScopeScheduling):
    """Keeps a file's tests on one core, where its fixtures are made once, except those of SPREAD."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.endswith(SPREAD) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FilesTogether:
    """Share tests out by file, in the order in which they were collected."""
    config.option.loadscopereorder = False
    return FilesTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files: one that comes last leaves all other cores with nothing to do."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
