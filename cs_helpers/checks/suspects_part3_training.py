"""Typical mistakes in Part 3's trainings: hyperparameters, and experiments."""

import itertools
from collections.abc import Iterator

from cs_helpers.checks.measures_part3 import STANDS_OUT, experiment_names
from cs_helpers.checks.part3_training import MODELS
from cs_helpers.checks.suspects import Suspect, Tensors, always, suspects_of

Suspects = Iterator[tuple[str, Suspect, str]]

HYPERPARAMETERS = {
    "loss_fn": "loss_fn is not cross-entropy: scores go in, so it is torch.nn.CrossEntropyLoss()",
    "out_activation": "out_activation bends the class scores before a loss with a softmax of its own: none",
    "lr low": "lr is very low: the weights have hardly moved after 20 epochs",
    "lr high": "lr is very high: steps overshoot, so the loss jumps instead of falling",
    "weight_decay": "weight_decay is very strong: it keeps the weights near zero",
    "momentum": "momentum is very close to 1: old gradients hardly ever fade",
    "n_layers": "without hidden layers the boundary is a straight line: n_layers must be at least 1",
    "activation": "without a nonlinearity the boundary is a straight line: activation must not be none",
    "depth": "so many layers are hard to train: n_layers is very high",
    "hidden_dims": "hidden_dims is very low: a few units cannot bend the boundary enough",
}


@suspects_of("p3.train")
def train(e: Tensors, i: Tensors) -> Suspects:
    """Hyperparameters out of the ordinary."""
    for name, sentence in HYPERPARAMETERS.items():
        yield STANDS_OUT, name, sentence
    keys = "the dictionary's keys must be these, in this order"
    for part in ("arch", "optim"):
        yield f"keys of part3_{part}_hp()", always, keys


@suspects_of("p3.experiment")
def experiment(e: Tensors, i: Tensors) -> Suspects:
    """Structure, silence, the threshold, and accuracies."""
    for depth, width in MODELS:
        title = f"{depth}x{width}"
        test, corner, valid_acc, test_acc = experiment_names(title)
        widths = [2, *[width] * depth, 2]
        for change, sentence in (
            ([*widths[:-2], 2], "a hidden layer is missing: depth counts the hidden ones"),
            (
                [*widths[:-1], width, 2],
                "one hidden layer too many: depth counts the hidden ones, not the last",
            ),
            ([*widths[:-1], 1], "there must be two class scores"),
        ):
            yield f"{title}, Linear layers", _text(change), sentence
        yield f"{title}, Linear layers", always, "the model must have depth hidden layers of width units each"
        types = "all three numbers must be Python floats"
        yield f"{title}, types", always, types
        passes = "the training batches must be gone through once per epoch, n_epochs times"
        yield f"{title}, passes over the training batches", always, passes
        yield f"{title}, printed", always, "an experiment is silent: verbose=False, or print_every=0"
        set_it = "the chosen threshold must be set in the model: model.threshold = ..."
        yield f"{title}, threshold of the model", always, set_it
        yield corner, always, "the threshold must be chosen on the validation set, after training"
        for name in (valid_acc, test_acc):
            yield name, lambda got: got.item() < -40, "accuracies are in percent, not shares"
            yield (
                name,
                always,
                "the accuracy must be that of the set it is named after, with the chosen threshold",
            )
        yield test, always, "the accuracy is low: is the model trained, with a learning rate that fits?"


def _text(widths: list[int]) -> str:
    return ", ".join(f"{a} to {b}" for a, b in itertools.pairwise(widths))
