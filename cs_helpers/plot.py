"""How the course's plots look: readable on light and dark pages, and without telling red from green."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cs_helpers.train_results import FitResult

if TYPE_CHECKING:
    from torch import Tensor

# Okabe and Ito's palette, in the order in which its colours are easiest to tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#808790"  # at least 3.5:1 against white and against JupyterLab's dark background


def use_style() -> None:
    """Set matplotlib's defaults for a notebook: transparent ground, grey text, colour-blind safe lines."""
    import matplotlib.pyplot as plt
    import matplotlib.style
    from cycler import cycler
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    text_colours = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style: dict[str, Any] = {
        **dict.fromkeys(text_colours, GREY),
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.facecolor": "none",
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.grid": True,
        "axes.titlesize": "medium",
        "figure.facecolor": "none",
        "figure.constrained_layout.use": True,
        "figure.dpi": 110,
        "figure.figsize": (6.4, 3.2),
        "grid.alpha": 0.25,
        "grid.color": GREY,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "savefig.facecolor": "none",
        # Another grey than the rest: where all tick labels are equally light, the notebook paints a dark
        # ground behind the plot, in its light theme, too.
        "ytick.labelcolor": "#798087",
        "savefig.transparent": True,
    }
    matplotlib.style.use(style)
    # The layout fits the labels into the figure already: cutting it out again would draw everything twice.
    set_matplotlib_formats("retina", bbox_inches=None, pil_kwargs={"compress_level": 1})
    # The notebook draws every figure when its cell ends, so pyplot need not do it as well, a moment before.
    plt.switch_backend(plt.get_backend())  # the first figure would do this, and bring pyplot's hook back
    plt.uninstall_repl_displayhook()


def plot_fit(
    results: FitResult | Mapping[str, FitResult],
    *,
    log_loss: bool = False,
    title: str = "",
    axes: Any = None,
    tested_on: str = "test",
) -> tuple[Any, Any]:
    """Draw the course of one or several fits: losses on the left, accuracies on the right.

    Training is dashed and test solid; each fit has a colour and a marker of its own, so that the picture
    can be read without colours as well.

    Args:
        results: One result, or several by their labels.
        log_loss: Whether the losses are drawn on a logarithmic axis.
        title: Set above the whole figure.
        axes: Two matplotlib axes to draw on; on a new figure if not given.
        tested_on: What the legend calls the set that the fit was tested on.

    Returns:
        The figure and its two axes.

    Raises:
        ValueError: If there is nothing to draw.
    """
    import matplotlib.pyplot as plt

    runs = {"": results} if isinstance(results, FitResult) else dict(results)
    if not any(result.num_epochs for result in runs.values()):
        raise ValueError("results has no epoch to draw")
    if axes is None:
        figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.3))
    left, right = axes
    figure = left.figure
    for number, (label, result) in enumerate(runs.items()):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        epochs = range(1, result.num_epochs + 1)
        look: dict[str, Any] = {"color": colour, "marker": marker, "markevery": max(1, len(epochs) // 6)}
        look["markersize"] = 4
        for name, style in (("train", "--"), ("test", "-")):
            shown = tested_on if name == "test" else name
            text = f"{label}, {shown}" if label else shown
            left.plot(epochs, getattr(result, f"{name}_loss"), linestyle=style, **look)
            right.plot(epochs, getattr(result, f"{name}_acc"), linestyle=style, label=text, **look)
    for axis in (left.xaxis, right.xaxis):
        axis.get_major_locator().set_params(integer=True)
    left.set(xlabel="epoch", ylabel="loss", yscale="log" if log_loss else "linear")
    right.set(xlabel="epoch", ylabel="accuracy in %")
    figure.legend(
        *right.get_legend_handles_labels(), loc="outside right center", fontsize="small", handlelength=3
    )
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure, axes


def plot_images(
    images: "Tensor",
    titles: Sequence[str] | None = None,
    *,
    labels: "Tensor | None" = None,
    classes: Sequence[str] | None = None,
    columns: int = 10,
) -> tuple[Any, Any]:
    """Draw images in a grid, each under its title or the name of its class.

    Args:
        images: Shape (N, C, H, W) or (N, H, W); uint8, or floats, which are stretched to the full range.
        titles: A title for each image.
        labels: Class indices, shape (N,), if there are no titles.
        classes: Names of the classes; the indices are shown without them.
        columns: Images in a row.

    Returns:
        The figure and an array of its axes.

    Raises:
        ValueError: If there are no images, or not as many titles or labels.
    """
    import matplotlib.pyplot as plt

    if labels is not None and titles is None:
        titles = [classes[int(y)] if classes else str(int(y)) for y in labels]
    if not len(images) or (titles is not None and len(titles) != len(images)):
        raise ValueError(f"{len(images)} images and {'no' if titles is None else len(titles)} titles")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    # Fixed margins: what a layout engine finds out here is always the same, and takes longer than the rest.
    grid = {"left": 0.005, "right": 0.995, "bottom": 0.03 / rows, "top": 1 - 0.2 / rows, "wspace": 0.08}
    figure, axes = plt.subplots(
        *(rows, columns), squeeze=False, figsize=(0.9 * columns, 1.1 * rows), layout="none", gridspec_kw=grid
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for number, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(_picture(image), cmap="cividis")
        if titles is not None:
            axis.set_title(titles[number], fontsize="small")
    return figure, axes


def _picture(image: "Tensor") -> Any:
    """Return an image as matplotlib wants it: (H, W, 3) or (H, W), bytes or floats in [0, 1]."""
    if image.ndim == 3:
        image = image[0] if len(image) == 1 else image.movedim(0, 2)  # (C, H, W) -> (H, W, C)
    if image.is_floating_point():
        low, high = image.min(), image.max()
        image = (image - low) / (high - low).clamp(min=1e-6)
    return image.detach().cpu().numpy()
