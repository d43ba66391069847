"""What all tests share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded():
    """Give every test the same random stream."""
    torch.manual_seed(42)
