"""How far Part 2's hyperparameters are from the thresholds of its checks, over several seeds.

    python benchmarks/part2_margins.py [--data digits32] [--seeds 10] [--only overfit optim ...]

For each seed: the lowest accuracy over three draws of twenty images; the best test accuracy of each
optimizer; and, at the end of training, accuracy and loss with and without dropout, measured in test mode.
The trainings are those of the checks, on the named data set (COURSE_DATA says where real data is).
"""

import argparse
import statistics
from collections.abc import Iterator, Sequence

import torch

import hw.layers
import hw.optimizers
import hw.training
from answers import part2 as answers
from cs_helpers.checks import measures_part2 as measures
from cs_helpers.checks import part2_training as training
from cs_helpers.data import Splits, load
from cs_helpers.loaders import BatchLoader

Row = tuple[str, float]


def overfit(data: Splits, seed: int) -> Iterator[Row]:
    """Yield the lowest accuracy over a few draws of twenty images."""
    torch.manual_seed(seed)
    draws = torch.randint(training.POOL, (training.OVERFIT_DRAWS, 20))
    hp = answers.part2_overfit_hp()
    scores = [training.overfit(hw, hp, data, chosen) for chosen in draws]
    yield (
        "lowest accuracy, %",
        min(
            measures.accuracy(found, data.train.labels[chosen])
            for found, chosen in zip(scores, draws, strict=True)
        ),
    )


def optim(data: Splits, seed: int) -> Iterator[Row]:
    """Yield the best test accuracy of each optimizer."""
    for name, _, result in training.compare_optimizers(hw, answers.part2_optim_hp(), data, seed):
        yield f"{name}, best test %", max(result.test_acc)


def dropout(data: Splits, seed: int) -> Iterator[Row]:
    """Yield accuracies, losses and their gap for each dropout."""
    test = BatchLoader(data.test.subset(training.HELD_OUT), 500, stats=data.train.stats)
    few = BatchLoader(data.train.subset(training.DROPOUT_BATCHES * 10), 500, stats=data.train.stats)
    trained = training.compare_dropout(hw, answers.part2_dropout_hp(), data, seed, (0.0, 0.4, 0.8))
    for name, trainer, result in trained:
        of_train, of_test = (training.scores_of(trainer, dl) for dl in (few, test))
        train_loss = measures.loss(of_train, few.dataset.labels)
        test_loss = measures.loss(of_test, test.dataset.labels)
        yield f"p={name}: train %", result.train_acc[-1]
        yield f"p={name}: test %", result.test_acc[-1]
        yield f"p={name}: test loss", test_loss
        yield f"p={name}: loss gap", test_loss - train_loss


PARTS = {"overfit": overfit, "optim": optim, "dropout": dropout}


def print_row(name: str, values: Sequence[float]) -> None:
    """Print a quantity's least, mean and greatest value."""
    print(f"{name:24} {min(values):8.2f} {statistics.fmean(values):8.2f} {max(values):8.2f}", flush=True)


def main() -> None:
    """Print a table a part: a row a quantity, with its least, mean and greatest value over the seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="digits32")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load(args.data)
    print(f"{data.train.name}, {args.seeds} seeds, torch {torch.__version__}")
    for part in args.only:
        columns: dict[str, list[float]] = {}
        for seed in range(args.seeds):
            for name, value in PARTS[part](data, seed):
                columns.setdefault(name, []).append(value)
        print(f"\n{part:24} {'least':>8} {'mean':>8} {'greatest':>8}")
        for name, values in columns.items():
            print_row(name, values)
        for name in ("momentum", "rmsprop") if part == "optim" else ():
            ahead = [
                a - b
                for a, b in zip(columns[f"{name}, best test %"], columns["vanilla, best test %"], strict=True)
            ]
            print_row(f"{name} ahead of vanilla", ahead)
        if part == "dropout":
            shares = [
                b / a for a, b in zip(columns["p=0: loss gap"], columns["p=0.4: loss gap"], strict=True)
            ]
            print_row("gap 0.4 / gap 0", shares)


if __name__ == "__main__":
    main()
