"""Part 3, further: how good is a kind of model, and how sure are we? Cross-validation."""

import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from cs_helpers.moons import BATCH_SIZE, TensorLoader
from hw.mlp import MLP
from hw.training import ClassifierTrainer, Trainer


class CrossValidation(NamedTuple):
    """What came of a cross-validation.

    Attributes:
        accuracies: Validation accuracy in percent of each fold, at its best epoch.
        best_epochs: Number of that epoch, counted from 1, of each fold.
        mean: Of the accuracies.
        std: Standard deviation of the accuracies, over the k folds: divided by k, as NumPy does.
    """

    accuracies: list[float]
    best_epochs: list[int]
    mean: float
    std: float


def k_fold_splits(n: int, k: int, generator: torch.Generator | None = None) -> list[tuple[Tensor, Tensor]]:
    """Split the indices 0 ... n - 1 into k folds at random, and let each be the validation set once.

    Args:
        n: Number of samples.
        k: Number of folds. Their sizes differ by at most one.
        generator: Random stream of the shuffling; torch's global one if not given.

    Returns:
        For each fold the indices to train on and those to validate on, int64. No index is in both, and each
        is validated on in exactly one of the splits.

    Raises:
        ValueError: If ``k`` is not in 2 ... n.
    """
    if not 2 <= k <= n:
        raise ValueError(f"k must be at least 2 and at most the number of samples, {n}; got {k}")
    # TODO: shuffle all indices once, cut them into k folds, and pair each fold with all the others.
    # BEGIN SOLUTION p3.kfold
    folds = torch.randperm(n, generator=generator).tensor_split(k)
    return [(torch.cat([*folds[:i], *folds[i + 1 :]]), fold) for i, fold in enumerate(folds)]
    # END SOLUTION


def cross_validate(
    make_trainer: Callable[[], Trainer],
    dataset: TensorDataset,
    k: int,
    num_epochs: int,
    batch_size: int = BATCH_SIZE,
    seed: int = 42,
) -> CrossValidation:
    """Train k models, each without another fold of the samples, and validate each on its fold.

    Prints nothing. A fold's best epoch is the one with the highest validation accuracy, the first of several.

    Args:
        make_trainer: Makes a Trainer with a new model and a new optimizer. Called once for each fold.
        dataset: All samples.
        k: Number of folds.
        num_epochs: Epochs of each fit.
        batch_size: Samples per batch.
        seed: Of the folds and of the order of the batches. Initial weights are up to ``make_trainer``.

    Raises:
        ValueError: If ``k`` is not in 2 ... number of samples, or another argument is out of range.
    """
    generator = torch.Generator().manual_seed(seed)
    accuracies: list[float] = []
    best_epochs: list[int] = []
    for train, valid in k_fold_splits(len(dataset), k, generator):
        dl_train, dl_valid = _loaders(dataset, train, valid, batch_size, generator)
        # TODO: fit a new trainer, without printing. What is its best validation accuracy, and when?
        # BEGIN SOLUTION p3.kfold
        history = make_trainer().fit(dl_train, dl_valid, num_epochs, print_every=0)
        accuracies.append(max(history.test_acc))
        best_epochs.append(history.test_acc.index(accuracies[-1]) + 1)
        # END SOLUTION
    # TODO: one line. The module statistics has both numbers; which of its deviations divides by k?
    # BEGIN SOLUTION p3.kfold
    return CrossValidation(
        accuracies, best_epochs, statistics.fmean(accuracies), statistics.pstdev(accuracies)
    )
    # END SOLUTION


def _loaders(
    dataset: TensorDataset, train: Tensor, valid: Tensor, batch_size: int, generator: torch.Generator
) -> tuple[TensorLoader, TensorLoader]:
    """Return the batches of one split: training batches in a new order each epoch, the others as they are."""
    return (
        TensorLoader(TensorDataset(*dataset[train]), batch_size, shuffle=True, generator=generator),
        TensorLoader(TensorDataset(*dataset[valid]), batch_size),
    )


def make_mlp(width: int) -> MLP:
    """Make a new MLP from 2 features to 2 scores, with one hidden layer."""
    return MLP(2, [width, 2], ["tanh", "none"])


def make_trainer(width: int) -> ClassifierTrainer:
    """Make a trainer of a new ``make_mlp(width)``: for ``cross_validate``, once the width is bound."""
    model = make_mlp(width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return ClassifierTrainer(model, nn.CrossEntropyLoss(), optimizer)


def sklearn_interface(
    make_model: Callable[[], nn.Module], num_epochs: int, lr: float = 0.05, batch_size: int = BATCH_SIZE
) -> Any:
    """Wrap a model as a scikit-learn classifier, trained by SGD with momentum 0.9 on cross-entropy.

    It has ``fit``, ``predict``, ``predict_proba`` and ``score``, all on NumPy arrays: x float32, y int64. So
    whatever scikit-learn does with a classifier it does with this one, ``cross_val_score`` for example.

    Args:
        make_model: Makes a new module from inputs to class scores. Called by every ``fit``.
        num_epochs: Epochs of each ``fit``.
        lr: Learning rate.
        batch_size: Samples per batch.

    Raises:
        ModuleNotFoundError: If skorch is not installed; it is not among what the course needs.
    """
    try:
        from skorch import NeuralNetClassifier  # only now: nothing else needs it
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}: install it with `pip install skorch`") from error
    return NeuralNetClassifier(
        make_model,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        lr=lr,
        max_epochs=num_epochs,
        batch_size=batch_size,
        iterator_train__shuffle=True,
        train_split=None,  # all samples are for training: whoever calls fit has split them
        verbose=0,
    )
