"""nbval compares what our notebooks store: text, without execution counts."""

import pytest

from cs_helpers.nbtools import prepare_for_nbval


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell nbval what to leave out of its comparisons."""
    prepare_for_nbval(items)
