"""Parts 3 and 5: whole experiments, from an architecture to its accuracy on the test set."""

from typing import Any

import torch
from torch import nn

from hw.classifier import BinaryClassifier, select_roc_thresh
from hw.mlp import MLP
from hw.optimizers import MomentumSGD
from hw.training import ClassifierTrainer


def mlp_experiment(
    depth: int, width: int, dl_train: Any, dl_valid: Any, dl_test: Any, n_epochs: int
) -> tuple[BinaryClassifier, float, float, float]:
    """Train an MLP on two-dimensional samples of two classes, choose its threshold, and test it.

    Prints nothing.

    Args:
        depth: Number of hidden layers.
        width: Units of each hidden layer.
        dl_train: Batches (x, y) to train on.
        dl_valid: Batches to choose the threshold on.
        dl_test: Batches that only the last number comes from.
        n_epochs: Passes over the training batches.

    Returns:
        The model, with its threshold set; that threshold; the accuracies in percent on validation and test
        set with that threshold.

    Raises:
        ValueError: If a number is below 1, or there are no validation batches.
    """
    for name, value in (("depth", depth), ("width", width), ("n_epochs", n_epochs)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if len(dl_valid) == 0:
        raise ValueError("dl_valid has no batches: the threshold is chosen on them")
    x_valid, y_valid = (torch.cat(parts) for parts in zip(*dl_valid, strict=True))  # the whole set
    # TODO: build a BinaryClassifier of an MLP from 2 features to 2 scores, train it with a ClassifierTrainer,
    # choose the threshold on the validation set and set it, then measure both accuracies with test_epoch.
    # BEGIN SOLUTION p3.experiment
    net = MLP(2, [width] * depth + [2], ["tanh"] * depth + ["none"])
    model = BinaryClassifier(net)
    optimizer = MomentumSGD(model.parameters(), learn_rate=0.05)  # it takes torch tensors, too
    trainer = ClassifierTrainer(model, nn.CrossEntropyLoss(), optimizer)
    for _ in range(n_epochs):
        trainer.train_epoch(dl_train, verbose=False)
    thresh = model.threshold = select_roc_thresh(model, x_valid, y_valid)
    valid_acc = trainer.test_epoch(dl_valid, verbose=False).accuracy
    test_acc = trainer.test_epoch(dl_test, verbose=False).accuracy
    return model, thresh, valid_acc, test_acc
    # END SOLUTION
