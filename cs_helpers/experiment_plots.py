"""Stored results of Part 5: their curves on one figure, and their numbers in one table."""

import html
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import torch

from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.plot import MARKERS, plot_fit
from cs_helpers.run_files import read_run
from cs_helpers.train_results import FitResult

RESULTS = COURSE_ROOT / "results"
DEVICE_WORDS = re.compile(r"\((R|TM)\)|\bCPU\b|\bProcessor\b|@.*?(?=,|$)")


class NoResultsError(ValueError, NotImplementedError):
    """No result is there yet: an error, and, for a notebook's ``attempt``, work that is still to be done."""


class Run(NamedTuple):
    """One stored result.

    Attributes:
        name: Its file's name without the ending.
        record: What the file holds, see ``run_files``.
    """

    name: str
    record: dict[str, Any]

    @property
    def fit(self) -> FitResult:
        """The course of its training."""
        return self.record["fit"]

    @property
    def label(self) -> str:
        """Its filters and its depth, such as ``K=64-128, L=4``."""
        config = self.record["config"]
        return f"K={'-'.join(map(str, config['filters_per_layer']))}, L={config['layers_per_block']}"

    @property
    def source(self) -> str:
        """The data and the device."""
        return f"{self.record['data']['name']} on {self.device}"

    @property
    def device(self) -> str:
        """The device, without the words that all have in common."""
        words = DEVICE_WORDS.sub(" ", str(self.record["provenance"]["device"])).split()
        return " ".join(words).replace(" ,", ",")


def find_runs(pattern: str, results_dir: str | os.PathLike[str] = RESULTS) -> list[Run]:
    """Read the results whose file names match, in the order of their experiment, filters and layers.

    Args:
        pattern: Such as ``exp1_1_L*_K32.json``.
        results_dir: Their folder.

    Raises:
        NoResultsError: If there is none.
        ValueError: If one is damaged.
    """
    folder = Path(results_dir)
    runs = [Run(path.stem, read_run(path)) for path in folder.glob(pattern)]
    if not runs:
        there = sorted({path.name.split("_L")[0] for path in folder.glob("*.json")})
        raise NoResultsError(
            f"no result in {folder.name}/ matches {pattern!r}; there are: {', '.join(there) or 'none'}. "
            "`python -m hw.experiments run-grid` makes them"
        )
    return sorted(runs, key=_order)


def _order(run: Run) -> tuple[Any, ...]:
    config = run.record["config"]
    return config["run_name"], config["filters_per_layer"], config["layers_per_block"]  # numbers: 8 before 16


def plot_exp_results(
    pattern: str, results_dir: str | os.PathLike[str] = RESULTS, *, log_loss: bool = False
) -> tuple[Any, Any]:
    """Draw the stored results that match a pattern on one figure; its title says data and device.

    Args:
        pattern: Such as ``exp1_1_L*_K32.json``.
        results_dir: Their folder.
        log_loss: Whether the losses are drawn on a logarithmic axis.

    Returns:
        The figure and its two axes.

    Raises:
        ValueError: If no file matches, or one is damaged.
    """
    runs = find_runs(pattern, results_dir)
    names = {run.record["config"]["run_name"] for run in runs}
    one = len(names) == 1
    labels = [run.label if one else f"{run.record['config']['run_name']}, {run.label}" for run in runs]
    sources = ", ".join(dict.fromkeys(run.source for run in runs))
    fits = {label: run.fit for label, run in zip(labels, runs, strict=True)}
    title = f"{', '.join(sorted(names))}: {sources}"
    return plot_fit(fits, log_loss=log_loss, title=title, tested_on="validation")


class ResultsTable:
    """Numbers of stored results: an HTML table in a notebook, plain text elsewhere.

    The best validation accuracy chose the weights that the test accuracy is of.
    """

    HEADINGS = ("run", "validation %", "test %", "epochs", "parameters", "minutes", "data", "device")

    def __init__(self, runs: Sequence[Run]) -> None:
        self.rows = [self._row(run) for run in runs]

    @staticmethod
    def _row(run: Run) -> tuple[str, ...]:
        fit, record = run.fit, run.record
        return (
            run.name,
            f"{max(fit.test_acc):.1f}",
            f"{record['test']['accuracy']:.1f}",
            str(fit.num_epochs),
            f"{record['model']['parameters']:,}",
            f"{sum(record['time']['epochs']) / 60:.1f}",
            str(record["data"]["name"]),
            run.device,
        )

    def __repr__(self) -> str:
        rows = [self.HEADINGS, *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        marks = "<>>>>><<"  # texts to the left, numbers to the right
        return "\n".join(
            "  ".join(f"{cell:{m}{w}}" for cell, m, w in zip(row, marks, widths, strict=True)).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        def cells(row: Sequence[str], tag: str) -> str:
            sides = ["left", *["right"] * 5, "left", "left"]
            return "".join(
                f'<{tag} style="text-align: {side}">{html.escape(cell)}</{tag}>'
                for side, cell in zip(sides, row, strict=True)
            )

        head = f"<thead><tr>{cells(self.HEADINGS, 'th')}</tr></thead>"
        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self.rows)
        return f"<table>{head}<tbody>{body}</tbody></table>"


def results_table(pattern: str = "exp*.json", results_dir: str | os.PathLike[str] = RESULTS) -> ResultsTable:
    """Return the numbers of the stored results that match a pattern; arguments and errors as for the plot."""
    return ResultsTable(find_runs(pattern, results_dir))


def plot_gradients(make: Any, depths: Sequence[int], width: int = 32) -> tuple[Any, Any]:
    """Draw how much gradient reaches each convolution of new networks, before any training.

    Args:
        make: From ``in_size, out_classes, channels, pool_every, hidden_dims`` to a network.
        depths: Numbers of convolutions.
        width: Filters of each.

    Returns:
        The figure and its axes.
    """
    figure, ax = plt.subplots()
    stream = torch.Generator().manual_seed(42)
    x, y = torch.randn(16, 3, 32, 32, generator=stream), torch.randint(10, (16,), generator=stream)
    for number, depth in enumerate(depths):
        torch.manual_seed(42)
        net = make((3, 32, 32), 10, [width] * depth, max(1, depth // 4), [128])
        torch.nn.functional.cross_entropy(net(x), y).backward()
        weights = [module.weight for module in net.modules() if isinstance(module, torch.nn.Conv2d)]
        sizes = [weight.grad.norm().item() for weight in weights if weight.grad is not None]
        ax.plot(range(1, len(sizes) + 1), sizes, marker=MARKERS[number], markersize=4, label=f"L={depth}")
    ax.set(xlabel="convolution, from the image on", ylabel="norm of its gradient", yscale="log")
    ax.legend()
    return figure, ax
