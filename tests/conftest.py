"""What all tests share."""

from pathlib import Path

import pytest
import torch

RESULTS = Path(__file__).resolve().parents[1] / "results"
NUM_RUNS = 34

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
    # BEGIN STAFF
    if len(list(RESULTS.glob("exp*.json"))) < NUM_RUNS:
        pending = pytest.mark.skip(reason="the reference has not made all runs of Part 5 yet")
        for item in items:
            if "p5.results" in item.nodeid:
                item.add_marker(pending)
    # END STAFF
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
