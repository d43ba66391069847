"""What is run to check Part 2's optimizers and trainers; ``part2_training`` has the trainings."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cs_helpers.checks import part2_training  # noqa: F401 - registers what it holds
from cs_helpers.checks.part1 import Evidence, raised
from cs_helpers.checks.registry import produces
from cs_helpers.checks.trial import Trial

STEPS = 5
SHAPES = {"u": (4, 3), "v": (4, 3), "b": (3,)}
"""Parameters of the trajectories; two have one shape, so that a state they share shows."""
REG = 0.1
BIG_LR, BIG_ROWS = 0.5, 5  # of the big parameter, evidence is every fifth row: 64 KB are the limit of a file
LEARN_RATES = {"VanillaSGD": 0.2, "MomentumSGD": 0.05, "RMSProp": 0.02, "Adam": 0.02}
OTHER_HP: dict[str, dict[str, Any]] = {
    "VanillaSGD": {},
    "MomentumSGD": {"momentum": 0.8},
    "RMSProp": {"decay": 0.7, "eps": 0.01},
    "Adam": {"betas": (0.6, 0.8), "eps": 0.01},
}


def where_of(name: str) -> dict[str, str]:
    """Return where an optimizer's evidence comes from."""
    return {"": f"{name}.step", "regularised": "Optimizer._regularised"}


@produces(
    "p2.vanilla_sgd",
    where={**where_of("VanillaSGD"), "zero_grad": "Optimizer.zero_grad"},
    factors={"lr": 0.2, "reg": REG},
)
def vanilla_sgd(hw: Any, trial: Trial) -> Evidence:
    """Take one step of a big parameter, then five of small ones, with and without regularisation."""
    p, grad = trial.normal("p", 500, 10), trial.normal("grad", 500, 10, std=2.0)
    param = p.clone()
    hw.optimizers.VanillaSGD([(param, grad)], learn_rate=BIG_LR, reg=REG).step()
    yield "p after one step", param[::BIG_ROWS]
    yield "gradient of p, after the step", grad[::BIG_ROWS]
    yield from trajectories(hw, trial, "VanillaSGD")
    pairs = [(trial.normal("z", 2, 3).clone(), trial.normal("gradient of z", 2, 3).clone())]
    tensor = trial.normal("zt", 2, 3).clone().requires_grad_()
    tensor.grad = held = trial.normal("gradient of zt", 2, 3).clone()
    hw.optimizers.VanillaSGD([*pairs, tensor, torch.ones(2).requires_grad_()]).zero_grad()
    yield "zero_grad, of a pair", pairs[0][1]
    yield "zero_grad, of a torch tensor", held


@produces("p2.momentum_sgd", where=where_of("MomentumSGD"), factors={"lr": 0.05, "momentum": 0.9, "reg": REG})
def momentum_sgd(hw: Any, trial: Trial) -> Evidence:
    """Take five steps, with and without regularisation, and with another momentum."""
    yield from trajectories(hw, trial, "MomentumSGD")


@produces("p2.rmsprop", where=where_of("RMSProp"), factors={"lr": 0.02, "decay": 0.99, "reg": REG})
def rmsprop(hw: Any, trial: Trial) -> Evidence:
    """Take five steps, with and without regularisation, and with another decay and eps."""
    yield from trajectories(hw, trial, "RMSProp")


def trajectories(
    hw: Any, trial: Trial, name: str, more: Mapping[str, dict[str, Any]] | None = None
) -> Evidence:
    """Take five steps in several settings: plain, regularised, others, and ``more`` by title."""
    start = {key: trial.normal(key, *shape) for key, shape in SHAPES.items()}
    grads = [
        {key: trial.normal(f"gradient {step} of {key}", *shape) for key, shape in SHAPES.items()}
        for step in range(1, STEPS + 1)
    ]
    make = getattr(hw.optimizers, name)
    lr, other = LEARN_RATES[name], OTHER_HP[name]
    runs = {
        "": {},
        "regularised ": {"reg": REG},
        **({"other settings, ": other} if other else {}),
        **(more or {}),
    }
    for title, settings in runs.items():
        params = {key: value.clone() for key, value in start.items()}
        held = {key: torch.zeros_like(value) for key, value in start.items()}
        optimizer = make([(params[key], held[key]) for key in params], learn_rate=lr, **settings)
        for step, now in enumerate(grads, start=1):
            for key, value in now.items():
                held[key].copy_(value)
            optimizer.step()
            for key in ("u", "b") if step in (1, 2) else ():
                yield f"{title}{key} after {step} step{'s' * (step > 1)}", params[key]
        for key, value in params.items():
            yield f"{title}{key} after {STEPS} steps", value
        yield f"{title}gradient of u, after the steps", held["u"]
    yield from _torch_tensors(make, start, grads, lr)


def _torch_tensors(
    make: Any, start: dict[str, Tensor], grads: list[dict[str, Tensor]], lr: float
) -> Evidence:
    """Take five steps with torch tensors, of which one gets its gradient late and one never."""
    tensors = {key: value.clone().requires_grad_() for key, value in start.items()}
    optimizer = make(tensors.values(), learn_rate=lr, reg=REG)
    for step, now in enumerate(grads, start=1):
        tensors["u"].grad = now["u"].clone()
        tensors["b"].grad = now["b"].clone() if step > 2 else None
        optimizer.step()
    yield "torch tensor u after 5 steps", tensors["u"].detach()
    yield "torch tensor without a gradient", tensors["v"].detach()
    yield "torch tensor b, no gradient in steps 1 and 2", tensors["b"].detach()
    yield "gradient of torch tensor u", tensors["u"].grad


def _own_parts(hw: Any) -> tuple[type, type, type]:
    """Make a layer, a loss and an optimizer of the check's own, so that it needs nothing of other tasks."""

    class Affine(hw.layers.Layer):
        def __init__(self, w: Tensor) -> None:
            super().__init__()
            self.w, self.dw = w, torch.zeros_like(w)

        def forward(self, x: Tensor, **kw: Any) -> Tensor:
            self.x = x
            return x @ self.w

        def backward(self, dout: Tensor) -> Tensor:
            self.dw += self.x.T @ dout
            return dout @ self.w.T

        def params(self) -> list[tuple[Tensor, Tensor]]:
            return [(self.w, self.dw)]

    class Loss(hw.layers.Layer):
        def forward(self, x: Tensor, y: Tensor, **kw: Any) -> Tensor:
            self.x, self.y = x, y
            return torch.nn.functional.cross_entropy(x, y)

        def backward(self, dout: float | Tensor = 1.0) -> Tensor:
            hot = torch.nn.functional.one_hot(self.y, self.x.shape[1])
            return dout * (self.x.softmax(dim=1) - hot) / len(hot)

        def params(self) -> list[tuple[Tensor, Tensor]]:
            return []

    class Descent:
        learn_rate, reg = 0.5, 0.0

        def __init__(self, params: list[tuple[Tensor, Tensor]]) -> None:
            self.params = params

        def zero_grad(self) -> None:
            for _, held in self.params:
                held.zero_()

        def step(self) -> None:
            for value, held in self.params:
                value.add_(held, alpha=-self.learn_rate)

        def state(self) -> list[Tensor]:
            return []

    return Affine, Loss, Descent


@produces(
    "p2.layer_trainer",
    where={"": "LayerTrainer.train_batch", "test": "LayerTrainer.test_batch"},
    factors={"N": 6, "lr": 0.5},
)
def layer_trainer(hw: Any, trial: Trial) -> Evidence:
    """Train on three batches of small images from set weights, then test on one."""
    affine, loss, descent = _own_parts(hw)
    model = affine(trial.normal("w", 12, 4, std=0.3).clone())
    trainer = hw.training.LayerTrainer(model, loss(), descent(model.params()))
    for number in (1, 2, 3):
        x, y = trial.normal(f"images {number}", 6, 3, 2, 2), trial.integers(f"labels {number}", 6, below=4)
        result = trainer.train_batch((x, y))
        yield f"loss of batch {number}", result.loss
        yield f"num_correct of batch {number}", result.num_correct
        yield f"w after batch {number}", model.w
    result = trainer.test_batch((x, y))
    yield "test: loss", result.loss
    yield "test: num_correct", result.num_correct
    yield "test: w afterwards", model.w
    x, y = trial.normal("features", 5, 12), trial.integers("their labels", 5, below=4)
    yield "test: loss of flat inputs", trainer.test_batch((x, y)).loss


Script = tuple[tuple[float, int], ...]
"""Loss and number of correct samples, by batch."""


class Batches(NamedTuple):
    """Scripted batches: samples in each, and what training and testing on them is made to lead to."""

    sizes: tuple[int, ...]
    train: Script
    test: Script

    @classmethod
    def of(cls, twist: int) -> "Batches":
        """Make those of a trial."""
        train, test = ((2.0, 1), (0.5, 3), (1.0, 2)), ((3.0, 0), (1.5, 2), (0.25, 1))
        later = [tuple((loss + twist / 4, correct) for loss, correct in script) for script in (train, test)]
        return cls((4 + twist, 4 + twist, 2), *later)


class Loader(list[tuple[Tensor, Tensor]]):
    """A list of batches that counts how many were taken."""

    taken = 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for number in range(len(self)):
            self.taken += 1
            yield self[number]


def _scripted_batches(hw: Any, script: Batches, modes: list[str]) -> Any:
    """Make a trainer whose batches have scripted results; each batch's images hold its number."""
    affine, _, _ = _own_parts(hw)

    class Scripted(hw.training.Trainer):
        def train_batch(self, batch: tuple[Tensor, Tensor]) -> Any:
            return self._look_up(script.train, batch)

        def test_batch(self, batch: tuple[Tensor, Tensor]) -> Any:
            return self._look_up(script.test, batch)

        def _look_up(self, results: Script, batch: tuple[Tensor, Tensor]) -> Any:
            modes.append("training" if self.model.training_mode else "test")
            number = int(batch[0].flatten()[0])
            return hw.training.BatchResult(*(results[number] if number < 3 else (float("nan"), 0)))

    return Scripted(affine(torch.zeros(1, 1)))


def _numbers(values: Any) -> Any:
    """Return a list of numbers as a tensor, so that it can be compared; anything else as it is."""
    if isinstance(values, list | tuple) and all(isinstance(value, int | float | Tensor) for value in values):
        return torch.tensor([float(value) for value in values])
    return values


@produces(
    "p2.epoch",
    where={"": "Trainer._for_each_batch"},
    factors={"batches": 3},
)
def epoch(hw: Any, trial: Trial) -> Evidence:
    """Run epochs of scripted batches: a partial last one, max_batches, none at all, a loss of nan."""
    modes: list[str] = []
    script = Batches.of(trial.twist())
    trainer = _scripted_batches(hw, script, modes)
    batches = Loader(
        (torch.full((n, 1, 2, 2), float(number)), torch.zeros(n).long())
        for number, n in enumerate(script.sizes)
    )
    calls: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("train", trainer.train_epoch),
        ("test", trainer.test_epoch),
    )
    for name, run in calls:
        result = run(batches, verbose=False)
        yield f"{name}_epoch: losses", _numbers(result.losses)
        yield f"{name}_epoch: accuracy", result.accuracy
    yield "modes that the model was in", " ".join(modes)
    batches.taken = 0
    result = trainer.train_epoch(batches, max_batches=2, verbose=False)
    yield "max_batches=2: losses", _numbers(result.losses)
    yield "max_batches=2: accuracy", result.accuracy
    yield "max_batches=2: batches taken from the loader", batches.taken
    result = trainer.train_epoch(batches, max_batches=9, verbose=False)
    yield "max_batches=9: accuracy", result.accuracy
    yield "no batch raises", raised(lambda: trainer.train_epoch(Loader(), verbose=False))
    sick = Loader([(torch.full((4, 1, 2, 2), 3.0), torch.zeros(4).long())])
    yield "a loss of nan raises", raised(lambda: trainer.test_epoch(sick, verbose=False))


class Courses(NamedTuple):
    """Test accuracy by epoch; the loss falls (not with ``equal``) and training accuracy rises all the time.

    Attributes:
        before: Epochs before the first ones that are written down here; each of them is a new best.
    """

    before: int
    rising: tuple[float, ...]
    stalling: tuple[float, ...]
    equal: tuple[float, ...]
    recovering: tuple[float, ...]

    @classmethod
    def of(cls, twist: int) -> "Courses":
        """Make those of a trial."""
        first = tuple(40.0 - 5 * n for n in range(twist, 0, -1))
        courses = (
            (40.0, 50.0, 60.0, 70.0),
            (40.0, 60.0, 50.0, 55.0, 58.0, 57.0, 70.0, 56.0, 54.0, 52.0, 80.0),
            (40.0, 60.0, 60.0, 60.0, 60.0, 60.0),
            (40.0, 30.0, 50.0, 45.0, 60.0, 55.0, 50.0, 52.0, 90.0),
        )
        return cls(twist, *(first + course for course in courses))

    def early(self) -> Iterator[tuple[str, int, tuple[float, ...]]]:
        """Yield the trials of early stopping: title, patience and course."""
        for patience, course in ((3, self.stalling), (1, self.stalling), (2, self.recovering)):
            title = f"early_stopping={patience}, accuracies {' '.join(f'{a:g}' for a in course)}"
            yield title, patience, course


def _scripted_epochs(hw: Any, accuracies: tuple[float, ...], steady: bool = False) -> Any:
    """Make a trainer whose epochs have scripted results; its one weight counts the epochs trained."""
    affine, _, descent = _own_parts(hw)

    class Scripted(hw.training.Trainer):
        trained = 0
        passed_on: Any = None

        def train_epoch(self, dl_train: Any, **kw: Any) -> Any:
            self.passed_on = {key: value for key, value in kw.items() if key != "verbose"}
            self.model.w += 1
            self.trained += 1
            return hw.training.EpochResult([1.0, 2.0 + self._number(), 6.0], 10.0 * self._number())

        def test_epoch(self, dl_test: Any, **kw: Any) -> Any:
            if self._number() > len(accuracies):
                raise RuntimeError(f"fit goes on after num_epochs={len(accuracies)} epochs")
            losses = [3.0, 1.0] if steady else [3.0 / self._number(), 1.0 / self._number()]
            return hw.training.EpochResult(losses, accuracies[self._number() - 1])

        def _number(self) -> int:
            return int(self.model.w)

        def train_batch(self, batch: Any) -> Any:
            raise RuntimeError("fit works with train_epoch, not with train_batch")

        test_batch = train_batch

    model = affine(torch.zeros(1, 1))
    trainer = Scripted(model)
    trainer.optimizer = descent(model.params())
    return trainer


@produces(
    "p2.fit", where={"": "Trainer.fit", "early": "Trainer.fit, Trainer._is_over"}, factors={"epochs": 4}
)
def fit(hw: Any, trial: Trial) -> Evidence:
    """Fit with scripted epochs: history, early stopping, the best weights, and going on from a file."""
    courses = Courses.of(trial.twist())
    trainer, epochs = _scripted_epochs(hw, courses.rising), 4 + courses.before
    result = trainer.fit([], [], num_epochs=epochs, print_every=0, max_batches=7)
    yield "num_epochs", result.num_epochs
    for name in ("train_loss", "train_acc", "test_loss", "test_acc"):
        yield name, _numbers(getattr(result, name))
    yield "keywords passed on", str(trainer.passed_on)
    yield f"weight after {epochs} epochs", trainer.model.w
    for title, patience, accuracies in courses.early():
        trainer = _scripted_epochs(hw, accuracies)
        result = trainer.fit([], [], len(accuracies), early_stopping=patience, print_every=0)
        yield f"{title}: num_epochs", result.num_epochs
        yield f"{title}: epochs trained", trainer.trained
        yield f"{title}: weight", trainer.model.w
    trainer = _scripted_epochs(hw, courses.equal, steady=True)
    result = trainer.fit([], [], len(courses.equal), early_stopping=2, print_every=0)
    yield "early_stopping=2, epochs that only equal the best: num_epochs", result.num_epochs
    yield "early_stopping=2, epochs that only equal the best: weight", trainer.model.w
    trainer = _scripted_epochs(hw, courses.stalling)
    trainer.fit([], [], epochs, early_stopping=3, print_every=0)
    yield f"early_stopping=3, all {epochs} epochs run: weight", trainer.model.w
    trainer = _scripted_epochs(hw, courses.stalling)
    trainer.fit([], [], epochs, print_every=0)
    yield "no early_stopping: weight of the last epoch", trainer.model.w
    yield from _resumed(hw, courses)


def _resumed(hw: Any, courses: Courses) -> Evidence:
    first, whole, accuracies = 3 + courses.before, 7 + courses.before, courses.stalling
    with contextlib.ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "deep" / "fit.pt"
        _scripted_epochs(hw, accuracies).fit([], [], first, checkpoints=path, print_every=0)
        yield "a checkpoint is written", str(path.exists())
        again, title = _scripted_epochs(hw, accuracies), f"resumed after {first} epochs"
        result = again.fit([], [], whole, checkpoints=path, early_stopping=3, print_every=0)
        yield f"{title}: num_epochs", result.num_epochs
        yield f"{title}: epochs trained", again.trained
        yield f"{title}: test_acc", _numbers(result.test_acc)
        yield f"{title}: weight", again.model.w
        third = _scripted_epochs(hw, accuracies)
        third.fit([], [], whole, checkpoints=path, early_stopping=3, print_every=0)
        yield "resumed when it had stopped already: epochs trained", third.trained


from cs_helpers.checks import part2_further  # noqa: E402, F401 - registers more, and needs what is above
