"""What all tests share."""

from pathlib import Path

import pytest
import torch
from xdist.scheduler import LoadScopeScheduling

# BEGIN STAFF
RESULTS = Path(__file__).resolve().parents[1] / "results"
NUM_RUNS = 34
NEEDS_RESULTS = (
    "test_check_passes_on_the_reference",
    "test_recording_again_gives_the_stored_bytes",
    "test_no_demonstration_stops_on_the_reference_and_nothing_warns[part5_experiments]",
)
# END STAFF
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
    # BEGIN STAFF
    if len(list(RESULTS.glob("exp*.json"))) < NUM_RUNS:
        pending = pytest.mark.skip(reason="the reference has not made all runs of Part 5 yet")
        for item in items:
            if any(name in item.nodeid for name in ("p5.results", *NEEDS_RESULTS)):
                item.add_marker(pending)
    # END STAFF
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
