"""Your hyperparameters and written answers for Part 3.

A hyperparameter function returns a dictionary; replace the line that raises. Answers are Markdown between
the triple quotes; mathematics goes between dollar signs. The notebook shows one with display_answer("p3.q1").
"""

from typing import Any

from torch import nn


def part3_arch_hp() -> dict[str, Any]:
    """Choose the network of the first classifier.

    Returns:
        n_layers: Number of hidden layers.
        hidden_dims: Units of each hidden layer, one number.
        activation: Name of the nonlinearity after each hidden layer, as for ``hw.mlp.MLP``.
        out_activation: Name of the one after the last layer, which gives the two class scores.
    """
    # BEGIN SOLUTION p3.train
    return {"n_layers": 2, "hidden_dims": 16, "activation": "tanh", "out_activation": "none"}
    # END SOLUTION


def part3_optim_hp() -> dict[str, Any]:
    """Choose the loss, and how ``torch.optim.SGD`` makes it small.

    Returns:
        loss_fn: A module from scores (N, 2) and labels (N,) to a scalar.
        lr: Learning rate.
        weight_decay: Strength of the L2 regularisation.
        momentum: Share of the last step that goes into the next.
    """
    # BEGIN SOLUTION p3.train
    return {"loss_fn": nn.CrossEntropyLoss(), "lr": 0.05, "weight_decay": 1e-3, "momentum": 0.9}
    # END SOLUTION
