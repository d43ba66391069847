"""The course's data sets. Nothing here downloads anything; ``course data cifar10`` does, when it is asked to.

``load("default")`` gives real CIFAR-10 if it lies in the data folder (``COURSE_DATA``, or
``~/.pytorch-datasets``) and digits32 otherwise, which is made on the spot; the result says which it is.
Batches come from ``make_loaders`` in ``cs_helpers.loaders``.

    >>> ds_train, ds_test = load("digits32")
    >>> ds_train
    Dataset(digits32 train: 12800 images 3x32x32, 10 classes)
"""

import dataclasses
import difflib
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cs_helpers import data_files
from cs_helpers.data_files import Arrays, DataError

__all__ = ["DataError", "Dataset", "Splits", "available", "data_root", "default_name", "load"]

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
DIGIT_CLASSES = tuple("0123456789")
CIFAR10_PER_CLASS = {"train": 5_000, "test": 1_000}
DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Images and labels of one split, whole, in memory.

    Indexing gives one ``(image, label)`` pair with the image as float in ``[0, 1]``, so that torch's own
    ``DataLoader`` takes a ``Dataset`` as well.

    Attributes:
        name: What the data is, for titles and results, say ``"cifar10"`` or ``"cifar10 (image folder)"``.
        split: ``"train"`` or ``"test"``.
        images: ``(N, C, H, W)`` uint8.
        labels: ``(N,)`` int64, indices into ``classes``.
        classes: Class names.
        source: Where it came from: a path, or how it was made.
        flips: Whether a mirrored image is still one of its class: true for photographs, false for digits.
    """

    name: str
    split: str
    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    source: str
    flips: bool = False

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != torch.uint8 or images.dim() != 4 or len(images) == 0:
            raise DataError(
                f"{self.source}: images {images.dtype} {tuple(images.shape)}, not uint8 (N, C, H, W)"
            )
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise DataError(
                f"{self.source}: {len(images)} images, labels {labels.dtype} {tuple(labels.shape)}"
            )
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= len(self.classes):
            raise DataError(f"{self.source}: labels from {low} to {high} for {len(self.classes)} classes")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        return self.images[index].float() / 255, int(self.labels[index])

    def __repr__(self) -> str:
        size = "x".join(map(str, self.images.shape[1:]))
        return f"Dataset({self.name} {self.split}: {len(self)} images {size}, {len(self.classes)} classes)"

    @property
    def in_size(self) -> tuple[int, int, int]:
        """Size of one image, ``(C, H, W)``."""
        _, c, h, w = self.images.shape
        return c, h, w

    @functools.cached_property
    def stats(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel over all pixels, ``(C,)`` float32 in ``[0, 1]``."""
        pixels = self.images.transpose(0, 1).flatten(1)
        counts = torch.stack([torch.bincount(channel, minlength=256) for channel in pixels]).double()
        share = counts / counts.sum(1, keepdim=True)  # exact, and 20 times faster than converting every pixel
        value = torch.arange(256).double() / 255
        mean = share @ value
        return mean.float(), (share @ value**2 - mean**2).clamp(min=0).sqrt().float()

    def subset(self, max_images: int | None) -> "Dataset":
        """The first ``max_images`` images; all of them for None.

        Raises:
            ValueError: If ``max_images`` is not from 1 to the number of images.
        """
        if max_images is None:
            return self
        if not 1 <= max_images <= len(self):
            raise ValueError(
                f"max_images={max_images}: {self.name} {self.split} has 1 to {len(self)} images to give"
            )
        return self.part(0, max_images)

    def part(self, start: int, stop: int) -> "Dataset":
        """The images from ``start`` up to ``stop``, as a data set of the same name."""
        return dataclasses.replace(self, images=self.images[start:stop], labels=self.labels[start:stop])

    def describe(self) -> str:
        """One sentence for a reader: what the data is, how much, and where it came from."""
        c, h, w = self.in_size
        size = f"{len(self):,} images of {c}x{h}x{w} in {len(self.classes)} classes"
        return f"{self.name}, {self.split} set: {size} ({self.source})"


class Splits(NamedTuple):
    """The training and the test set of one data set."""

    train: Dataset
    test: Dataset


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder where real data is looked for: ``root``, else ``COURSE_DATA``, else ``~/.pytorch-datasets``.

    Raises:
        DataError: If ``root`` or ``COURSE_DATA`` is given and is no folder; the default need not exist.
    """
    given, what = (
        (root, "root") if root is not None else (os.environ.get("COURSE_DATA") or None, "COURSE_DATA")
    )
    if given is None:
        return Path.home() / ".pytorch-datasets"
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise DataError(f"{what}={str(given)!r} is not a folder")
    return folder


def load(name: str = "default", root: str | os.PathLike[str] | None = None) -> Splits:
    """Load a data set, whole, into memory.

    Args:
        name: ``"default"``: CIFAR-10 if it is there, else digits32. ``"cifar10"``, ``"mnist"``,
            ``"fashion-mnist"``: real data, which must be there. ``"digits32"``: coloured digits over clutter,
            3x32x32. ``"digits"``: scikit-learn's digits enlarged to 1x32x32, for when MNIST is not there.
        root: The data folder; see ``data_root``.

    Returns:
        ``(train, test)``, two ``Dataset``; their ``name`` says which data it is.

    Raises:
        DataError: If the data asked for is not there, or is damaged; the message names the file.
        ValueError: If the name is unknown.
    """
    if name == "default":
        name = default_name(root)
    if name not in _LOADERS:
        close = difflib.get_close_matches(str(name).lower(), ["default", *_LOADERS], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no data set {name!r}: the names are {', '.join(['default', *_LOADERS])}{hint}")
    return _LOADERS[name](data_root(root))


def default_name(root: str | os.PathLike[str] | None = None) -> str:
    """The name of the data set that ``load("default")`` gives: ``"cifar10"`` if it is there."""
    return "digits32" if _find_cifar10(data_root(root)) is None else "cifar10"


def available(root: str | os.PathLike[str] | None = None) -> list[str]:
    """The names that ``load`` can load now, without a download; files are looked for, not read."""
    folder = data_root(root)
    real = {
        "cifar10": _find_cifar10(folder) is not None,
        "mnist": _find_idx(folder, "mnist") is not None,
        "fashion-mnist": _find_idx(folder, "fashion-mnist") is not None,
    }
    return [name for name in _LOADERS if real.get(name, True)]


def _splits(
    name: str, source: str, arrays: Callable[[str], Arrays], classes: tuple[str, ...], flips: bool
) -> Splits:
    return Splits(
        *(Dataset(name, split, *arrays(split), classes, source, flips) for split in ("train", "test"))
    )


def _find_cifar10(root: Path) -> tuple[str, Path] | None:
    """Where CIFAR-10 lies, and as what: ``("batches" or "folder", path)``."""
    places = [root, *(root / name for name in ("cifar10", "cifar-10", "CIFAR10"))]
    for place in places:
        if (place / "cifar-10-batches-py").is_dir():
            return "batches", place / "cifar-10-batches-py"
    for place in places:
        if any((place / split / CIFAR10_CLASSES[0]).is_dir() for split in ("train", "test")):
            return "folder", place
    return None


def _load_cifar10(root: Path) -> Splits:
    found = _find_cifar10(root)
    if found is None:
        raise DataError(
            f"CIFAR-10 is not in {root}: neither cifar-10-batches-py/ nor train/<class>/*.jpg. "
            "Run `course data cifar10` to download it, or use load('digits32')."
        )
    kind, path = found
    if kind == "batches":
        read = functools.partial(data_files.read_cifar10_batches, path)
        return _splits("cifar10", str(path), read, CIFAR10_CLASSES, flips=True)

    def read_folder(split: str) -> Arrays:
        return data_files.read_image_folder(path / split, CIFAR10_CLASSES, CIFAR10_PER_CLASS[split])

    return _splits("cifar10 (image folder)", str(path), read_folder, CIFAR10_CLASSES, flips=True)


def _find_idx(root: Path, name: str) -> Callable[[str], tuple[Path, Path]] | None:
    """The paths of MNIST's or Fashion-MNIST's files by split; None if not one of them is there."""
    folder = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name]
    places = [root / folder / "raw", root / folder, *([DEBIAN_FASHION] if name == "fashion-mnist" else [])]
    for place in places:
        for end in ("", ".gz"):
            if (place / f"train-images-idx3-ubyte{end}").is_file():
                return functools.partial(_idx_paths, place, end)
    return None


def _idx_paths(place: Path, end: str, split: str) -> tuple[Path, Path]:
    stem = {"train": "train", "test": "t10k"}[split]
    return place / f"{stem}-images-idx3-ubyte{end}", place / f"{stem}-labels-idx1-ubyte{end}"


def _load_idx(name: str, classes: tuple[str, ...], root: Path) -> Splits:
    paths = _find_idx(root, name)
    if paths is None:
        other = "digits" if name == "mnist" else "digits32"
        raise DataError(
            f"{name} is not in {root}: put its IDX files (train-images-idx3-ubyte and so on, .gz or not) "
            f"where torchvision would, or use load({other!r})."
        )
    source = str(paths("train")[0].parent)
    return _splits(name, source, lambda split: data_files.read_idx(*paths(split)), classes, name != "mnist")


def _load_digits32(root: Path) -> Splits:
    from cs_helpers import digits32

    made = digits32.make()

    def arrays(split: str) -> Arrays:
        images, labels = made[:2] if split == "train" else made[2:]
        return torch.from_numpy(images.copy()), torch.from_numpy(labels.copy())

    return _splits("digits32", "made from scikit-learn's digits", arrays, DIGIT_CLASSES, flips=False)


def _load_digits(root: Path) -> Splits:
    from cs_helpers import digits32

    glyphs, labels = digits32.read_glyphs()
    images = digits32.enlarge(glyphs, cell=4, pad=0)
    test = np.zeros(len(labels), bool)
    test[digits32.TEST_GLYPHS] = True

    def arrays(split: str) -> Arrays:
        mine = np.flatnonzero(test if split == "test" else ~test)
        order = torch.randperm(len(mine), generator=torch.Generator().manual_seed(42))
        mine = mine[order.numpy()]
        return torch.from_numpy(images[mine])[:, None].contiguous(), torch.from_numpy(labels[mine])

    return _splits("digits", "scikit-learn's digits, enlarged", arrays, DIGIT_CLASSES, flips=False)


_LOADERS: dict[str, Callable[[Path], Splits]] = {
    "cifar10": _load_cifar10,
    "digits32": _load_digits32,
    "digits": _load_digits,
    "mnist": functools.partial(_load_idx, "mnist", DIGIT_CLASSES),
    "fashion-mnist": functools.partial(_load_idx, "fashion-mnist", FASHION_CLASSES),
}
