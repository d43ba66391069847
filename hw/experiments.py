"""Parts 3 and 5: whole experiments, from an architecture to its accuracy on the test set."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cs_helpers.data import default_name
from cs_helpers.devices import pick_device, prepare
from cs_helpers.experiment_arguments import refuse_bad_arguments
from cs_helpers.experiment_data import ExperimentLoaders, make_experiment_loaders
from cs_helpers.run_files import provenance, read_run, require_writable, run_path, write_run
from cs_helpers.train_results import FitResult
from hw.classifier import ArgMaxClassifier, BinaryClassifier, select_roc_thresh
from hw.cnn import CNN, ResNet, YourCNN
from hw.mlp import MLP
from hw.optimizers import MomentumSGD
from hw.schedules import one_cycle_schedule
from hw.training import ClassifierTrainer

MODEL_TYPES: dict[str, type[CNN]] = {"cnn": CNN, "resnet": ResNet, "ycn": YourCNN}
OPTIMIZERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
SCHEDULES = ("constant", "one-cycle")
NAMES = {"model_type": MODEL_TYPES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}


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


def cnn_experiment(
    run_name: str,
    out_dir: str | os.PathLike[str] = "./results",
    seed: int | None = None,
    device: str | None = None,
    bs_train: int = 128,
    bs_test: int | None = None,
    batches: int = 100,
    epochs: int = 100,
    early_stopping: int | None = 3,
    checkpoints: str | os.PathLike[str] | None = None,
    lr: float = 1e-3,
    reg: float = 1e-3,
    filters_per_layer: Sequence[int] = (64,),
    layers_per_block: int = 2,
    pool_every: int = 2,
    hidden_dims: Sequence[int] = (1024,),
    model_type: str = "cnn",
    *,
    data: str = "default",
    optimizer: str = "adam",
    schedule: str = "constant",
    augment: bool = False,
    compiled: bool = False,
    print_every: int = 1,
    **kw: Any,
) -> FitResult:
    """Train one network, and write how it went to ``<out_dir>/<run_name>_L<L>_K<k1-k2-...>.json``.

    The network is trained on ``batches`` random batches an epoch. It is tested on validation images after
    each, which early stopping goes by, and once, with its best weights, on test images that nothing else was
    chosen on.

    Args:
        run_name: First part of the file's name.
        out_dir: Folder of the result; made if need be.
        seed: Seed of weights, batches and augmentation; drawn, and recorded, if not given. On a CPU the same
            seed gives the same result.
        device: "cpu", "cuda" or "cuda:1"; the GPU if there is one, if not given. A GPU works in mixed
            precision.
        bs_train: Images per training batch.
        bs_test: Images per test batch; ``bs_train`` if not given.
        batches: Most batches of an epoch.
        epochs: Most epochs.
        early_stopping: Epochs without improvement after which training stops; never for None.
        checkpoints: File to go on from if it is there, written after every epoch, and removed at the end.
        lr: Learning rate; the highest one under "one-cycle".
        reg: Strength of the L2 regularisation.
        filters_per_layer: K, the filters of each block.
        layers_per_block: L, how many convolutions with so many filters each block has.
        pool_every: P, convolutions before each pooling layer.
        hidden_dims: Units of the hidden layers behind the convolutions.
        model_type: "cnn", "resnet" or "ycn".
        data: A name for ``cs_helpers.data.load``.
        optimizer: "adam", or "sgd" for Nesterov's momentum of 0.9.
        schedule: "constant", or "one-cycle" over all epochs.
        augment: Whether training images are shifted at random, and mirrored if their kind allows it.
        compiled: Whether torch.compile takes the model over.
        print_every: As for ``Trainer.fit``.
        **kw: The model's other arguments, such as ``batchnorm=True``.

    Returns:
        The course of losses and accuracies; its test set is the validation set.

    Raises:
        ValueError: If an argument is out of range, a name is unknown, a feature map shrinks to nothing, or a
            file cannot be written or read; all this before training starts.
        TrainingError: If training diverges.
    """
    config = dict(locals())  # every argument by its name, so that none is forgotten in the result
    refuse_bad_arguments(config, NAMES)
    seed = config["seed"] = torch.seed() % 2**31 if seed is None else seed
    data = config["data"] = default_name() if data == "default" else data
    path = run_path(out_dir, run_name, layers_per_block, filters_per_layer)
    for folder in {path.parent, Path(checkpoints or path).parent}:
        require_writable(folder)
    where = pick_device(device)
    torch.manual_seed(seed)
    loaders = make_experiment_loaders(data, bs_train, bs_test, augment=augment, device=where, seed=seed)
    net = _make_net(model_type, loaders, filters_per_layer, layers_per_block, pool_every, hidden_dims, **kw)
    model = ArgMaxClassifier(prepare(net, where, loaders.dl_train.dataset.in_size, compiled))
    dl_train, dl_valid, dl_test = loaders
    # TODO: make the optimizer (_make_optimizer helps), train the model with a ClassifierTrainer, and test it
    # once on the test batches. The names below say what is wanted.
    # BEGIN SOLUTION p5.experiment
    num_steps = epochs * min(batches, len(dl_train))
    descent = _make_optimizer(model, optimizer, schedule, lr, reg, num_steps)
    trainer = ClassifierTrainer(model, nn.CrossEntropyLoss(), descent, where)
    fit = trainer.fit(
        dl_train, dl_valid, epochs, checkpoints, early_stopping, print_every, max_batches=batches
    )
    test = trainer.test_epoch(dl_test, verbose=False)
    # END SOLUTION
    write_run(
        path,
        {
            "config": describe_config(config),
            "fit": fit,
            "test": {"accuracy": test.accuracy},
            "data": loaders.describe(),
            "model": {"parameters": sum(param.numel() for param in net.parameters())},
            "time": {"epochs": [round(seconds, 3) for seconds in trainer.epoch_seconds]},
            "provenance": provenance(where),
        },
    )
    if checkpoints is not None:
        Path(checkpoints).unlink(missing_ok=True)
    return fit


def describe_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides a run's result, from the arguments of ``cnn_experiment``, ready for JSON."""
    elsewhere = ("out_dir", "device", "checkpoints", "print_every", "kw")
    chosen = {name: value for name, value in arguments.items() if name not in elsewhere}
    return json.loads(json.dumps({**chosen, **arguments["kw"]}))  # lists for tuples, as they will be read


def load_experiment(file: str | os.PathLike[str]) -> tuple[dict[str, Any], FitResult]:
    """Read a result of ``cnn_experiment``.

    Returns:
        The arguments that it was run with, and the course of its training.

    Raises:
        ValueError: If the file cannot be read, or is no result.
    """
    # TODO: read_run returns everything that the file holds.
    # BEGIN SOLUTION p5.experiment
    record = read_run(file)
    return record["config"], record["fit"]
    # END SOLUTION


def _make_net(
    model_type: str,
    loaders: ExperimentLoaders,
    filters_per_layer: Sequence[int],
    layers_per_block: int,
    pool_every: int,
    hidden_dims: Sequence[int],
    **kw: Any,
) -> CNN:
    dataset = loaders.dl_train.dataset
    # TODO: build the network: each of the filters is repeated for L convolutions.
    # BEGIN SOLUTION p5.experiment
    channels = [filters for filters in filters_per_layer for _ in range(layers_per_block)]
    make = MODEL_TYPES[model_type]
    return make(dataset.in_size, len(dataset.classes), channels, pool_every, list(hidden_dims), **kw)
    # END SOLUTION


def _make_optimizer(
    model: nn.Module, optimizer: str, schedule: str, lr: float, reg: float, num_steps: int
) -> torch.optim.Optimizer:
    """Return an optimizer that sets its own learning rate before each step, by the schedule."""
    extra = {"momentum": 0.9, "nesterov": True} if optimizer == "sgd" else {}
    descent = OPTIMIZERS[optimizer](model.parameters(), lr=lr, weight_decay=reg, **extra)
    if schedule == "one-cycle":
        group = descent.param_groups[0]
        group["num_steps"] = 0  # here, so that a checkpoint holds it

        def set_learning_rate(*_: Any) -> None:
            group = descent.param_groups[0]  # a new one after a checkpoint was loaded
            group["lr"] = one_cycle_schedule(group["num_steps"], num_steps, lr)
            group["num_steps"] += 1

        descent.register_step_pre_hook(set_learning_rate)
    return descent


if __name__ == "__main__":
    from cs_helpers.experiment_cli import main

    sys.exit(main())
