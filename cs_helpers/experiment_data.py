"""Images for Part 5's experiments: to train on, to choose by, and to measure once."""

from typing import NamedTuple

import torch

from cs_helpers.data import Dataset, Splits, load
from cs_helpers.loaders import Augment, BatchLoader

NUM_VALID = 5_000  # images held back from a training set that can spare them
LARGE = 30_000  # a training set that can


class ExperimentLoaders(NamedTuple):
    """Batches of three sets of images, all normalised by the statistics of the training set."""

    dl_train: BatchLoader
    dl_valid: BatchLoader
    dl_test: BatchLoader

    def describe(self) -> dict[str, str | int]:
        """Return the data set's name and the number of images in each set."""
        sizes = {name[3:]: len(loader.dataset) for name, loader in zip(self._fields, self, strict=True)}
        return {"name": self.dl_train.dataset.name, **sizes}


def split_validation(splits: Splits) -> tuple[Dataset, Dataset, Dataset]:
    """Split a data set into training, validation and test images.

    A large training set gives its last 5 000 images for validation. The embedded data sets are small, and
    their training images share handwriting; they give half of their test images instead.

    Returns:
        The three sets.
    """
    train, test = splits
    if len(train) >= LARGE:
        return train.part(0, len(train) - NUM_VALID), train.part(len(train) - NUM_VALID, len(train)), test
    half = len(test) // 2
    return train, test.part(0, half), test.part(half, len(test))


def make_experiment_loaders(
    data: str | Splits,
    bs_train: int,
    bs_test: int | None = None,
    *,
    augment: bool = False,
    device: torch.device | str | None = None,
    seed: int | None = None,
) -> ExperimentLoaders:
    """Make the batches of an experiment.

    Args:
        data: A name for ``cs_helpers.data.load``, or what it returned.
        bs_train: Images per training batch; they come in a new order each epoch.
        bs_test: Images per batch of the other two; ``bs_train`` if not given.
        augment: Whether to pad-crop training images, and mirror them where the data allows it.
        device: Where batches are made.
        seed: Seed of the loaders' own random streams; torch's global stream for None.
    """
    train, valid, test = split_validation(load(data) if isinstance(data, str) else data)
    stats = train.stats
    change = Augment(pad=4, flip=train.flips) if augment else None
    return ExperimentLoaders(
        BatchLoader(train, bs_train, shuffle=True, stats=stats, augment=change, device=device, seed=seed),
        *(
            BatchLoader(few, bs_test or bs_train, stats=stats, device=device, seed=seed)
            for few in (valid, test)
        ),
    )
