"""What is run to check Part 2's hyperparameters: short trainings, which leave class scores behind.

Scores are judged where the verdict is made, see ``measures_part2``. The data is always digits32, which is
the same on every machine. The notebook shows the same trainings, on the data that it has found: if that is
digits32, a check judges the very networks that were just trained, see ``runs``.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from cs_helpers.checks.registry import produces
from cs_helpers.checks.runs import run_now
from cs_helpers.checks.trial import PUBLIC_SEED, Trial
from cs_helpers.data import Splits, load
from cs_helpers.loaders import BatchLoader, Loaders, make_loaders
from cs_helpers.train_results import FitResult

Evidence = Iterator[tuple[str, Any]]
Trained = tuple[str, Any, FitResult]
Runs = Callable[..., Any]

OVERFIT_DRAWS = 3  # of twenty images each
POOL = 1000  # the images are drawn from the first so many
OPTIM_EPOCHS = 10
DROPOUT_EPOCHS = 30
DROPOUT_BATCHES = 40  # of ten images
DROPOUTS = (0.0, 0.4)
HELD_OUT = 1000  # the first so many test images
OPTIMIZERS = {"vanilla": "VanillaSGD", "momentum": "MomentumSGD", "rmsprop": "RMSProp"}


def _trainer(
    hw: Any, dl: BatchLoader, hidden: list[int], optimizer: str, hp: dict[str, float], **kw: Any
) -> Any:
    """Make an MLP for the loader's images with its LayerTrainer; hp has wstd, lr and perhaps reg."""
    in_features = dl.dataset.images[0].numel()
    model = hw.layers.MLP(in_features, 10, hidden, wstd=hp["wstd"], **kw)
    make = getattr(hw.optimizers, optimizer)
    steps = make(model.params(), learn_rate=hp["lr"], reg=hp.get("reg", 0))
    return hw.training.LayerTrainer(model, hw.layers.CrossEntropyLoss(), steps)


def scores_of(trainer: Any, dl: BatchLoader) -> Tensor:
    """Return the class scores of a model in test mode, for a loader's images in its order."""
    trainer.model.train(False)
    return torch.cat([trainer.model(x.flatten(start_dim=1)).detach() for x, _ in dl])


def overfit(hw: Any, hp: dict[str, float], data: Splits, chosen: Tensor) -> Tensor:
    """Train 20 epochs on the chosen images, two batches of ten, and return their scores, (20, 10)."""
    train = data.train
    args = (train.name, train.split, train.images[chosen], train.labels[chosen], train.classes, train.source)
    few = Loaders(*(BatchLoader(type(train)(*args), 10, stats=train.stats) for _ in range(2)))
    trainer = _trainer(hw, few.dl_train, [128] * 3, "VanillaSGD", hp)
    trainer.fit(*few, num_epochs=20, print_every=0)
    return scores_of(trainer, few.dl_test)


def compare_optimizers(
    hw: Any, hp: dict[str, float], data: Splits, seed: int, runs: Runs = run_now
) -> Iterator[Trained]:
    """Train with each optimizer for ten epochs of a hundred batches of fifty.

    Every optimizer starts from the same weights and sees the same batches.

    Args:
        hw: The student's package.
        hp: What ``part2_optim_hp`` returns.
        data: The images; the first 5000 are trained on, and the first 1000 test images tested on.
        seed: Of weights and batches.
        runs: Remembers trainings; ``check.runs`` lets the check below reuse them.

    Yields:
        The optimizer's name, the trainer with the best weights, and the FitResult.
    """
    for name, kind in OPTIMIZERS.items():
        own = {"wstd": hp["wstd"], "lr": hp[f"lr_{name}"], "reg": hp["reg"]}

        def train(kind: str = kind, own: dict[str, float] = own) -> tuple[Any, FitResult]:
            torch.manual_seed(seed)
            loaders = make_loaders(data, 50, bs_test=500, max_train=100 * 50, max_test=HELD_OUT, seed=seed)
            trainer = _trainer(hw, loaders.dl_train, [128] * 5, kind, own)
            return trainer, trainer.fit(*loaders, OPTIM_EPOCHS, early_stopping=OPTIM_EPOCHS, print_every=0)

        yield name, *runs((kind, *own.values(), data.train.source, seed), train)


def compare_dropout(
    hw: Any,
    hp: dict[str, float],
    data: Splits,
    seed: int,
    dropouts: tuple[float, ...] = DROPOUTS,
    runs: Runs = run_now,
) -> Iterator[Trained]:
    """Train with each dropout for thirty epochs of forty batches of ten.

    Args:
        hw: The student's package.
        hp: What ``part2_dropout_hp`` returns.
        data: The images; the first 400 are trained on, and the first 1000 test images tested on.
        seed: Of weights, batches and dropout.
        dropouts: Probabilities of dropping a unit.
        runs: As for ``compare_optimizers``.

    Yields:
        The dropout, the trainer, and the FitResult.
    """
    for dropout in dropouts:

        def train(dropout: float = dropout) -> tuple[Any, FitResult]:
            torch.manual_seed(seed)
            few = DROPOUT_BATCHES * 10
            loaders = make_loaders(data, 10, bs_test=500, max_train=few, max_test=HELD_OUT, seed=seed)
            trainer = _trainer(hw, loaders.dl_train, [400], "VanillaSGD", hp, dropout=dropout)
            return trainer, trainer.fit(*loaders, DROPOUT_EPOCHS, print_every=0)

        yield f"{dropout:g}", *runs(("dropout", dropout, *hp.values(), data.train.source, seed), train)


def _hyperparameters(trial: Trial, name: str, keys: tuple[str, ...]) -> dict[str, float]:
    """Call a function of answers/part2.py, and see that what it returns can be used.

    Raises:
        ValueError: If a key is missing or unknown, or a value is not a number; the message names it.
    """
    found = getattr(trial.answers.part2, name)()
    if not isinstance(found, dict) or set(found) != set(keys):
        raise ValueError(f"{name}() must return a dict with the keys {', '.join(keys)}, got {found!r}")
    for key, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name}()[{key!r}] must be a number, got {value!r}")
    return found


def seed_of(trial: Trial) -> int:
    """Return the seed of a trial's weights and batches: in the public trial 42, as in the notebook."""
    return int(PUBLIC_SEED if trial.seed == PUBLIC_SEED else trial.integers("seed", 1, below=1024))


@produces("p2.overfit", where={"": "part2_overfit_hp"})
def overfit_twenty(hw: Any, trial: Trial) -> Evidence:
    """Train on three draws of twenty images of digits32, and leave the scores of those images behind."""
    hp = _hyperparameters(trial, "part2_overfit_hp", ("wstd", "lr", "reg"))
    trial.seed_torch()
    data = load("digits32")
    for draw in range(1, OVERFIT_DRAWS + 1):
        chosen = trial.integers(f"chosen images, draw {draw}", 20, below=POOL)
        yield f"raw:scores, draw {draw}", overfit(hw, hp, data, chosen)


OPTIM_KEYS = ("wstd", *(f"lr_{name}" for name in OPTIMIZERS), "reg")


@produces("p2.optim", where={"": "part2_optim_hp"}, seconds=120)
def three_optimizers(hw: Any, trial: Trial) -> Evidence:
    """Train with each optimizer on digits32, and leave the test scores of its best epoch behind."""
    hp, data = _hyperparameters(trial, "part2_optim_hp", OPTIM_KEYS), load("digits32")
    for name, trainer, _ in compare_optimizers(hw, hp, data, seed_of(trial), trial.runs):
        yield f"raw:test scores, {name}", scores_of(trainer, _plain(data, "test", HELD_OUT))


@produces("p2.dropout", where={"": "part2_dropout_hp"}, seconds=120)
def dropout_against_overfitting(hw: Any, trial: Trial) -> Evidence:
    """Train without dropout and with 0.4 on 400 images of digits32; leave scores of both sets behind."""
    hp, data = _hyperparameters(trial, "part2_dropout_hp", ("wstd", "lr")), load("digits32")
    for name, trainer, _ in compare_dropout(hw, hp, data, seed_of(trial), runs=trial.runs):
        few = _plain(data, "train", DROPOUT_BATCHES * 10)
        yield f"raw:training scores, dropout {name}", scores_of(trainer, few)
        yield f"raw:test scores, dropout {name}", scores_of(trainer, _plain(data, "test", HELD_OUT))


def _plain(data: Splits, split: str, count: int) -> BatchLoader:
    """Load the first images of a split in their order."""
    return BatchLoader(getattr(data, split).subset(count), 500, stats=data.train.stats)
