"""The comparing half of Part 4's training: an accuracy, from labels that the student's side never sent."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from cs_helpers.checks.measures_part2 import accuracy, at_least, labels
from cs_helpers.checks.part4_training import CHOSEN

OVERFIT = 90.0  # percent
ACCURACY = "training accuracy"
STANDS_OUT = "hyperparameters that stand out"
NOTHING = "none"


def overfit(raw: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Iterator[tuple[str, Any]]:
    """Measure the accuracy on the chosen images; if it is too low, name a number out of the ordinary."""
    found = accuracy(raw["raw:scores"], labels("train")[inputs[CHOSEN].long()])
    yield ACCURACY, at_least(found, OVERFIT)
    yield STANDS_OUT, NOTHING if found >= OVERFIT else _stands_out(raw["raw:hyperparameters"])


def _stands_out(numbers: Tensor) -> str:
    cross_entropy, lr, decay, momentum = numbers.tolist()
    signs = {
        "loss_fn": not cross_entropy,
        "weight_decay": decay > 0.02,
        "momentum": momentum > 0.98,
        "lr low": lr / (1 - min(momentum, 0.98)) < 3e-3,
        "lr high": lr / (1 - min(momentum, 0.98)) > 0.2,
    }
    return next((name for name, seen in signs.items() if seen), NOTHING)


NAMES = {"p4.overfit": (ACCURACY, STANDS_OUT)}
"""What is measured, by check."""
MEASURES = {"p4.overfit": overfit}
