"""How the course's plots look: readable on light and dark pages, and without telling red from green."""

from typing import Any

# Okabe and Ito's palette, in the order in which its colours are easiest to tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
GREY = "#808790"  # at least 3.5:1 against white and against JupyterLab's dark background


def use_style() -> None:
    """Set matplotlib's defaults for a notebook: transparent ground, grey text, colour-blind safe lines."""
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
    set_matplotlib_formats("retina")
