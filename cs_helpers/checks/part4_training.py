"""What is run to check Part 4's hyperparameters: a short training, which leaves class scores behind.

Scores are judged where the verdict is made, see ``measures_part4``. The data is always digits32.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cs_helpers.checks.part1 import Evidence
from cs_helpers.checks.part3_training import one_thread
from cs_helpers.checks.registry import produces
from cs_helpers.checks.runs import run_now
from cs_helpers.checks.trial import PUBLIC_SEED, Trial
from cs_helpers.data import Dataset, Splits, load
from cs_helpers.devices import prepare
from cs_helpers.loaders import BatchLoader
from cs_helpers.train_results import FitResult

IMAGES, BATCH, EPOCHS = 50, 2, 25
POOL = 1000  # the images are drawn from the first so many
CHOSEN = "chosen images"
FIRST = torch.arange(IMAGES)
HELD_OUT = 100
OPTIM = ("loss_fn", "lr", "weight_decay", "momentum")


def chosen_images(train: Dataset, chosen: Tensor) -> Dataset:
    """Return some images of a data set, by their indices."""
    few = (train.images[chosen], train.labels[chosen])
    return Dataset(train.name, train.split, *few, train.classes, train.source, train.flips)


def make_net(hw: Any, train: Dataset) -> Any:
    """Make the small CNN that is to learn a few images by heart."""
    conv, pooling = {"kernel_size": 3, "padding": 1}, {"kernel_size": 2}
    settings = {"conv_params": conv, "pooling_params": pooling}
    return hw.cnn.CNN(train.in_size, len(train.classes), [32], 1, [100], **settings)


def learn_by_heart(
    hw: Any,
    hp: dict[str, Any],
    data: Splits,
    seed: int,
    chosen: Tensor | None = None,
    runs: Callable[..., Any] = run_now,
    print_every: int = 0,
) -> tuple[Any, FitResult]:
    """Train on fifty images, 25 batches of 2, for 25 epochs, with a test on a hundred others after each.

    Args:
        hw: The student's package.
        hp: What ``part4_optim_hp`` returns.
        data: The images.
        seed: Of weights and batches.
        chosen: Indices of the images to train on; the first fifty if not given.
        runs: Remembers trainings; ``check.runs`` lets the check below reuse them.
        print_every: As for ``Trainer.fit``.

    Returns:
        The model after the last epoch, and the course of its training.
    """
    few = chosen_images(data.train, FIRST if chosen is None else chosen)
    loss_fn, numbers = hp["loss_fn"], {name: hp[name] for name in hp if name != "loss_fn"}

    def train() -> tuple[Any, FitResult]:
        torch.manual_seed(seed)
        net = prepare(make_net(hw, few), torch.device("cpu"), few.in_size)
        model = hw.classifier.ArgMaxClassifier(net)
        optimizer = torch.optim.SGD(model.parameters(), **numbers)
        trainer = hw.training.ClassifierTrainer(model, loss_fn, optimizer)
        stats = data.train.stats
        dl_train = BatchLoader(few, BATCH, shuffle=True, stats=stats)
        dl_test = BatchLoader(data.test.subset(HELD_OUT), HELD_OUT, stats=stats)
        return model, trainer.fit(dl_train, dl_test, EPOCHS, print_every=print_every)

    key = ("by heart", repr(hp), data.train.source, tuple(few.labels.tolist()), seed)
    return runs(key, train)


def scores_of(model: Any, data: Splits, chosen: Tensor) -> Tensor:
    """Return a model's scores of the images that it learnt by heart, (50, 10)."""
    loader = BatchLoader(chosen_images(data.train, chosen), IMAGES, stats=data.train.stats)
    model.train(False)
    with torch.no_grad():
        return torch.cat([model(x) for x, _ in loader])


@produces("p4.overfit", where={"": "part4_optim_hp"}, seconds=60)
def overfit_fifty(hw: Any, trial: Trial) -> Evidence:
    """Train on fifty images of digits32, and leave their scores behind: those of the notebook, if it ran."""
    hp, data = trial.answers.part4.part4_optim_hp(), load("digits32")
    yield "keys of part4_optim_hp()", ", ".join(hp)
    yield "raw:hyperparameters", _numbers(hp)
    if trial.seed == PUBLIC_SEED:
        seed, chosen = int(PUBLIC_SEED), trial.given(CHOSEN, FIRST.tolist()).long()
    else:
        seed = int(trial.integers("seed", 1, below=1024))
        chosen = trial.integers(CHOSEN, IMAGES, below=POOL)
    with one_thread():
        model, _ = learn_by_heart(hw, hp, data, seed, chosen, trial.runs)
        yield "raw:scores", scores_of(model, data, chosen)


def _numbers(hp: dict[str, Any]) -> Tensor:
    """Put what may explain a bad result into a tensor."""
    cross_entropy = isinstance(hp["loss_fn"], nn.CrossEntropyLoss)
    values = [cross_entropy, hp["lr"], hp["weight_decay"], hp["momentum"]]
    return torch.tensor(values, dtype=torch.float64)
