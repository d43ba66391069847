"""What is measured of Part 2's raw evidence: accuracies of class scores, against thresholds.

The labels are here, on the side of the verdict. A measurement is a text such as "at least 98 %", or says
how far below it is, so that it is compared exactly.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from cs_helpers.checks.part2_training import (
    DROPOUT_BATCHES,
    DROPOUTS,
    HELD_OUT,
    OPTIMIZERS,
    OVERFIT_DRAWS,
)
from cs_helpers.data import load

THRESHOLDS = {"cifar10": 35.0, "digits32": 18.0}
"""Test accuracy in percent that each optimizer is to reach in ten epochs, by data set."""
OVERFIT = 98.0  # percent
OVERFITTING_GAP = 1.5  # of the loss: test less training, without dropout
LESS = 0.97  # the gap with dropout, as a share of that without


@functools.cache
def labels(split: str) -> Tensor:
    """Return the labels of digits32."""
    return getattr(load("digits32"), split).labels


def accuracy(scores: Tensor, y: Tensor) -> float:
    """Return the accuracy of class scores in percent.

    Raises:
        ValueError: If the scores are not finite floats of shape (N, 10).
    """
    _refuse_bad(scores, y)
    return 100 * (scores.argmax(dim=1) == y).double().mean().item()


def loss(scores: Tensor, y: Tensor) -> float:
    """Return the mean cross-entropy of class scores; errors as for ``accuracy``."""
    _refuse_bad(scores, y)
    return torch.nn.functional.cross_entropy(scores.double(), y).item()


def _refuse_bad(scores: Tensor, y: Tensor) -> None:
    if scores.shape != (len(y), 10) or not scores.is_floating_point() or not bool(scores.isfinite().all()):
        raise ValueError(f"expected finite class scores of shape {(len(y), 10)}")


def at_least(value: float, threshold: float) -> str:
    """Put an accuracy against its threshold into words."""
    return f"at least {threshold:g} %" if value >= threshold else f"{value:.1f} %, below {threshold:g} %"


def overfit(raw: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Iterator[tuple[str, Any]]:
    """Measure the accuracy on each draw of twenty images."""
    for draw in range(1, OVERFIT_DRAWS + 1):
        y = labels("train")[inputs[f"chosen images, draw {draw}"]]
        yield f"accuracy, draw {draw}", at_least(accuracy(raw[f"raw:scores, draw {draw}"], y), OVERFIT)


def optimizers(raw: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Iterator[tuple[str, Any]]:
    """Measure the best test accuracy of each optimizer, and their order."""
    y = labels("test")[:HELD_OUT]
    found = {name: accuracy(raw[f"raw:test scores, {name}"], y) for name in OPTIMIZERS}
    for name, value in found.items():
        yield f"test accuracy, {name}", at_least(value, THRESHOLDS["digits32"])
    for name in ("momentum", "rmsprop"):
        above = found[name] > found["vanilla"]
        told = f"{found[name]:.1f} % against {found['vanilla']:.1f} % of vanilla"
        yield f"{name} above vanilla", "yes" if above else f"no: {told}"


def dropout(raw: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Iterator[tuple[str, Any]]:
    """Measure the gap between test and training loss, with and without dropout."""
    train, test = labels("train")[: DROPOUT_BATCHES * 10], labels("test")[:HELD_OUT]
    none, some = (
        loss(raw[f"raw:test scores, dropout {p:g}"], test)
        - loss(raw[f"raw:training scores, dropout {p:g}"], train)
        for p in DROPOUTS
    )
    yield "overfits without dropout", "yes" if none >= OVERFITTING_GAP else f"no: the gap is only {none:.2f}"
    less = some <= LESS * none
    yield (
        "overfits less at 0.4",
        "yes" if less else f"no: a gap of {some:.2f}, and {none:.2f} without dropout",
    )


MEASURES: dict[str, Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Iterator[tuple[str, Any]]]] = {
    "p2.overfit": overfit,
    "p2.optim": optimizers,
    "p2.dropout": dropout,
}
NAMES = {
    "p2.overfit": tuple(f"accuracy, draw {draw}" for draw in range(1, OVERFIT_DRAWS + 1)),
    "p2.optim": (
        *(f"test accuracy, {name}" for name in OPTIMIZERS),
        "momentum above vanilla",
        "rmsprop above vanilla",
    ),
    "p2.dropout": ("overfits without dropout", "overfits less at 0.4"),
}
