"""What is run to check Part 5: experiments of a few batches, YourCNN, and the results that are stored.

A student's code may call its variables as it likes, so what it does is watched from outside: which layers a
batch goes through, in which mode, and what scores come out. See ``measures_part5`` for the verdicts.
"""

import contextlib
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cs_helpers.checks.part1 import Evidence, raised
from cs_helpers.checks.part3_training import one_thread
from cs_helpers.checks.registry import Tolerance, produces
from cs_helpers.checks.trial import Trial
from cs_helpers.grids import EXPERIMENTS
from cs_helpers.run_files import run_path

SEED = "seed of the experiments"
DATA = "digits"
PLAIN: dict[str, Any] = {
    **{"run_name": "plain", "bs_train": 16, "bs_test": 50, "batches": 3, "epochs": 2, "lr": 0.1, "reg": 0.3},
    **{"filters_per_layer": [4, 6], "layers_per_block": 2, "pool_every": 2, "hidden_dims": [8]},
    **{"model_type": "cnn", "data": DATA, "device": "cpu", "print_every": 0},
    "optimizer": "sgd",
}
RESIDUAL: dict[str, Any] = {
    **{**PLAIN, "run_name": "residual", "model_type": "resnet", "filters_per_layer": (5,), "hidden_dims": ()},
    **{"layers_per_block": 3, "pool_every": 2, "batchnorm": True},
    **{"optimizer": "adam", "schedule": "one-cycle", "lr": 0.02, "reg": 1e-3},
}
LOSSES = Tolerance(0.01, "a few optimizer steps from the same weights; rounding grows a little with each")

FROM_WEIGHTS = ("plain, training losses", "plain, size of the test scores", "residual, training losses")
"""What depends on the weights that a seed gives."""


def _own(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a copy for the student, whose code may change lists."""
    return copy.deepcopy(settings)


class _StoppedError(Exception):
    """What an interrupted run ends with."""


class Watch:
    """Sees every batch that goes through a network while it is in use.

    Args:
        stop_at: Raise at this batch, counted from 1, as an interruption would.

    Attributes:
        batches: Mode and number of images of each batch from the first training batch on.
        layers: The layers that the first training batch went through.
        scores: Of each batch, what came out of the last linear layer.
    """

    def __init__(self, stop_at: int | None = None) -> None:
        self.batches: list[tuple[str, int]] = []
        self.layers: list[str] = []
        self.scores: list[Tensor] = []
        self._first: nn.Module | None = None
        self._stop_at = stop_at

    def __enter__(self) -> "Watch":
        hooks = nn.modules.module
        self._handle = hooks.register_module_forward_hook(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()

    def _see(self, module: nn.Module, args: Any, out: Any) -> None:
        training = module.training and torch.is_grad_enabled()
        if self._first is None and isinstance(module, nn.Conv2d) and training:
            self._first = module
        if module is self._first:
            self.batches.append(("train" if module.training else "test", len(args[0])))
            self.scores.append(out)
            if len(self.batches) == self._stop_at:
                raise _StoppedError
        if len(self.batches) == 1 and isinstance(module, _KINDS):
            self.layers.append(_name(module))
        if self.batches and isinstance(module, nn.Linear):
            self.scores[-1] = out.detach().float()

    def told(self) -> str:
        """Put the batches into words, such as "train 16, 16; test 50, 44"."""
        words, last = [], ""
        for mode, size in self.batches:
            words.append(f", {size}" if mode == last else f"; {mode} {size}")
            last = mode
        return "".join(words)[2:]

    def scores_of(self, first: int, last: int | None = None) -> Tensor:
        """Return the scores of some of the batches."""
        return torch.cat(self.scores[first:last])


_KINDS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d)


def _name(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        return f"Conv {module.in_channels} to {module.out_channels}"
    if isinstance(module, nn.Linear):
        return f"Linear to {module.out_features}"
    return "BatchNorm" if isinstance(module, nn.BatchNorm2d) else "Pool"


@produces(
    "p5.experiment",
    where={
        "": "cnn_experiment",
        "plain, layers": "_make_net",
        "residual, layers": "_make_net",
        "load_experiment": "load_experiment",
    },
    tolerances=dict.fromkeys(FROM_WEIGHTS, LOSSES),
    streams=FROM_WEIGHTS,
    seconds=60,
)
def experiment(hw: Any, trial: Trial) -> Evidence:
    """Run small experiments, watch what goes through their networks, and read the files they write."""
    run, load = hw.experiments.cnn_experiment, hw.experiments.load_experiment
    seed = int(trial.integers(SEED, 1, below=1024))
    with tempfile.TemporaryDirectory() as folder, one_thread():
        common = {"out_dir": folder, "seed": seed}
        with Watch() as seen:
            fit = run(**_own(PLAIN), **common)
        file = run_path(folder, *(PLAIN[n] for n in ("run_name", "layers_per_block", "filters_per_layer")))
        yield "plain, layers", "; ".join(seen.layers)
        yield "plain, batches", seen.told()
        yield "raw:plain validation scores", seen.scores_of(-7, -4)
        yield "raw:plain test scores", seen.scores_of(-4)
        yield "raw:plain file", _bytes(file)
        yield "load_experiment, settings", _same(load(file)[0], json.loads(file.read_text())["config"])
        yield "load_experiment, result", _same(load(file)[1], fit)
        yield "plain, the same seed again", _same(run(**_own(PLAIN), **common), fit)
        with Watch() as seen:
            run(**_own(RESIDUAL), **common)
        yield "residual, layers", "; ".join(seen.layers)
        file = run_path(folder, *(RESIDUAL[n] for n in ("run_name", "layers_per_block", "filters_per_layer")))
        yield "raw:residual file", _bytes(file)
        yield from _stops(run, common)
        yield from _goes_on(run, common)
        yield (
            "unknown model_type raises",
            raised(lambda: run(**{**_own(PLAIN), **common, "model_type": "cmm"})),
        )


def _same(got: Any, want: Any) -> str:
    return "the same" if got == want else "another"


def _bytes(file: Path) -> Tensor:
    """Read a file that the student's code wrote; what it says is judged elsewhere."""
    return torch.frombuffer(bytearray(file.read_bytes() or b" "), dtype=torch.uint8)


def _stops(run: Any, common: dict[str, Any]) -> Evidence:
    """Train with steps too small to change anything, so that no epoch is better than the first."""
    own = {"run_name": "still", "lr": 1e-30, "reg": 0.0, "batches": 1, "epochs": 8, "early_stopping": 3}
    yield "epochs, if none is better than the first", run(**{**_own(PLAIN), **common, **own}).num_epochs


def _goes_on(run: Any, common: dict[str, Any]) -> Evidence:
    """Interrupt a run in its second epoch, and start it once more."""
    file = Path(common["out_dir"]) / "interrupted.pt"
    own = {**_own(PLAIN), **common, "run_name": "interrupted", "checkpoints": str(file)}
    with contextlib.suppress(_StoppedError), Watch(stop_at=8):
        run(**own)
    yield "interrupted, checkpoint", "there" if file.exists() else "none"
    with Watch() as seen:
        run(**own)
    yield "interrupted, batches when it goes on", seen.told()


DEPTHS = (3, 6, 9, 12)
FILTERS, NARROW = (32, 64, 128), (8, 16, 32)
STEPS, IMAGES = 30, 8


@produces(
    "p5.your_cnn",
    where={"": "YourCNN"},
    seconds=60,
)
def your_cnn(hw: Any, trial: Trial) -> Evidence:
    """Build YourCNN at every depth of experiment 2; train narrow ones, 9 and 36 layers deep, on one batch."""
    make = hw.cnn.YourCNN
    drawn = torch.Generator().manual_seed(int(trial.integers("seed of the images", 1, below=1024)))
    x = torch.randn(IMAGES, 3, 32, 32, generator=drawn)  # too large to be stored
    y = trial.integers("labels", IMAGES, below=10)
    trial.seed_torch()
    with one_thread():
        for depth in DEPTHS:
            channels = _repeat(FILTERS, depth)
            net = make((3, 32, 32), 10, channels, depth, [16]).eval()
            with torch.no_grad():
                yield f"shape of the scores, L={depth}", str(tuple(net(x[:2]).shape))
        yield "the caller's list afterwards", _same(channels, _repeat(FILTERS, DEPTHS[-1]))
        other = make([1, 32, 32], 5, tuple(_repeat(NARROW, 2)), 2, ()).eval()
        with torch.no_grad():
            yield "shape of the scores, 5 classes of grey images", str(tuple(other(x[:2, :1]).shape))
        for depth in (DEPTHS[0], DEPTHS[-1]):
            net = make((3, 32, 32), 10, _repeat(NARROW, depth), depth, []).train()
            yield from _trained(net, x, y, depth)
            unused = sum(param.grad is None for param in net.parameters() if param.requires_grad)
            yield f"parameters without a gradient, L={depth}", unused


def _repeat(filters: tuple[int, ...], depth: int) -> list[int]:
    return [number for number in filters for _ in range(depth)]


def _trained(net: nn.Module, x: Tensor, y: Tensor, depth: int) -> Evidence:
    """Train on one batch over and over; leave the scores, and how much of the gradient arrives, behind."""
    first = next((module for module in net.modules() if isinstance(module, nn.Conv2d)), None)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for step in range(STEPS + 1):
        scores = net(x)
        if step == STEPS:
            yield f"raw:scores, L={depth}, step {step}", scores.detach()
        optimizer.zero_grad()
        nn.functional.cross_entropy(scores, y).backward()
        if step == 0 and first is not None and first.weight.grad is not None:
            yield f"raw:gradient, L={depth}", first.weight.grad.norm().reshape(1)
        optimizer.step()


@produces("p5.results", where={"": "part5_hp"})
def results(hw: Any, trial: Trial) -> Evidence:
    """Read the results that are stored; the 34 runs need no time here."""
    choices = trial.answers.part5.part5_hp
    choices("exp1_1", (32,), 2)  # a stub says so itself
    folder = trial.root / "results"
    if not any(folder.glob("*.json")):
        raise NotImplementedError("no results yet: `python -m hw.experiments run-grid all` makes them")
    for name, (_, _, grid) in EXPERIMENTS.items():
        for filters, depths in grid:
            for depth in depths:
                file = run_path(folder, name, depth, filters)
                if file.is_file() and file.stat().st_size <= MAX_BYTES:
                    yield f"raw:{file.name}", _bytes(file)
    yield "experiments", ", ".join(EXPERIMENTS)


MAX_BYTES = 64 * 1024
