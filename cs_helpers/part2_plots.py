"""The plots of Part 2's notebook, and the small surfaces that its optimizers walk on."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from cs_helpers.data import load
from cs_helpers.loaders import make_loaders
from cs_helpers.plot import COLOURS, GREY, MARKERS

Loss = Callable[[Tensor], Tensor]
START = (-2.6, 1.4)  # where the paths on the valley begin


class Line1D:
    """Samples of a line through the origin, and the loss of a slope on any batch of them.

    Args:
        n: How many samples.
        seed: Of the noise.
    """

    def __init__(self, n: int = 64, seed: int = 42) -> None:
        stream = torch.Generator().manual_seed(seed)
        self.x = torch.randn(n, generator=stream)
        self.t = 1.5 * self.x + 2.0 * torch.randn(n, generator=stream)

    def loss(self, w: Tensor, rows: slice | Tensor = slice(None)) -> Tensor:
        """Return the mean of 1/2 (w x - t)**2 over some samples, for each of many slopes ``w`` (M,)."""
        return 0.5 * (w[:, None] * self.x[rows] - self.t[rows]).square().mean(dim=1)  # (M, N) -> (M,)

    def grad(self, w: Tensor, rows: slice | Tensor = slice(None)) -> Tensor:
        """Return the derivative of that loss, shape (M,)."""
        x = self.x[rows]
        return ((w[:, None] * x - self.t[rows]) * x).mean(dim=1)


def valley(p: Tensor) -> Tensor:
    """Return the height of a long, narrow valley: gentle along the first axis, steep along the second.

    Args:
        p: Points, shape (..., 2).

    Returns:
        Heights, shape (...); zero at the origin, the lowest point.
    """
    return 0.01 * p[..., 0] ** 2 + p[..., 1] ** 2


def path(make: Callable[[list[Tensor]], Any], steps: int, start: tuple[float, float] = START) -> Tensor:
    """Let an optimizer walk down the valley.

    Args:
        make: From a list with the one parameter to an optimizer.
        steps: How many steps.
        start: Where from.

    Returns:
        The places it was at, shape (steps + 1, 2).
    """
    point = torch.tensor(start, requires_grad=True)
    optimizer = make([point])
    places = [point.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        valley(point).backward()
        optimizer.step()
        places.append(point.detach().clone())
    return torch.stack(places)


def plot_batches(data: Line1D, batch_size: int, steps: Mapping[str, Tensor]) -> None:
    """Draw the loss curves of all batches and of their mean; beside them the slopes that descents visit.

    Args:
        data: The samples.
        batch_size: Samples in a batch.
        steps: By name: the values of ``w`` after each step, shape (steps + 1,).
    """
    left, right = _figure((8.6, 3.2)).subplots(1, 2)
    w = torch.linspace(-1.5, 4.0, 111)
    for begin in range(0, len(data.x), batch_size):
        few = data.loss(w, slice(begin, begin + batch_size))
        left.plot(w, few, color=COLOURS[4], linewidth=1, label="" if begin else f"batches of {batch_size}")
        best = few.argmin()
        left.plot(w[best], few[best], marker="v", color=COLOURS[4], markersize=4)
    whole = data.loss(w)
    left.plot(w, whole, color=COLOURS[0], linewidth=2.5, label=f"all {len(data.x)} samples")
    left.plot(w[whole.argmin()], whole.min(), marker="v", color=COLOURS[0])
    left.set(xlabel="$w$", ylabel="loss", ylim=(0, 5))
    left.legend()
    for (name, values), colour, marker in zip(steps.items(), COLOURS, MARKERS, strict=False):
        right.plot(values, label=name, color=colour, marker=marker, markersize=3)
    right.axhline(w[whole.argmin()].item(), color=GREY, linestyle="--", linewidth=1)
    right.set(xlabel="step", ylabel="$w$")
    right.legend()


def plot_paths(paths: Mapping[str, Tensor]) -> None:
    """Draw paths on the valley, and beside them the height after each step.

    Args:
        paths: Places by the optimizer's name, shape (steps + 1, 2).
    """
    left, right = _figure((8.8, 3.2)).subplots(1, 2, width_ratios=[1.5, 1])
    x, y = torch.meshgrid(torch.linspace(-3, 1.6, 93), torch.linspace(-1.7, 1.7, 69), indexing="xy")
    heights = valley(torch.stack([x, y], dim=-1))
    left.contour(
        x, y, heights, levels=[0.02, 0.1, 0.3, 0.7, 1.3, 2.1], colors=GREY, linewidths=0.8, alpha=0.6
    )
    for (name, places), colour, marker in zip(paths.items(), COLOURS, MARKERS, strict=False):
        left.plot(*places.T, label=name, color=colour, marker=marker, markersize=3, linewidth=1.2)
        right.semilogy(valley(places), color=colour, marker=marker, markersize=3, markevery=5)
    left.plot(0, 0, marker="*", color=GREY, markersize=10)
    left.grid(False)
    left.set(xlabel="$p_1$", ylabel="$p_2$")
    left.legend(loc="upper right", fontsize="small")
    right.set(xlabel="step", ylabel="height")


def seeds_of(
    hw: Any, make: Callable[[Any], Any], schedule: Callable[..., float], epochs: int = 6, seeds: int = 3
) -> Tensor:
    """Train a small MLP of Layers on the embedded digits, once for each seed.

    Args:
        hw: The student's package.
        make: From parameters to an optimizer.
        schedule: Called with the epoch, the number of epochs and the optimizer's first learning rate.
        epochs: How many epochs.
        seeds: How many seeds, from 1.

    Returns:
        The mean training loss of each epoch, shape (seeds, epochs).
    """
    data = load("digits32")
    losses = torch.zeros(seeds, epochs)
    for seed in range(seeds):
        dl_train, _ = make_loaders(data, 50, max_train=1000, max_test=50, seed=seed + 1)
        torch.manual_seed(seed + 1)
        net = hw.layers.MLP(data.train.images[0].numel(), 10, [64, 64], wstd=0.05)
        optimizer = make(net.params())
        trainer = hw.training.LayerTrainer(net, hw.layers.CrossEntropyLoss(), optimizer)
        first = optimizer.learn_rate
        for epoch in range(epochs):
            optimizer.learn_rate = schedule(epoch, epochs, first)
            result = trainer.train_epoch(dl_train, None, False)
            losses[seed, epoch] = sum(result.losses) / len(result.losses)
    return losses


def plot_bands(curves: Mapping[str, Tensor]) -> None:
    """Draw means over seeds, with a band of a standard deviation and one from the least to the greatest.

    Args:
        curves: By name: training losses, shape (seeds, epochs).
    """
    axes = _figure((6.4, 3.4)).subplots()
    for (name, values), colour, marker in zip(curves.items(), COLOURS, MARKERS, strict=False):
        epochs, mean, std = range(1, values.shape[1] + 1), values.mean(dim=0), values.std(dim=0)
        axes.plot(epochs, mean, label=name, color=colour, marker=marker, markersize=4)
        axes.fill_between(epochs, mean - std, mean + std, color=colour, alpha=0.3, linewidth=0)
        axes.fill_between(epochs, values.amin(0), values.amax(0), color=colour, alpha=0.12, linewidth=0)
    axes.set(xlabel="epoch", ylabel="training loss")
    if curves:
        axes.legend()


def _figure(size: tuple[float, float]) -> Any:
    import matplotlib.pyplot as plt  # only now, so that importing this module costs nothing

    return plt.figure(figsize=size)
