"""The plots of Part 4's notebook, and what they show: how far units see, and which gradients arrive."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cs_helpers.plot import COLOURS, MARKERS


def influence(net: nn.Module, size: Sequence[int], samples: int = 8) -> Tensor:
    """Measure how much each pixel of the input moves the middle of the output.

    Args:
        net: From images to maps.
        size: Of one image, (C, H, W).
        samples: How many random images the result is a mean over.

    Returns:
        The mean size of the derivative of the output's middle pixel (all channels together), shape (H, W),
        with a greatest value of 1.
    """
    x = torch.randn(samples, *size, requires_grad=True)
    out = net(x)
    middle = out[:, :, out.shape[2] // 2, out.shape[3] // 2]
    (slope,) = torch.autograd.grad(middle.sum(), x)
    found = slope.abs().mean(dim=(0, 1))
    return found / found.max()


def extent(found: Tensor) -> int:
    """Return the width of the smallest square that holds all pixels with an influence, from ``influence``."""
    rows, columns = (found > 0).any(dim=1).nonzero(), (found > 0).any(dim=0).nonzero()
    return int(max(part.max() - part.min() + 1 for part in (rows, columns)))


def plot_influence(found: Mapping[str, Tensor]) -> None:
    """Draw the influence of each pixel, one picture for each network.

    Args:
        found: What ``influence`` returned, by the titles to give the pictures.
    """
    axes = _figure((2.1 * len(found), 2.4)).subplots(1, len(found), squeeze=False)
    for ax, (title, values) in zip(axes.flat, found.items(), strict=True):
        ax.imshow(values.sqrt(), cmap="cividis", vmin=0, vmax=1)  # the root shows small values as well
        ax.set_title(f"{title}\n{extent(values)} x {extent(values)} pixels")
        ax.set_axis_off()


def gradient_norms(net: nn.Module, x: Tensor) -> list[float]:
    """Return the norm of the gradient that arrives at the weights of each convolution, first to last.

    The gradient is that of the mean of the output.
    """
    weights = [layer.weight for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    return [slope.norm().item() for slope in torch.autograd.grad(net(x).mean(), weights)]


def plot_gradients(norms: Mapping[str, Sequence[float]]) -> None:
    """Draw the norms of gradients over the depth, on a logarithmic axis.

    Args:
        norms: What ``gradient_norms`` returned, by the names of the networks.
    """
    ax = _figure((6.4, 3.2)).subplots()
    for (name, values), colour, marker in zip(norms.items(), COLOURS, MARKERS, strict=False):
        ax.semilogy(range(1, len(values) + 1), values, label=name, color=colour, marker=marker, markersize=4)
    ax.set(xlabel="layer, from the input to the output", ylabel="norm of the gradient")
    ax.legend()


def _figure(size: tuple[float, float]) -> Any:
    import matplotlib.pyplot as plt  # only now, so that importing this module costs nothing

    return plt.figure(figsize=size)
