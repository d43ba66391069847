"""How hard a data set is: test accuracy of a linear model, an MLP, a small CNN and a ResNet.

    python benchmarks/data_difficulty.py                   # digits32, 3 seeds, about 20 minutes
    python benchmarks/data_difficulty.py --data cifar10 --quick

Every model trains on the same batches with momentum SGD and one cosine schedule, without augmentation.
The last row is Part 2's protocol: an MLP of five hidden layers, 10 epochs of 100 batches of 50.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cs_helpers.data import load
from cs_helpers.loaders import BatchLoader, make_loaders

ModelMaker = Callable[[tuple[int, int, int], int], nn.Module]


class Recipe(NamedTuple):
    """One row of the table: a model and how it is trained."""

    name: str
    model: ModelMaker
    lr: float
    epochs: int
    batch_size: int = 50
    max_train: int | None = None


def mlp(*hidden: int) -> ModelMaker:
    """A maker of fully connected ReLU networks; of a linear model without ``hidden``."""

    def make(in_size: tuple[int, int, int], classes: int) -> nn.Module:
        sizes = (in_size[0] * in_size[1] * in_size[2], *hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for a, b in itertools.pairwise(sizes):
            layers += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))

    return make


def cnn(in_size: tuple[int, int, int], classes: int) -> nn.Module:
    """3x3 convolutions 32, 32, pool, 64, 64, pool; one hidden layer of 100."""
    channels, height, width = in_size
    layers: list[nn.Module] = []
    for a, b, pool in ((channels, 32, False), (32, 32, True), (32, 64, False), (64, 64, True)):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), *([nn.MaxPool2d(2)] if pool else [])]
    features = 64 * (height // 4) * (width // 4)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 100), nn.ReLU(), nn.Linear(100, classes))


class Block(nn.Module):
    """Two 3x3 convolutions with batch normalisation, and a shortcut around them."""

    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(a, b, 3, stride, 1, bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU(),
            nn.Conv2d(b, b, 3, 1, 1, bias=False),
            nn.BatchNorm2d(b),
        )
        self.shortcut = nn.Identity() if (a, stride) == (b, 1) else nn.Conv2d(a, b, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.main(x) + self.shortcut(x))


def resnet(in_size: tuple[int, int, int], classes: int) -> nn.Module:
    """Five residual blocks of 32, 32, 64, 64 and 128 channels, then an average over places."""
    stem = [nn.Conv2d(in_size[0], 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    blocks = [Block(16, 32, 2), Block(32, 32, 1), Block(32, 64, 2), Block(64, 64, 1), Block(64, 128, 2)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, classes))


RECIPES = (
    Recipe("linear", mlp(), 1e-3, 5),
    Recipe("MLP 128-128-128", mlp(128, 128, 128), 1e-2, 10),
    Recipe("CNN 32-32-64-64", cnn, 2e-2, 6),
    Recipe("ResNet-11", resnet, 1e-1, 6, batch_size=64),
    Recipe("MLP 128x5, 5000 images", mlp(*[128] * 5), 3e-2, 10, max_train=5_000),
)


def accuracy(model: nn.Module, dl_test: BatchLoader) -> float:
    """Test accuracy in percent."""
    model.eval()
    with torch.no_grad():
        hits = sum(int((model(x).argmax(1) == y).sum()) for x, y in dl_test)
    return 100 * hits / len(dl_test.dataset)


def train(recipe: Recipe, dl_train: BatchLoader, dl_test: BatchLoader, epochs: int) -> float:
    """Train one model from the current seed; its test accuracy after the last epoch, in percent."""
    dataset = dl_train.dataset
    model = recipe.model(dataset.in_size, len(dataset.classes))
    optimizer = torch.optim.SGD(model.parameters(), recipe.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    steps = epochs * len(dl_train)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=warm),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps - warm)),
        ],
        [warm],
    )
    model.train()
    for _ in range(epochs):
        for x, y in dl_train:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return accuracy(model, dl_test)


def main() -> None:
    """Print one row a model: mean and standard deviation of the test accuracy over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits32", help="a name for cs_helpers.data.load")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each model (3)")
    parser.add_argument("--quick", action="store_true", help="one seed, two epochs, 2000 images")
    parser.add_argument("--max-train", type=int, help="train on this many images; all by default")
    parser.add_argument("--only", default="", metavar="TEXT", help="only models with this in their name")
    parser.add_argument("--threads", type=int, default=1, help="1; more help only on an idle machine")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    started = time.perf_counter()
    data = load(args.data)
    seconds = time.perf_counter() - started
    print(f"{data.train.describe()}; {len(data.test):,} test images; read in {seconds:.1f} s")
    print(f"torch {torch.__version__}, CPU, {args.threads} thread(s)")
    print(f"{'model':<24}{'epochs':>7}{'test accuracy, %':>20}{'seconds a run':>15}")
    for recipe in (r for r in RECIPES if args.only in r.name):
        epochs = 2 if args.quick else recipe.epochs
        most = min(
            n for n in (recipe.max_train, args.max_train, 2_000 if args.quick else None, len(data.train)) if n
        )
        results, started = [], time.perf_counter()
        for seed in range(1 if args.quick else args.seeds):
            torch.manual_seed(seed)
            dl_train, dl_test = make_loaders(data, recipe.batch_size, bs_test=500, max_train=most, seed=seed)
            results.append(train(recipe, dl_train, dl_test, epochs))
        seconds = (time.perf_counter() - started) / len(results)
        spread = torch.tensor(results).std().item() if len(results) > 1 else 0.0
        score = f"{sum(results) / len(results):.1f} ± {spread:.1f}"
        print(f"{recipe.name:<24}{epochs:>7}{score:>20}{seconds:>15.1f}", flush=True)


if __name__ == "__main__":
    main()
