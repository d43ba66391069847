"""What is run to check Part 3's further task: folds, and a cross-validation of scripted trainers."""

import contextlib
import itertools
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from cs_helpers.checks.guard import Head
from cs_helpers.checks.part1 import Evidence, raised
from cs_helpers.checks.registry import produces
from cs_helpers.checks.trial import Trial
from cs_helpers.train_results import FitResult

Script = list[list[float]]
BATCH_SIZE = 3


def folds_of(twist: int) -> tuple[tuple[int, int], ...]:
    """Return how many samples a trial splits, and into how many folds."""
    return ((12 + 4 * twist, 4), (11 + 4 * twist, 4), (6 + twist, 6 + twist))


def scripts_of(twist: int) -> tuple[Script, Script]:
    """Return a trial's training and validation accuracies by fold and epoch; the best is never the last."""
    train = [[60.0, 70.0, 80.0, 90.0], [61.0, 71.0, 81.0, 91.0], [62.0, 72.0, 82.0, 92.0]]
    valid = [[61.0, 83.5, 72.0, 70.5], [90.5, 64.0, 88.0, 66.0], [55.0, 58.0, 78.5, 71.0]]
    share = 1 - twist / 64
    first = [40.0 + epoch for epoch in range(twist)]  # so the best epoch comes later
    train, valid = ([first + [share * value for value in row] for row in rows] for rows in (train, valid))
    return train, valid


@produces(
    "p3.kfold",
    where={
        "": "k_fold_splits",
        "cross-validation": "cross_validate",
        "accuracy of": "cross_validate",
        "best epoch of": "cross_validate",
        "mean": "cross_validate",
        "std": "cross_validate",
    },
)
def kfold(hw: Any, trial: Trial) -> Evidence:
    """Look at what folds have in common whatever the random numbers, then run scripted trainers."""
    split = hw.model_selection.k_fold_splits
    twist = trial.twist()
    for n, k in folds_of(twist):
        yield from _of_splits(f"{n} samples, {k} folds", split(n, k, _stream(1)), n)
    folds = [_valid(split(100, 4, _stream(seed))) for seed in (1, 1, 2)]
    yield "folds of 100 samples", "in order" if any(_regular(fold) for fold in folds[0]) else "shuffled"
    yield "a generator of the same seed gives", "the same" if folds[0] == folds[1] else "other folds"
    yield "a generator of another seed gives", "the same" if folds[0] == folds[2] else "other folds"
    yield "k = 1 raises", raised(lambda: split(10, 1))
    yield "k = 11 of 10 samples raises", raised(lambda: split(10, 11))
    yield from _of_cross_validation(hw.model_selection.cross_validate, trial, *scripts_of(twist))


def _stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _indices(values: Any) -> list[int]:
    return values.tolist() if isinstance(values, Tensor) else [int(value) for value in values]


def _valid(splits: Any) -> list[list[int]]:
    return [sorted(_indices(valid)) for _, valid in splits]


def _regular(indices: list[int]) -> bool:
    """Whether indices have equal distances: neighbours, or every k-th."""
    return len({b - a for a, b in itertools.pairwise(indices)}) == 1


def _of_splits(title: str, splits: Any, n: int) -> Evidence:
    pairs = [(_indices(train), _indices(valid)) for train, valid in splits]
    yield f"{title}, number of splits", len(pairs)
    yield f"{title}, in both sets", sum(len({*train} & {*valid}) for train, valid in pairs)
    yield f"{title}, validated on", _times([i for _, valid in pairs for i in valid], n)
    missing = sum(len({*range(n)} - {*train} - {*valid}) for train, valid in pairs)
    yield f"{title}, in neither set", missing
    twice = sum(len(train) - len({*train}) for train, _ in pairs)
    yield f"{title}, twice in a training set", twice
    yield f"{title}, sizes", ", ".join(str(len(v)) for _, v in sorted(pairs, key=lambda pair: -len(pair[1])))


def _times(indices: list[int], n: int) -> str:
    """Say how often each of n samples is there."""
    counts = [indices.count(i) for i in range(n)]
    if counts == [1] * n and len(indices) == n:
        return "every sample once"
    low, high = min(counts), max(counts)
    return f"{low} times each" if low == high else f"from {low} to {high} times each"


class _Scripted:
    """Stands for a Trainer: remembers what it is given, and returns accuracies that were written down."""

    def __init__(self, train_acc: list[float], test_acc: list[float]) -> None:
        self.accuracies = [train_acc, test_acc]
        self.fits: list[tuple[Any, Any, int]] = []
        self.history: FitResult | None = None

    def fit(self, dl_train: Any, dl_test: Any, num_epochs: int, **kw: Any) -> FitResult:
        self.fits.append((list(dl_train), list(dl_test), num_epochs))
        if kw.get("print_every", 1):
            print("epoch 1")
        train_acc, test_acc = (accuracies[:num_epochs] for accuracies in self.accuracies)
        loss = [1 / (epoch + 1) for epoch in range(len(test_acc))]
        self.history = FitResult(len(test_acc), loss, train_acc, loss, test_acc)
        return self.history


def _of_cross_validation(cross_validate: Any, trial: Trial, train: Script, valid: Script) -> Evidence:
    numbers = torch.arange(10.0)
    dataset = TensorDataset(torch.stack([numbers, numbers], dim=1), numbers.long() % 2)
    script = trial.given("validation accuracies", valid)
    trainers: list[_Scripted] = []

    def make_trainer() -> _Scripted:
        fold = len(trainers) % len(train)
        trainers.append(_Scripted(train[fold], script[fold].tolist()))
        return trainers[-1]

    printed = Head()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        result = cross_validate(make_trainer, dataset, 3, len(valid[0]), batch_size=BATCH_SIZE)
    fits = [fit for trainer in trainers for fit in trainer.fits]
    yield "cross-validation, trainers made", len(trainers)
    yield "cross-validation, fits of each trainer", ", ".join(str(len(t.fits)) for t in trainers)
    yield "cross-validation, epochs of each fit", ", ".join(str(epochs) for *_, epochs in fits)
    yield "cross-validation, samples in both sets", sum(len(_seen(t) & _seen(v)) for t, v, _ in fits)
    yield "cross-validation, validated on", _times([i for _, v, _ in fits for i in sorted(_seen(v))], 10)
    yield "cross-validation, largest batch", max(len(y) for t, *_ in fits for _, y in t)
    yield "cross-validation, printed", "something" if printed.total else "nothing"
    yield "accuracy of each fold", torch.tensor([float(value) for value in result.accuracies])
    yield "best epoch of each fold", torch.tensor([float(value) for value in result.best_epochs])
    yield "mean", float(result.mean)
    yield "std", float(result.std)


def _seen(batches: Any) -> set[int]:
    """Return which samples are in the batches."""
    return {int(row[0]) for x, _ in batches for row in x}
