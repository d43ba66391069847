"""The experiments of Part 5: which networks each one trains.

How they are trained is the student's choice, ``part5_hp`` in ``answers/part5.py``.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cs_helpers.tasks import suggestion


class Experiment(NamedTuple):
    """One question, asked of several networks.

    Attributes:
        title: What it is about.
        model_type: As for ``hw.experiments.cnn_experiment``.
        grid: Filters K, and the numbers of layers L that are tried with them.
    """

    title: str
    model_type: str
    grid: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]


EXPERIMENTS = {
    "exp1_1": Experiment("Depth", "cnn", (((32,), (2, 4, 8, 16)), ((64,), (2, 4, 8, 16)))),
    "exp1_2": Experiment("Width", "cnn", tuple(((k,), (2, 4, 8)) for k in (32, 64, 128, 256))),
    "exp1_3": Experiment("Growing width", "cnn", (((64, 128, 256), (1, 2, 3, 4)),)),
    "exp1_4": Experiment("Shortcuts", "resnet", (((32,), (8, 16, 32)), ((64, 128, 256), (2, 4, 8)))),
    "exp2": Experiment("Your own network", "ycn", (((32, 64, 128), (3, 6, 9, 12)),)),
}

Choices = Callable[[str, tuple[int, ...], int], Mapping[str, Any]]


def runs_of(experiment: str, choices: Choices) -> list[dict[str, Any]]:
    """Return the arguments of ``cnn_experiment`` for every run of an experiment.

    Args:
        experiment: A name in ``EXPERIMENTS``.
        choices: From the experiment's name, the filters and the layers of a run to all other arguments.

    Raises:
        ValueError: If there is no such experiment.
    """
    if experiment not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {experiment!r}{suggestion(experiment, EXPERIMENTS)}")
    _, model_type, grid = EXPERIMENTS[experiment]
    return [
        {
            "run_name": experiment,
            "model_type": model_type,
            "filters_per_layer": list(filters),
            "layers_per_block": layers,
            **choices(experiment, filters, layers),
        }
        for filters, depths in grid
        for layers in depths
    ]
