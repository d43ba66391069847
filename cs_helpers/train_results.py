"""What training returns: per batch, per epoch, per fit. Accuracies in percent, losses per sample."""

from typing import NamedTuple


class TrainingError(ValueError):
    """Training cannot go on: a loss is not finite."""


class BatchResult(NamedTuple):
    """The result of one batch.

    Attributes:
        loss: Mean loss over the samples of the batch.
        num_correct: How many samples were classified correctly.
    """

    loss: float
    num_correct: int


class EpochResult(NamedTuple):
    """The result of one pass over a data loader.

    Attributes:
        losses: The loss of every batch, in order.
        accuracy: Share of samples classified correctly, in percent.
    """

    losses: list[float]
    accuracy: float


class FitResult(NamedTuple):
    """The result of a whole fit; every list has one entry per epoch.

    Attributes:
        num_epochs: Epochs that were run, early stopping and resumed epochs included.
        train_loss: Mean of the training batches' losses.
        train_acc: Training accuracy in percent, measured while the weights change.
        test_loss: Mean of the test batches' losses.
        test_acc: Test accuracy in percent.
    """

    num_epochs: int
    train_loss: list[float]
    train_acc: list[float]
    test_loss: list[float]
    test_acc: list[float]
