"""Data sets of noise, for tests."""

import torch

from cs_helpers.data import Dataset


def small_dataset(n: int = 23, size: tuple[int, int, int] = (3, 8, 8), split: str = "train") -> Dataset:
    """Return n images of noise with labels 0 to 9 in turn."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, *size), dtype=torch.uint8, generator=generator)
    return Dataset("noise", split, images, torch.arange(n) % 10, tuple("0123456789"), "test")
