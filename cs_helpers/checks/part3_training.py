"""What is run to check Part 3's trainings. They leave predictions behind.

Accuracies are computed where the verdict is made, from labels that are made there, see ``measures_part3``.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cs_helpers.checks.guard import Head
from cs_helpers.checks.part1 import Evidence
from cs_helpers.checks.registry import produces
from cs_helpers.checks.trial import Trial
from cs_helpers.moons import Moons, TensorLoader, make_moons

SEED = "seed of the samples"
EPOCHS = 20
ARCH = ("n_layers", "hidden_dims", "activation", "out_activation")
OPTIM = ("loss_fn", "lr", "weight_decay", "momentum")
MODELS = ((1, 8), (2, 32))
GRID_EPOCHS = 5
TRAINED = ("training", "validation")


def moons_of(trial: Trial) -> Moons:
    """Draw the three sets of this trial; its inputs hold the seed."""
    return make_moons(int(trial.integers(SEED, 1, below=1024)))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run small networks on one thread: more only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@produces("p3.train", where={"": "part3_arch_hp and part3_optim_hp"}, seconds=60)
def train(hw: Any, trial: Trial) -> Evidence:
    """Train the network of the student's hyperparameters for 20 epochs, and classify both sets with it."""
    arch, optim = trial.answers.part3.part3_arch_hp(), dict(trial.answers.part3.part3_optim_hp())
    yield "keys of part3_arch_hp()", ", ".join(arch)
    yield "keys of part3_optim_hp()", ", ".join(optim)
    yield "raw:hyperparameters", _numbers(arch, optim)
    loss_fn, layers = optim.pop("loss_fn"), arch["n_layers"]
    moons = moons_of(trial)
    trial.seed_torch()
    dims = [arch["hidden_dims"]] * layers + [2]
    net = hw.mlp.MLP(2, dims, [arch["activation"]] * layers + [arch["out_activation"]])
    model = hw.classifier.BinaryClassifier(net)
    trainer = hw.training.ClassifierTrainer(model, loss_fn, torch.optim.SGD(model.parameters(), **optim))
    with one_thread():
        for _ in range(EPOCHS):
            trainer.train_epoch(TensorLoader(moons.train, shuffle=True), verbose=False)
        for name, samples in zip(TRAINED, (moons.train, moons.valid), strict=True):
            yield f"raw:{name} predictions", model.classify(samples.tensors[0])


def _numbers(arch: dict[str, Any], optim: dict[str, Any]) -> Tensor:
    """Put what may explain a bad result into a tensor."""
    return torch.tensor(
        [
            arch["n_layers"],
            arch["hidden_dims"],
            arch["activation"] == "none",
            arch["out_activation"] != "none",
            isinstance(optim["loss_fn"], nn.CrossEntropyLoss),
            optim["lr"],
            optim["weight_decay"],
            optim["momentum"],
        ],
        dtype=torch.float64,
    )


class _Counted(TensorLoader):
    """Counts how often somebody goes through it."""

    passes = 0

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        self.passes += 1
        return super().__iter__()


@produces("p3.experiment", where={"": "mlp_experiment"}, seconds=60)
def experiment(hw: Any, trial: Trial) -> Evidence:
    """Run two small experiments, and hold what they return against the model they return."""
    moons = moons_of(trial)
    trial.seed_torch()
    for depth, width in MODELS:
        title = f"{depth}x{width}"
        dl_train = _Counted(moons.train, shuffle=True)
        printed = Head()
        with one_thread(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            result = hw.experiments.mlp_experiment(
                depth, width, dl_train, TensorLoader(moons.valid), TensorLoader(moons.test), GRID_EPOCHS
            )
        model, *numbers = result
        yield f"{title}, Linear layers", _linear_layers(model)
        yield f"{title}, types", ", ".join(_kind(number) for number in numbers)
        yield f"{title}, passes over the training batches", dl_train.passes
        yield f"{title}, printed", "something" if printed.total else "nothing"
        yield (
            f"{title}, threshold of the model",
            "the returned one" if model.threshold == numbers[0] else "another",
        )
        with torch.no_grad():
            yield f"raw:{title} probabilities", model(moons.valid.tensors[0]).softmax(dim=1)[:, 1]
            yield f"raw:{title} validation", model.classify(moons.valid.tensors[0])
            yield f"raw:{title} test", model.classify(moons.test.tensors[0])
        yield f"raw:{title} numbers", torch.tensor([float(number) for number in numbers], dtype=torch.float64)


def _linear_layers(model: Any) -> str:
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    return ", ".join(f"{layer.in_features} to {layer.out_features}" for layer in layers)


def _kind(number: Any) -> str:
    """Name a type; NumPy's float64 is a float."""
    return "float" if isinstance(number, float) else type(number).__name__
