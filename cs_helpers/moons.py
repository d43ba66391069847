"""Part 3's data: two interleaved half circles, noisy and rotated, in three sets that are not quite alike.

Training, validation and test samples differ in noise and rotation on purpose: a model never meets
exactly what it was trained on.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import RandomSampler, SequentialSampler, TensorDataset

NUM_SAMPLES, TRAIN_VALID_SHARE, TRAIN_SHARE = 10_000, 0.8, 2 / 3
BATCH_SIZE = 32


class TensorLoader:
    """Batches (x, y) of a TensorDataset, cut from whole tensors where DataLoader stacks single samples.

    Like a ``DataLoader`` it has a length in batches and the attributes ``dataset``, ``batch_size``,
    ``sampler``, ``drop_last`` and ``generator``, draws from the same random stream, and so visits the samples
    in the same order.

    Args:
        dataset: What to iterate over.
        batch_size: Samples per batch; the last batch has what is left.
        shuffle: Whether every ``iter()`` takes a new random order.
        generator: The loader's own random stream; torch's global one for None.

    Raises:
        ValueError: If ``batch_size`` is below 1.
    """

    drop_last = False

    def __init__(
        self,
        dataset: TensorDataset,
        batch_size: int = BATCH_SIZE,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, got {batch_size}")
        self.dataset, self.batch_size, self.generator = dataset, batch_size, generator
        self.sampler: RandomSampler | SequentialSampler = (
            RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        )

    def __len__(self) -> int:
        """Number of batches, a partial last one counted."""
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)  # as DataLoader does
        tensors = self.dataset.tensors
        if isinstance(self.sampler, RandomSampler):
            order = torch.tensor(list(self.sampler))
            tensors = tuple(tensor[order] for tensor in tensors)
        return zip(*(tensor.split(self.batch_size) for tensor in tensors), strict=True)


class Moons(NamedTuple):
    """The three sets, each with ``tensors``: x, float32 ``(N, 2)``, and y, int64 ``(N,)``, 0 or 1."""

    train: TensorDataset
    valid: TensorDataset
    test: TensorDataset

    def loaders(self, batch_size: int = BATCH_SIZE) -> tuple[TensorLoader, TensorLoader, TensorLoader]:
        """Return a loader for each set; only training batches come in a new order each epoch."""
        return (
            TensorLoader(self.train, batch_size, shuffle=True),
            TensorLoader(self.valid, batch_size),
            TensorLoader(self.test, batch_size),
        )


def make_moons(seed: int = 42, num_samples: int = NUM_SAMPLES) -> Moons:
    """Draw the three sets.

    80 % of the samples are for training and validation: half of those with noise 0.2, rotated by 10 degrees,
    the other half with noise 0.25, rotated by 50 degrees, one after the other. The first two thirds are the
    training set, so all of the validation set is of the second kind. The test set has noise 0.3 and is
    rotated by 40 degrees.

    Args:
        seed: Of the random draws; the same numbers on every machine.
        num_samples: Of all three sets together.
    """
    from sklearn.datasets import make_moons as draw  # only now: importing it takes a second

    def half(number: int, noise: float, degrees: float) -> tuple[np.ndarray, np.ndarray]:
        state = np.random.RandomState([seed, number])
        x, y = draw(count, noise=noise, random_state=state)
        angle = np.deg2rad(degrees)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return x @ rotation.T, y

    count = int(num_samples * TRAIN_VALID_SHARE) // 2
    (x1, y1), (x2, y2) = half(1, 0.2, 10), half(2, 0.25, 50)
    x, y = np.concatenate([x1, x2]), np.concatenate([y1, y2])
    cut = int(len(x) * TRAIN_SHARE)
    count = num_samples - len(x)
    return Moons(_dataset(x[:cut], y[:cut]), _dataset(x[cut:], y[cut:]), _dataset(*half(3, 0.3, 40)))


def _dataset(x: np.ndarray, y: np.ndarray) -> TensorDataset:
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.int64))
