"""What all tests share."""

import pytest
import torch

SPREAD = ("test_notebooks.py", "test_bad_students.py", "test_false_alarms.py")
"""Files whose tests take long and share nothing: each test goes to whichever core is free."""
LONGEST_FIRST = ("test_mutants.py", *SPREAD)


@pytest.fixture(autouse=True)
def seeded():
    """Give every test the same random stream."""
    torch.manual_seed(42)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests on one core, except those of SPREAD, and begin with the longest files.

    A long file that comes last leaves all other cores with nothing to do. For ``--dist loadgroup``.
    """
    for item in items:
        if item.path.name not in SPREAD:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
