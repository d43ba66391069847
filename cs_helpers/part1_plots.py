"""The plots of Part 1's notebook: each function draws on a new pyplot figure, which the cell then shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cs_helpers.plot import GREY


def plot_functions(layers: Mapping[str, Any], reach: float = 6.0) -> None:
    """Draw layers as functions of one number, and beside them the derivatives that ``backward`` gives.

    Args:
        layers: Element-wise layers by their names.
        reach: The functions are drawn from ``-reach`` to ``reach``.
    """
    x = torch.linspace(-reach, reach, 401)
    one = torch.ones_like(x)
    curves = [(name, layer(x), layer.backward(one)) for name, layer in layers.items()]
    left, right = _figure((8.4, 3.0)).subplots(1, 2)
    for (name, values, slopes), dashes in zip(curves, _DASHES, strict=False):
        left.plot(x, values, label=name, linestyle=dashes)
        right.plot(x, slopes, linestyle=dashes)
    left.set(title="forward: $f(x)$", xlabel="$x$")
    right.set(title="backward with $\\delta z = 1$: $f'(x)$", xlabel="$x$")
    left.legend()


def plot_gradient_norms(norms: Mapping[str, Sequence[float]]) -> None:
    """Draw how large the gradient is at each Linear of some networks, on a logarithmic axis.

    Args:
        norms: By the name of a network: a norm per Linear, from the first to the last.
    """
    axes = _figure((6.4, 3.2)).subplots()
    for (name, values), marker in zip(norms.items(), "osD^", strict=False):
        axes.semilogy(range(1, len(values) + 1), values, marker=marker, label=name)
    axes.set(xlabel="Linear layer, counted from the input", ylabel="norm of $\\delta W$")
    axes.set_xticks(range(1, max(map(len, norms.values())) + 1))
    axes.legend()


def plot_masks(outputs: Mapping[str, Tensor]) -> None:
    """Draw tensors of shape ``(rows, columns)`` side by side, on one scale; exactly zero stays empty.

    Args:
        outputs: The tensors by the titles to give them.
    """
    panels = _figure((2.1 * len(outputs), 2.4)).subplots(1, len(outputs))
    top = max(values.max().item() for values in outputs.values())
    for axes, (title, values) in zip(panels, outputs.items(), strict=True):
        seen = torch.where(values == 0, torch.nan, values)
        axes.imshow(seen, cmap="cividis", vmin=0, vmax=top)
        axes.set(title=title, xticks=[], yticks=[])
        axes.grid(False)


def plot_training(losses: Sequence[float], chance: float, images: Tensor, titles: Sequence[str]) -> None:
    """Draw a loss curve, and beside it some images with titles.

    Args:
        losses: Loss of each step.
        chance: The loss of a network that knows nothing, drawn as a line.
        images: At most eight images, shape ``(N, H, W)``.
        titles: A title for each image.
    """
    figure = _figure((8.4, 3.0))
    left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])
    axes = left.subplots()
    axes.plot(losses)
    axes.axhline(chance, color=GREY, linestyle="--", linewidth=1)
    axes.annotate("knowing nothing", (len(losses), chance), ha="right", va="bottom", color=GREY)
    axes.set(xlabel="step", ylabel="loss of the batch", ylim=(0, None))
    panels = list(right.subplots(2, 4).flat)
    for panel in panels:
        panel.set_axis_off()
    for panel, image, title in zip(panels, images, titles, strict=False):
        panel.imshow(image, cmap="cividis")
        panel.set_title(title, fontsize="small")


_DASHES = ("-", "--", "-.", ":")


def _figure(size: tuple[float, float]) -> Any:
    import matplotlib.pyplot as plt  # only now, so that importing this module costs nothing

    return plt.figure(figsize=size)
