"""What is run to check Part 4's hyperparameters: a short training, which leaves class scores behind.

Scores are judged where the verdict is made, see ``measures_part4``. The data is always digits32.
"""

from typing import Any

import torch
from torch import Tensor, nn

from cs_helpers.checks.part1 import Evidence
from cs_helpers.checks.part3_training import one_thread
from cs_helpers.checks.registry import produces
from cs_helpers.checks.trial import Trial
from cs_helpers.data import Dataset, Splits, load
from cs_helpers.loaders import BatchLoader

IMAGES, BATCH, EPOCHS = 50, 2, 25
POOL = 1000  # the images are drawn from the first so many
CHOSEN = "chosen images"
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


def overfit(hw: Any, hp: dict[str, Any], data: Splits, chosen: Tensor) -> Tensor:
    """Train on the chosen images, 25 batches of 2, for 25 epochs; return their scores, (50, 10)."""
    hp = dict(hp)
    loss_fn, few = hp.pop("loss_fn"), chosen_images(data.train, chosen)
    model = hw.classifier.ArgMaxClassifier(make_net(hw, few))
    trainer = hw.training.ClassifierTrainer(model, loss_fn, torch.optim.SGD(model.parameters(), **hp))
    stats = data.train.stats
    for _ in range(EPOCHS):
        trainer.train_epoch(BatchLoader(few, BATCH, shuffle=True, stats=stats), verbose=False)
    model.train(False)
    with torch.no_grad():
        return torch.cat([model(x) for x, _ in BatchLoader(few, IMAGES, stats=stats)])


@produces("p4.overfit", where={"": "part4_optim_hp"}, seconds=60)
def overfit_fifty(hw: Any, trial: Trial) -> Evidence:
    """Train on fifty images of digits32, and leave their scores behind."""
    hp = trial.answers.part4.part4_optim_hp()
    yield "keys of part4_optim_hp()", ", ".join(hp)
    yield "raw:hyperparameters", _numbers(hp)
    trial.seed_torch()
    chosen = trial.integers(CHOSEN, IMAGES, below=POOL)
    with one_thread():
        yield "raw:scores", overfit(hw, hp, load("digits32"), chosen)


def _numbers(hp: dict[str, Any]) -> Tensor:
    """Put what may explain a bad result into a tensor."""
    cross_entropy = isinstance(hp["loss_fn"], nn.CrossEntropyLoss)
    values = [cross_entropy, hp["lr"], hp["weight_decay"], hp["momentum"]]
    return torch.tensor(values, dtype=torch.float64)
