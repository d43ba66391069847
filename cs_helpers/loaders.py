"""Batches from memory: what torch's ``DataLoader`` does, for a data set that fits on the training device.

A ``BatchLoader`` keeps a data set's uint8 images on the device and makes normalised float batches from
them with a few tensor operations, where ``DataLoader`` opens, converts and stacks one image at a time. Of a
small set it keeps the normalised floats, too, once they were asked for. Training code takes either.

Whether a loader draws from torch's global random stream changes every draw after it (dropout masks, the
next model's weights), so it is decided here on purpose. With ``seed=None`` a ``BatchLoader`` draws
exactly what a ``DataLoader`` of the same settings draws, one number per ``iter()`` and one more for each
shuffle, and so visits the images in the same order: swapping one for the other changes no result. With a
``seed`` it has a stream of its own and leaves the global one alone. Augmentation draws from the same
stream as the order.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import RandomSampler, Sampler, SequentialSampler

from cs_helpers.data import Dataset, Splits, load

Stats = tuple[Tensor, Tensor]

KEPT_FLOATS = 2**24  # values (64 MB) up to which a loader keeps its normalised images: 5 461 of 3x32x32


class Augment:
    """Random pad-crop and mirroring of a whole batch at once, each image by its own amounts.

    The amounts are drawn on the CPU, so that a seed gives the same crops on every device.
    """

    def __init__(self, pad: int = 4, flip: bool = True) -> None:
        """Choose the augmentation.

        Args:
            pad: Zeros put around each image before a window of the old size is cut out; on normalised images
                zero is the mean colour.
            flip: Whether to mirror half the images left to right. A mirrored cat is a cat, a mirrored 2 is
                no 2: see ``Dataset.flips``.

        Raises:
            ValueError: If ``pad`` is negative.
        """
        if pad < 0:
            raise ValueError(f"pad={pad}: must be 0 or more pixels")
        self.pad, self.flip = pad, flip

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Augment images ``(N, C, H, W)`` of any type, on any device; the given tensor is left as it is.

        Args:
            images: The batch.
            generator: CPU generator of the amounts; torch's global stream for None.

        Returns:
            A new tensor of the same shape, type and device.
        """
        n, c, h, w = images.shape
        top, left = torch.randint(0, 2 * self.pad + 1, (2, n, 1), generator=generator)
        rows = top + torch.arange(h)  # (N, H)
        columns = left + torch.arange(w)  # (N, W)
        if self.flip:
            mirrored = torch.rand(n, 1, generator=generator) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        padded = torch.nn.functional.pad(images, (self.pad,) * 4)
        device = images.device
        return padded[
            torch.arange(n, device=device)[:, None, None, None],
            torch.arange(c, device=device)[None, :, None, None],
            rows.to(device)[:, None, :, None],
            columns.to(device)[:, None, None, :],
        ]

    def __repr__(self) -> str:
        return f"Augment(pad={self.pad}, flip={self.flip})"


class BatchLoader:
    """Iterates over a ``Dataset`` in batches ``(images, labels)`` made on the training device.

    Images are float32 ``(B, C, H, W)``, labels int64 ``(B,)``. Like a ``DataLoader`` it has a length in
    batches and the attributes ``dataset``, ``batch_size``, ``sampler``, ``drop_last`` and ``generator``.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 50,
        *,
        shuffle: bool = False,
        sampler: Sampler | None = None,
        drop_last: bool = False,
        stats: Stats | None = None,
        augment: Augment | None = None,
        device: torch.device | str | None = None,
        seed: int | None = None,
    ) -> None:
        """Move the images to the device; batches are made as they are asked for.

        Args:
            dataset: What to iterate over.
            batch_size: Images per batch; the last batch has what is left.
            shuffle: Whether every ``iter()`` takes a new random order.
            sampler: Another order, an iterable of indices with a length, instead of ``shuffle``.
            drop_last: Whether to leave out a partial last batch.
            stats: Mean and standard deviation per channel, ``(C,)`` each, to normalise by: those of the
                *training* set, for the test set too. Images stay in ``[0, 1]`` for None.
            augment: Random changes to every batch, after normalisation.
            device: Where batches are made; the CPU for None.
            seed: Seed of this loader's own random stream; for None it draws from torch's global stream.

        Raises:
            ValueError: If ``batch_size`` is below 1, or both ``shuffle`` and ``sampler`` are given.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: must be 1 or more")
        if shuffle and sampler is not None:
            raise ValueError("give shuffle=True or a sampler, not both: the sampler decides the order")
        self.dataset, self.batch_size, self.drop_last, self.augment = dataset, batch_size, drop_last, augment
        self.device = torch.device("cpu" if device is None else device)
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)
        if sampler is None:
            sampler = (
                RandomSampler(dataset, generator=self.generator) if shuffle else SequentialSampler(dataset)
            )
        self.sampler = sampler
        self._images, self._labels = dataset.images.to(self.device), dataset.labels.to(self.device)
        mean, std = (torch.zeros(1), torch.ones(1)) if stats is None else stats
        std = std.clamp(min=1e-6)  # a channel of one value
        self._scale = (1 / (255 * std)).view(1, -1, 1, 1).to(self.device)
        self._shift = (-mean / std).view(1, -1, 1, 1).to(self.device)
        self._floats: Tensor | None = None

    def __len__(self) -> int:
        """Number of batches, a partial last one counted unless it is dropped."""
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # DataLoader draws a seed for its workers here, used or not
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        return self._batches()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.tensor(list(self.sampler), dtype=torch.int64).to(self.device)
        if self._floats is None and self._images.numel() <= KEPT_FLOATS:
            self._floats = self._normalised(self._images)
        for chosen in order.split(self.batch_size)[: len(self)]:
            if self._floats is None:
                images = self._normalised(self._images.index_select(0, chosen))
            else:
                images = self._floats.index_select(0, chosen)
            if self.augment is not None:
                images = self.augment(images, self.generator)
            yield images, self._labels[chosen]

    def _normalised(self, images: Tensor) -> Tensor:
        return images.float().mul_(self._scale).add_(self._shift)

    def __repr__(self) -> str:
        extras = f", {self.augment}" if self.augment else ""
        batches = f"{len(self)} batches of {self.batch_size} on {self.device}"
        return f"BatchLoader({self.dataset!r}, {batches}{extras})"


class Loaders(NamedTuple):
    """A training and a test loader over the same data."""

    dl_train: BatchLoader
    dl_test: BatchLoader


def make_loaders(
    data: str | Splits = "default",
    batch_size: int = 50,
    *,
    bs_test: int | None = None,
    max_train: int | None = None,
    max_test: int | None = None,
    shuffle: bool = True,
    augment: bool = False,
    device: torch.device | str | None = None,
    seed: int | None = None,
) -> Loaders:
    """Loaders of a data set's training and test images, both normalised by the training set's statistics.

    A hundred batches of fifty: ``make_loaders("default", 50, max_train=100 * 50)``.

    Args:
        data: A name for ``load``, or what it returned.
        batch_size: Images per training batch.
        bs_test: Images per test batch; ``batch_size`` for None.
        max_train: Use only the first this many training images; all of them for None.
        max_test: The same for test images.
        shuffle: Whether training batches come in a new order each epoch. Test batches never do.
        augment: Whether to pad-crop training images, and mirror them where the data allows it.
        device: Where batches are made.
        seed: Seed of the loaders' own random stream; torch's global stream for None.

    Raises:
        ValueError: As ``load``, ``Dataset.subset`` and ``BatchLoader``.
    """
    ds_train, ds_test = load(data) if isinstance(data, str) else data
    change = Augment(pad=4, flip=ds_train.flips) if augment else None
    stats = ds_train.stats  # of the whole training set, so that max_train does not change the test images
    train = ds_train.subset(max_train)
    dl_train = BatchLoader(
        train, batch_size, shuffle=shuffle, stats=stats, augment=change, device=device, seed=seed
    )
    test = ds_test.subset(max_test)
    dl_test = BatchLoader(test, bs_test or batch_size, stats=stats, device=device, seed=seed)
    return Loaders(dl_train, dl_test)
