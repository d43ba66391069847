"""Your hyperparameters and written answers for Part 2.

A function returns a dict of numbers; the checks and the notebook train with them. How to write an answer is
explained in answers/part1.py.
"""


def part2_overfit_hp() -> dict[str, float]:
    """Return the hyperparameters with which an MLP learns any twenty images by heart.

    Returns:
        ``wstd``, the standard deviation of the initial weights; ``lr``, the learning rate of VanillaSGD;
        ``reg``, its regularisation.
    """
    # TODO: find values with which 20 epochs of two batches are enough.
    # BEGIN SOLUTION p2.overfit
    return {"wstd": 0.1, "lr": 0.02, "reg": 0.0}
    # END SOLUTION


def part2_optim_hp() -> dict[str, float]:
    """Return the hyperparameters for comparing three optimizers on the same network.

    Returns:
        ``wstd`` and ``reg``, the same for all; and the learning rates ``lr_vanilla``, ``lr_momentum`` and
        ``lr_rmsprop``.
    """
    # TODO: find values with which ten epochs are enough for each, and the last two end above vanilla.
    # BEGIN SOLUTION p2.optim
    return {"wstd": 0.08, "lr_vanilla": 0.03, "lr_momentum": 0.01, "lr_rmsprop": 3e-4, "reg": 1e-3}
    # END SOLUTION


def part2_dropout_hp() -> dict[str, float]:
    """Return the hyperparameters for showing overfitting, and what dropout does against it.

    Returns:
        ``wstd``, the standard deviation of the initial weights; ``lr``, the learning rate of VanillaSGD.
    """
    # TODO: find values with which the network learns 400 images by heart in 30 epochs without dropout.
    # BEGIN SOLUTION p2.dropout
    return {"wstd": 0.02, "lr": 0.005}
    # END SOLUTION
