"""What is run to check Part 3's trainings. They leave predictions behind.

Accuracies are computed where the verdict is made, from labels that are made there, see ``measures_part3``.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cs_helpers.checks.guard import Head
from cs_helpers.checks.part1 import Evidence
from cs_helpers.checks.registry import produces
from cs_helpers.checks.runs import run_now
from cs_helpers.checks.trial import PUBLIC_SEED, Trial
from cs_helpers.moons import Moons, TensorLoader, make_moons
from cs_helpers.train_results import FitResult

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


def train_on_moons(
    hw: Any,
    arch: dict[str, Any],
    optim: dict[str, Any],
    seed: int,
    runs: Callable[..., Any] = run_now,
    print_every: int = 0,
) -> tuple[Any, FitResult]:
    """Train the network of a student's hyperparameters for 20 epochs, with a validation after each.

    Args:
        hw: The student's package.
        arch: What ``part3_arch_hp`` returns.
        optim: What ``part3_optim_hp`` returns.
        seed: Of samples, weights and batches.
        runs: Remembers trainings; ``check.runs`` lets the check below reuse them.
        print_every: As for ``Trainer.fit``.

    Returns:
        The BinaryClassifier after the last epoch, and the course of its training.
    """
    loss_fn, numbers = optim["loss_fn"], {name: optim[name] for name in optim if name != "loss_fn"}
    dims = [arch["hidden_dims"]] * arch["n_layers"] + [2]
    nonlins = [arch["activation"]] * arch["n_layers"] + [arch["out_activation"]]

    def train() -> tuple[Any, FitResult]:
        dl_train, dl_valid, _ = make_moons(seed).loaders()
        torch.manual_seed(seed)
        model = hw.classifier.BinaryClassifier(hw.mlp.MLP(2, dims, nonlins))
        optimizer = torch.optim.SGD(model.parameters(), **numbers)
        trainer = hw.training.ClassifierTrainer(model, loss_fn, optimizer)
        return model, trainer.fit(dl_train, dl_valid, EPOCHS, print_every=print_every)

    model, fit = runs(("moons", repr(arch), repr(optim), seed), train)
    return copy.deepcopy(model), fit  # whoever changes its threshold does not change what is judged


@produces("p3.train", where={"": "part3_arch_hp and part3_optim_hp"}, seconds=60)
def train(hw: Any, trial: Trial) -> Evidence:
    """Train the network of the student's hyperparameters, or take the notebook's; classify both sets."""
    arch, optim = trial.answers.part3.part3_arch_hp(), trial.answers.part3.part3_optim_hp()
    yield "keys of part3_arch_hp()", ", ".join(arch)
    yield "keys of part3_optim_hp()", ", ".join(optim)
    yield "raw:hyperparameters", _numbers(arch, optim)
    public = trial.seed == PUBLIC_SEED
    seed = int(trial.given(SEED, int(PUBLIC_SEED)) if public else trial.integers(SEED, 1, below=1024))
    with one_thread():
        model, _ = train_on_moons(hw, arch, optim, seed, trial.runs)
        moons = make_moons(seed)
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
