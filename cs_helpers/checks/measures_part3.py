"""The comparing half of Part 3's trainings: accuracies, from labels that the student's side never sent."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from cs_helpers.checks.part3_training import MODELS, SEED, TRAINED
from cs_helpers.moons import Moons, make_moons

Measures = Iterator[tuple[str, Any]]

ENOUGH = {"training": 85, "validation": 75, "test": 75}  # percent
TRAIN_NAMES = {name: f"{name} accuracy, {ENOUGH[name]} is enough" for name in TRAINED}
STANDS_OUT = "hyperparameters that stand out"
NOTHING = "none"


def _moons(inputs: Mapping[str, Tensor]) -> Moons:
    return make_moons(int(inputs[SEED]))


def _percent(predicted: Tensor, labels: Tensor) -> float:
    """Return the accuracy in percent; predictions of another shape are refused."""
    if predicted.shape != labels.shape:
        raise ValueError(f"expected {len(labels)} predictions, got the shape {tuple(predicted.shape)}")
    return 100 * (predicted == labels).double().mean().item()


def _reached(accuracy: float, name: str) -> float:
    """Cap an accuracy at what is enough, so that every value from there on is the expected one."""
    return min(accuracy, float(ENOUGH[name]))


def train(raw: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Measures:
    """Measure the accuracies after training; if one is too low, name a hyperparameter out of the ordinary."""
    moons, enough = _moons(inputs), True
    for name, samples in zip(TRAINED, (moons.train, moons.valid), strict=True):
        accuracy = _percent(raw[f"raw:{name} predictions"], samples.tensors[1])
        enough = enough and accuracy >= ENOUGH[name]
        yield TRAIN_NAMES[name], _reached(accuracy, name)
    yield STANDS_OUT, NOTHING if enough else _stands_out(raw["raw:hyperparameters"])


def _stands_out(numbers: Tensor) -> str:
    layers, width, linear, squashed, cross_entropy, lr, decay, momentum = numbers.tolist()
    signs = {
        "loss_fn": not cross_entropy,
        "out_activation": squashed,
        "lr low": lr < 3e-3,
        "lr high": lr > 0.5,
        "weight_decay": decay > 0.02,
        "momentum": momentum > 0.98,
        "n_layers": layers < 1,
        "activation": linear,
        "depth": layers > 8,
        "hidden_dims": width < 4,
    }
    return next((name for name, seen in signs.items() if seen), NOTHING)


NEAR = 0.2  # percent: a probability equal to the threshold up to rounding may fall on either side of it


def experiment(raw: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Measures:
    """Measure the returned models, and hold the returned numbers against them."""
    moons = _moons(inputs)
    (_, y_valid), (_, y_test) = moons.valid.tensors, moons.test.tensors
    for title in (f"{depth}x{width}" for depth, width in MODELS):
        thresh, valid_acc, test_acc = raw[f"raw:{title} numbers"].tolist()
        test = _percent(raw[f"raw:{title} test"], y_test)
        valid = _percent(raw[f"raw:{title} validation"], y_valid)
        yield experiment_names(title)[0], _reached(test, "test")
        yield (
            experiment_names(title)[1],
            _beyond(_corner_excess(raw[f"raw:{title} probabilities"], y_valid, thresh), 0.01),
        )
        yield experiment_names(title)[2], _beyond(valid_acc - valid, NEAR)
        yield experiment_names(title)[3], _beyond(test_acc - test, NEAR)


def experiment_names(title: str) -> tuple[str, str, str, str]:
    """Return the names of the four measurements of a model."""
    return (
        f"{title}, test accuracy, {ENOUGH['test']} is enough",
        f"{title}, how much closer the ROC curve gets to (0, 1)",
        f"{title}, valid_acc minus that of the model",
        f"{title}, test_acc minus that of the model",
    )


def _beyond(value: float, allowed: float) -> float:
    return value if abs(value) > allowed else 0.0


def _corner_excess(proba: Tensor, y: Tensor, thresh: float) -> float:
    """Return by how much a threshold's ROC point is farther from (0, 1) than the closest one."""
    if proba.shape != y.shape or not proba.is_floating_point():
        raise ValueError(f"expected {len(y)} probabilities, got the shape {tuple(proba.shape)}")
    order = proba.double().argsort(descending=True)
    positive = y[order] == 1
    tpr, fpr = (
        positive.double().cumsum(0) / positive.sum(),
        (~positive).double().cumsum(0) / (~positive).sum(),
    )
    chosen = proba.double() >= thresh - 1e-6
    own = torch.stack(
        [(chosen & (y == 0)).sum() / (y == 0).sum(), 1 - (chosen & (y == 1)).sum() / (y == 1).sum()]
    )
    return own.double().norm().item() - torch.hypot(fpr, 1 - tpr).min().item()


NAMES = {
    "p3.train": (*TRAIN_NAMES.values(), STANDS_OUT),
    "p3.experiment": tuple(name for depth, width in MODELS for name in experiment_names(f"{depth}x{width}")),
}
"""What is measured, by check."""
MEASURES = {"p3.train": train, "p3.experiment": experiment}
