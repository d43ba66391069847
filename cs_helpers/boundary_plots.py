"""Plots of classifiers in two dimensions: samples, decision regions, ROC curves, confusion matrices."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from cs_helpers.plot import COLOURS, GREY

# Orange for 0, blue for 1: told apart by everybody, also in grey, on light and on dark pages.
CLASS_COLOURS = LinearSegmentedColormap.from_list("classes", [COLOURS[1], COLOURS[0]])


def new_axes(size: tuple[float, float] = (4.2, 3.6)) -> Any:
    """Return the axes of a new pyplot figure."""
    import matplotlib.pyplot as plt

    return plt.figure(figsize=size).subplots()


def draw_samples(ax: Any, x: Tensor, y: Tensor, cmap: Any = CLASS_COLOURS, size: float = 5) -> None:
    """Draw samples ``(N, 2)`` as dots in the colours of their labels, and set equal scales."""
    top = max(1, int(y.max()))
    ax.scatter(*x.T.tolist(), c=y.tolist(), cmap=cmap, vmin=0, vmax=top, s=size, alpha=0.75, linewidths=0)
    ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    ax.grid(False)


def draw_classes(
    ax: Any, x1_grid: Tensor, x2_grid: Tensor, y_grid: Tensor, x: Tensor, y: Tensor, cmap: Any = CLASS_COLOURS
) -> None:
    """Colour the plane by class, draw the boundary as a line, and samples on top.

    Args:
        ax: Axes to draw on.
        x1_grid: First coordinate of the points of a grid, any two-dimensional shape.
        x2_grid: Their second coordinate.
        y_grid: Their class.
        x: Samples, shape ``(N, 2)``.
        y: Their labels.
        cmap: Colour map of the classes.
    """
    top = max(1, int(y.max()), int(y_grid.max()))
    grids = (x1_grid.numpy(), x2_grid.numpy(), y_grid.numpy())
    ax.pcolormesh(*grids, cmap=cmap, vmin=0, vmax=top, alpha=0.3, shading="nearest", rasterized=True)
    if y_grid.min() < y_grid.max():
        levels = [k + 0.5 for k in range(int(y_grid.min()), int(y_grid.max()))]
        ax.contour(*grids, levels=levels, colors=GREY, linewidths=1.5)
    draw_samples(ax, x, y, cmap)


def draw_roc(ax: Any, fpr: Any, tpr: Any, index: int, thresh: float) -> None:
    """Draw a ROC curve, what guessing would give, the perfect corner, and the chosen point.

    Args:
        ax: Axes to draw on.
        fpr: False positive rates, from 0 to 1.
        tpr: True positive rates.
        index: Which point was chosen.
        thresh: Its threshold, for the label.
    """
    ax.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    ax.plot(fpr, tpr)
    x, y = float(fpr[index]), float(tpr[index])
    ax.plot([0, x], [1, y], color=GREY, linestyle="--", linewidth=1)
    ax.plot(0, 1, marker="*", markersize=11, color=GREY, linestyle="", clip_on=False, label="perfect: (0, 1)")
    label = f"threshold {thresh:.3f}: ({x:.2f}, {y:.2f})"
    ax.plot(x, y, marker="o", markersize=7, color=COLOURS[5], linestyle="", label=label)
    ax.annotate("guessing", (0.5, 0.5), (4, -4), textcoords="offset points", color=GREY, va="top")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    ax.legend(loc="lower right")


def plot_samples(sets: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Draw several sets of samples side by side on one scale.

    Args:
        sets: Samples ``(N, 2)`` and labels, by the titles to give them.
    """
    panels = _panels(1, len(sets), (3.0, 2.9))
    for ax, (title, (x, y)) in zip(panels.flat, sets.items(), strict=True):
        draw_samples(ax, x, y, size=3)
        ax.set_title(f"{title}, {len(x)} samples")


def plot_confusions(predictions: Mapping[str, Tensor], y: Tensor) -> None:
    """Draw a confusion matrix for each of several predictions of the same labels, with the two error rates.

    Args:
        predictions: Predicted classes ``(N,)``, 0 or 1, by the titles to give them.
        y: The labels.
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    panels = _panels(1, len(predictions), (3.2, 3.0), share=False)
    for ax, (title, predicted) in zip(panels.flat, predictions.items(), strict=True):
        display = ConfusionMatrixDisplay.from_predictions(y, predicted, ax=ax, colorbar=False, cmap="Blues")
        fpr, fnr = error_rates(predicted, y)
        ax.set_title(f"{title}\nFPR {fpr:.1%}, FNR {fnr:.1%}")
        ax.grid(False)
        assert display.text_ is not None


def error_rates(predicted: Tensor, y: Tensor) -> tuple[float, float]:
    """Return the false positive rate and the false negative rate of predictions, as shares."""
    predicted, y = predicted.bool(), y.bool()
    return (predicted & ~y).sum().item() / (~y).sum().item(), (~predicted & y).sum().item() / y.sum().item()


def boundary_axes(rows: int, columns: int, size: Sequence[float] = (2.3, 2.2)) -> Any:
    """Return an array of axes for a grid of decision boundaries, all on one scale."""
    return _panels(rows, columns, (size[0], size[1]))


def _panels(rows: int, columns: int, size: tuple[float, float], share: bool = True) -> Any:
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(size[0] * columns, size[1] * rows))
    return figure.subplots(rows, columns, sharex=share, sharey=share, squeeze=False)


def subset(x: Tensor, y: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return some samples, always the same, so that a small plot is not covered by dots."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:count]
    return x[order], y[order]


def plot_folds(accuracies: Mapping[str, Sequence[float]]) -> None:
    """Draw the accuracies of all folds for each of several models, beside their mean and deviation.

    Args:
        accuracies: Of each fold in percent, by the names of the models.
    """
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(1.5 + 1.3 * len(accuracies), 3.0))
    for place, values in enumerate(accuracies.values()):
        ax.plot([place - 0.1] * len(values), values, "o", color=COLOURS[0], alpha=0.7, label="one fold")
        spread = torch.tensor(values).std(correction=0).item()
        look: dict[str, Any] = {"fmt": "D", "color": COLOURS[5], "capsize": 5, "label": "mean and deviation"}
        ax.errorbar(place + 0.1, sum(values) / len(values), spread, **look)
    ax.set_xticks(range(len(accuracies)), list(accuracies))
    ax.set(xlim=(-0.6, len(accuracies) - 0.4), ylabel="accuracy on the fold in %")
    handles, labels = ax.get_legend_handles_labels()
    entries = dict(zip(labels, handles, strict=True))  # one of each
    ax.legend(entries.values(), entries.keys(), loc="lower right")
