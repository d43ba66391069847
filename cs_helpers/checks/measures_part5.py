"""The comparing half of Part 5: what the files of experiments say, and whether it fits what was seen."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from cs_helpers.checks.part5 import DATA, DEPTHS, PLAIN, SEED, STEPS
from cs_helpers.data import load
from cs_helpers.experiment_data import split_validation
from cs_helpers.grids import EXPERIMENTS
from cs_helpers.run_files import RunFileError, parse_run, run_path

Measures = Iterator[tuple[str, Any]]

NEAR = 0.01  # percent: an accuracy is a number of images, so that it is the same or another one
EPOCHS = (2, 100)
GRADIENT = 1e-9  # 36 plain convolutions let 1e-13 through, three residual blocks of 12 let 1e-6
LEARNED = 0.9  # of the loss of a net that has learned how frequent each class is, and no more


def _record(raw: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    """Read the JSON that the student's side sent.

    Raises:
        RunFileError: If it is no result.
    """
    tensor = raw[name]
    if tensor.dtype != torch.uint8 or tensor.ndim != 1:
        raise RunFileError(f"{name} is no file")
    return parse_run(bytes(tensor.tolist()), name.removeprefix("raw:"))


def experiment(raw: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Measures:
    """Hold the files against the settings, and their accuracies against the scores that were seen."""
    _, valid, test = split_validation(load(DATA))
    record = _record(raw, "raw:plain file")
    wanted = {**PLAIN, "seed": int(inputs[SEED]), "early_stopping": 3}
    for name in ("device", "print_every"):  # do not decide the result, and are not in it
        del wanted[name]
    wrong = [name for name, value in wanted.items() if record["config"].get(name) != value]
    yield "plain, settings in the file", "all" if not wrong else f"wrong or missing: {', '.join(wrong)}"
    fit = record["fit"]
    yield "plain, training losses", torch.tensor(fit.train_loss, dtype=torch.float64)
    yield "plain, size of the test scores", raw["raw:plain test scores"].double().abs().mean().item()
    for name, told, images in (
        ("validation", fit.test_acc[-1], valid),
        ("test", record["test"]["accuracy"], test),
    ):
        seen = _percent(raw[f"raw:plain {name} scores"], images)
        yield f"plain, {name} accuracy less that of the scores", _beyond(told - seen)
    fit = _record(raw, "raw:residual file")["fit"]
    yield "residual, training losses", torch.tensor(fit.train_loss, dtype=torch.float64)


def _percent(scores: Tensor, images: Any) -> float:
    """Return the accuracy of scores for the first images of a set."""
    labels = images.labels[: len(scores)]
    if scores.shape != (len(labels), len(images.classes)):
        raise ValueError(f"expected {len(images.classes)} scores each, got {tuple(scores.shape)}")
    return 100 * (scores.argmax(dim=1) == labels).double().mean().item()


def _beyond(value: float) -> float:
    return value if abs(value) > NEAR else 0.0


def your_cnn(raw: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Measures:
    """Measure how far one batch was learned, and whether a gradient arrives at the first convolution."""
    for depth in (DEPTHS[0], DEPTHS[-1]):
        norm = raw[f"raw:gradient, L={depth}"].item()
        told = "arrives" if norm >= GRADIENT else f"vanishes: {norm:.1e}"
        yield f"gradient at the first convolution, L={depth}", told
        loss, labels = _loss(raw[f"raw:scores, L={depth}, step {STEPS}"], inputs["labels"]), inputs["labels"]
        share = torch.bincount(labels).double() / len(labels)
        blind = torch.special.entr(share).sum().item()
        told = f"no: the loss is {loss:.2f} after {STEPS} steps, and {blind:.2f} without looking"
        yield f"learns one batch, L={depth}", "yes" if loss <= LEARNED * blind else told


def _loss(scores: Tensor, labels: Tensor) -> float:
    if scores.shape != (len(labels), 10):
        raise ValueError(f"expected scores of shape ({len(labels)}, 10), got {tuple(scores.shape)}")
    return torch.nn.functional.cross_entropy(scores.double(), labels).item()


def results(raw: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Measures:
    """Count the whole and fitting results of each experiment, and say what is wrong with the first other."""
    for name in EXPERIMENTS:
        problems = [(run, problem) for run, problem in _problems(raw, name) if problem]
        count = sum(len(depths) for _, depths in EXPERIMENTS[name].grid)
        first = "; ".join(f"{run}: {problem}" for run, problem in problems[:1])
        told = f"{count - len(problems)} of {count} ({first})"
        yield result_name(name), told if problems else f"all {count}"


def result_name(name: str) -> str:
    """Return the name of the measurement of an experiment's results."""
    return f"whole results of {name}"


def _problems(raw: Mapping[str, Tensor], name: str) -> Iterator[tuple[str, str]]:
    _, model_type, grid = EXPERIMENTS[name]
    for filters, depths in grid:
        for depth in depths:
            file = run_path("", name, depth, filters)
            own = {"run_name": name, "model_type": model_type, "layers_per_block": depth}
            yield file.stem, _problem(raw, file.name, {**own, "filters_per_layer": list(filters)})


def _problem(raw: Mapping[str, Tensor], file: str, wanted: Mapping[str, Any]) -> str:
    """Return what is wrong with one result; empty if nothing is."""
    if f"raw:{file}" not in raw:
        return "not there"
    try:
        record = _record(raw, f"raw:{file}")
    except RunFileError as error:
        return f"not whole ({str(error).removeprefix(file).strip(' :')})"
    for name, value in wanted.items():
        if record["config"].get(name) != value:
            return f"{name} is {record['config'].get(name)!r}, not {value!r}"
    least, most = EPOCHS
    if not least <= record["fit"].num_epochs <= most:
        return f"{record['fit'].num_epochs} epochs; it takes {least} to {most}"
    accuracies = [*record["fit"].train_acc, *record["fit"].test_acc, record["test"].get("accuracy")]
    if not all(isinstance(value, int | float) and 0 <= value <= 100 for value in accuracies):
        return "an accuracy is not in percent"
    return ""


MEASURES = {"p5.experiment": experiment, "p5.your_cnn": your_cnn, "p5.results": results}
NAMES = {
    "p5.experiment": (
        "plain, settings in the file",
        "plain, training losses",
        "plain, size of the test scores",
        "plain, validation accuracy less that of the scores",
        "plain, test accuracy less that of the scores",
        "residual, training losses",
    ),
    "p5.your_cnn": tuple(
        f"{what}, L={depth}"
        for depth in (DEPTHS[0], DEPTHS[-1])
        for what in ("gradient at the first convolution", "learns one batch")
    ),
    "p5.results": tuple(result_name(name) for name in EXPERIMENTS),
}
"""What is measured, by check."""
