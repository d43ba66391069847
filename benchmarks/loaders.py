"""How much faster whole tensors in memory are than opening an image at a time, as a ratio within one run.

    python benchmarks/loaders.py                    # 2 000 images of noise, made in a temporary folder
    python benchmarks/loaders.py --images DIR       # DIR/<class>/*.jpg, up to --count of them

Each way gives one shuffled epoch of float batches; the best of a few rounds, taken in turns, counts.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import ImageFolder

from cs_helpers.data import Dataset
from cs_helpers.loaders import Augment, BatchLoader

SIZE = 32


def make_images(folder: Path, count: int) -> None:
    """Write ``count`` JPEG images of noise, in ten classes."""
    rng = np.random.default_rng(42)
    for i in range(count):
        path = folder / str(i % 10) / f"{i:05}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)).save(path)


def in_memory(images: Subset) -> Dataset:
    """The same images, decoded once."""
    pixels = torch.stack([torch.from_numpy(np.array(image)) for image, _ in images])
    labels = torch.tensor([label for _, label in images])
    classes = tuple(images.dataset.classes)
    return Dataset("images", "train", pixels.permute(0, 3, 1, 2).contiguous(), labels, classes, "a folder")


class FloatBatches:
    """The other way to keep images in memory: normalised once, four bytes a value."""

    def __init__(self, loader: BatchLoader) -> None:
        self.order, self.batch_size = loader.sampler, loader.batch_size
        whole = BatchLoader(loader.dataset, len(loader.dataset), stats=loader.dataset.stats)
        self.images, self.labels = next(iter(whole))

    def __iter__(self) -> Iterator:
        for chosen in torch.tensor(list(self.order)).split(self.batch_size):
            yield self.images[chosen], self.labels[chosen]


def epoch_seconds(loader: Iterable) -> float:
    """Seconds to go through a loader once."""
    started = time.perf_counter()
    for x, _ in loader:
        x.shape  # noqa: B018
    return time.perf_counter() - started


def compare(folder: Path, count: int, batch_size: int, rounds: int) -> None:
    """Time every way and print the table."""
    pictures = ImageFolder(str(folder))
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))[:count].tolist()
    dataset = in_memory(Subset(pictures, order))
    mean, std = dataset.stats
    change = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean.tolist(), std.tolist())])
    files = Subset(ImageFolder(str(folder), change), order)
    ours = BatchLoader(dataset, batch_size, shuffle=True, stats=dataset.stats)
    augmented = BatchLoader(dataset, batch_size, shuffle=True, stats=dataset.stats, augment=Augment())
    floats = FloatBatches(ours)
    ways: dict[str, Callable[[], Iterable]] = {
        "BatchLoader (uint8 in memory)": lambda: ours,
        "the same, pad-crop and flip": lambda: augmented,
        "float32 in memory": lambda: floats,
        "DataLoader, tensors in memory": lambda: DataLoader(dataset, batch_size, shuffle=True),
        "DataLoader, PIL and ToTensor": lambda: DataLoader(files, batch_size, shuffle=True),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, make in ways.items():
            best[name] = min(best[name], epoch_seconds(make()))
    print(
        f"{len(dataset):,} images of {SIZE}x{SIZE}, batches of {batch_size}, torch {torch.__version__}, CPU"
    )
    print(f"{'':<32}{'us an image':>12}{'ratio':>8}")
    first = best["BatchLoader (uint8 in memory)"]
    for name, seconds in best.items():
        print(f"{name:<32}{1e6 * seconds / len(dataset):>12.2f}{seconds / first:>8.1f}")


def main() -> None:
    """Read the arguments, make images if none are given, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="a folder with a folder of images for each class")
    parser.add_argument("--count", type=int, default=2_000, help="how many images (2000)")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.images is not None:
        compare(args.images, args.count, args.batch_size, args.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder), args.count)
        compare(Path(folder), args.count, args.batch_size, args.rounds)


if __name__ == "__main__":
    main()
