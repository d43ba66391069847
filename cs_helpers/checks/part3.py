"""What is run to check Part 3's classes; ``part3_training`` has the trainings."""

import re
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from cs_helpers.checks import part3_further, part3_training  # noqa: F401 - register what they hold
from cs_helpers.checks.part1 import Evidence, raised
from cs_helpers.checks.registry import produces
from cs_helpers.checks.trial import Trial


def _layers(module: nn.Module) -> str:
    """List a Sequential's layers; Identity may stand for no nonlinearity, or nothing at all."""
    return ", ".join(str(layer) for layer in module.children() if not isinstance(layer, nn.Identity))


def _message(call: Any, word: str) -> str:
    """Say whether a call's error message has a word in it."""
    try:
        call()
    except NotImplementedError:
        raise
    except Exception as error:
        return "in the message" if re.search(word, str(error)) else "not in the message"
    return "no error"


@produces("p3.mlp", where={"": "MLP.__init__", "out": "MLP.forward"})
def mlp(hw: Any, trial: Trial) -> Evidence:
    """Look at how MLPs are built, and run them on set weights."""
    make = hw.mlp.MLP
    dims, nonlins = [8, 6, 3], ["relu", "tanh", "none"]
    net = make(5, dims, nonlins)
    yield "layers", _layers(net.fc)
    yield "type of fc", type(net.fc).__name__
    yield "in_dim and out_dim", f"{net.in_dim}, {net.out_dim}"
    yield "the caller's lists afterwards", f"{dims}, {nonlins}"
    yield "layers, all one width", _layers(make(4, (4, 4), ("sigmoid", "lrelu")).fc)
    yield "layers, modules and names", _layers(make(4, [6, 2], [nn.ELU(), "none"]).fc)
    x = trial.normal("x", 7, 5)
    yield "out, relu and tanh", _run(trial.set_module("net", net), x)
    for name in ("softmax", "logsoftmax", "sigmoid", "lrelu"):
        one = trial.set_module(name, make(5, [6, 4], ["relu", name]))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield f"out, {name} last", _run(one, x)
        yield f"warnings with {name}", len(caught)
    yield "out, a module", _run(trial.set_module("module", make(5, [6, 4], [nn.ELU(), "none"])), x)
    yield "dims longer than nonlins raises", raised(lambda: make(5, [4, 3, 2], ["relu", "none"]))
    yield "nonlins longer than dims raises", raised(lambda: make(5, [4], ["relu", "none"]))
    yield "unknown name raises", raised(lambda: make(5, [4, 3], ["rleu", "none"]))
    yield "the unknown name is", _message(lambda: make(5, [4, 3], ["rleu", "none"]), "rleu")


def _run(net: Any, x: Tensor) -> Any:
    out = net(x)
    return out.detach() if isinstance(out, Tensor) else out


class _Scores(nn.Module):
    """A model of the check's own: an affine map, so that scores have a graph."""

    def __init__(self, w: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w.clone())
        self.graphs: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.graphs.append(torch.is_grad_enabled())
        return x @ self.w


def _graph(value: Any) -> str:
    return "kept" if getattr(value, "requires_grad", False) else "none"


def _classes(value: Any) -> Any:
    """Take any integer type for class indices; leave everything else for the comparison to see."""
    if isinstance(value, Tensor) and not value.is_floating_point() and value.dtype != torch.bool:
        return value.long()
    return value


def _plain(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


@produces(
    "p3.classifier",
    where={
        "": "Classifier.forward",
        "proba": "Classifier.predict_proba",
        "graph of predict_proba": "Classifier.predict_proba",
        "classes": "Classifier.classify",
        "graph of classify": "Classifier.classify",
        "proba_scores": "Classifier.predict_proba_scores",
        "classes of": "ArgMaxClassifier._classify",
    },
)
def classifier(hw: Any, trial: Trial) -> Evidence:
    """Turn scores into probabilities and classes with an ArgMaxClassifier of four classes."""
    x, model = trial.normal("x", 6, 3), _Scores(trial.normal("w", 3, 4))
    made = hw.classifier.ArgMaxClassifier(model)
    scores = made(x)
    yield "scores", _plain(scores)
    yield "graph of the scores", _graph(scores)
    z = trial.normal("z", 6, 4, std=2.0)
    yield "proba_scores of z", _plain(made.predict_proba_scores(z))
    yield (
        "proba_scores of z, huge",
        _plain(made.predict_proba_scores(trial.given("huge z", [[1e4, 0.0], [-1e4, 1e4]]))),
    )
    proba = made.predict_proba(x)
    yield "proba of x", _plain(proba)
    yield "graph of predict_proba", _graph(proba)
    yield "classes of z", _classes(made.classify_scores(z))
    classes = made.classify(x)
    yield "classes of x", _classes(classes)
    yield "graph of classify", "kept" if any(model.graphs[-1:]) else "none"
    yield "parameters that an optimizer sees", len(list(made.parameters()))


@produces("p3.binary", where={"": "BinaryClassifier._classify"})
def binary(hw: Any, trial: Trial) -> Evidence:
    """Classify with several thresholds, and with probabilities exactly at the threshold."""
    make = _of_probabilities(hw)
    p = trial.given("p", [0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0])
    proba = torch.stack([1 - p, p], dim=1)
    made = make(nn.Identity())
    for threshold in (0.25, 0.7, 0.875):
        made.threshold = threshold
        yield f"threshold {threshold}", made.classify_scores(proba)
    for threshold in (0.0, 1.0):
        yield f"threshold {threshold:g}", make(nn.Identity(), threshold=threshold).classify_scores(proba)
    yield "default threshold", make(nn.Identity()).classify_scores(proba)
    yield "positive class 0", make(nn.Identity(), positive_class=0, threshold=0.625).classify_scores(proba)
    random = trial.normal("z", 50, 2, std=2.0).softmax(dim=1)
    yield "threshold 0.3, random", make(nn.Identity(), threshold=0.3).classify_scores(random)


def _of_probabilities(hw: Any) -> type:
    """Make a BinaryClassifier whose scores are probabilities already: ties with a threshold are exact."""

    class OfProbabilities(hw.classifier.BinaryClassifier):
        def predict_proba_scores(self, z: Tensor) -> Tensor:
            return z

    return OfProbabilities


BATCHES = 3


@produces(
    "p3.classifier_trainer",
    where={"": "ClassifierTrainer.train_batch", "test": "ClassifierTrainer.test_batch"},
    factors={"lr": 0.5},
    seconds=60,
)
def classifier_trainer(hw: Any, trial: Trial) -> Evidence:
    """Train one epoch of three batches from set weights, the last batch smaller, then test."""
    start = trial.normal("w", 3, 2)
    model = _Scores(start)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    trainer = hw.training.ClassifierTrainer(model, nn.CrossEntropyLoss(), optimizer)
    model.train(True)
    for number, size in zip(range(1, BATCHES + 1), (8, 8, 5), strict=True):
        batch = (trial.normal(f"x {number}", size, 3), trial.integers(f"y {number}", size, below=2))
        result = trainer.train_batch(batch)
        yield f"loss of batch {number}", _plain(result.loss)
        yield f"correct in batch {number}", result.num_correct
        yield f"weights after batch {number}", model.w.detach()
    model.train(False)
    x, y = trial.normal("test x", 9, 3), trial.integers("test y", 9, below=2)
    result = trainer.test_batch((x, y))
    yield "test loss", _plain(result.loss)
    yield "test, correct", result.num_correct
    yield "test, graph", "kept" if model.graphs[-1] else "none"
    yield "test, weights afterwards", model.w.detach()
    trainer = hw.training.ClassifierTrainer(_Lowest(start), nn.CrossEntropyLoss(), optimizer)
    yield "test, correct for a model that takes the lower score", trainer.test_batch((x, y)).num_correct


class _Lowest(_Scores):
    """Chooses the class with the lower score: what a model's scores mean is up to the model."""

    def classify_scores(self, z: Tensor) -> Tensor:
        return z.argmin(dim=1)


class Oracle(nn.Module):
    """Stands for a BinaryClassifier: its inputs ``(N, 1)`` are the probabilities themselves."""

    positive_class, threshold = 1, 0.5

    def forward(self, x: Tensor) -> Tensor:
        return self.predict_proba(x).log()

    def predict_proba(self, x: Tensor) -> Tensor:
        return torch.cat([1 - x, x], dim=1)

    def predict_proba_scores(self, z: Tensor) -> Tensor:
        return z.softmax(dim=1)

    def classify(self, x: Tensor) -> Tensor:
        return (x[:, 0] >= self.threshold).int()

    def classify_scores(self, z: Tensor) -> Tensor:
        return (z.softmax(dim=1)[:, 1] >= self.threshold).int()


BY_HAND = (
    [0.2, 0.5, 0.4, 0.2, 0.7, 0.5, 0.45, 0.7, 0.55, 0.1, 0.25, 0.85, 0.55, 0.25, 0.6, 0.5, 0.55],
    [0] * 10 + [1] * 7,
)
"""Probabilities and labels, with ties; the corner's threshold is neither Youden's nor the most accurate."""


def _in_range(threshold: Any) -> str:
    value = float(threshold)
    return "yes" if 0 <= value <= 1 else f"no, it is {value:g}"


def _number(threshold: Any) -> Any:
    """Take any kind of number for a threshold."""
    return float(threshold)


@produces("p3.roc", where={"": "select_roc_thresh"})
def roc(hw: Any, trial: Trial) -> Evidence:
    """Choose thresholds: by hand with ties, for random probabilities, and where the first point wins."""
    from matplotlib.figure import Figure  # only now: other checks do without

    select, oracle = hw.classifier.select_roc_thresh, Oracle()
    labels = (torch.arange(200) % 20 < 9).long()
    shift = 1.2 * (2 * labels - 1) - 0.8
    noise = trial.normal("noise", 200)
    q = trial.given("q", ((noise + shift).sigmoid() * 100).round().div(100).tolist())
    labels = trial.given("labels", labels.tolist()).long()
    yield "threshold, 200 random samples", _number(select(oracle, q[:, None], labels))
    share = 1 - trial.twist() / 64
    p, y = trial.given("p", [share * value for value in BY_HAND[0]]), trial.given("y", BY_HAND[1]).long()
    yield "threshold, by hand", _number(select(oracle, p[:, None], y))
    for title, values, truth in (
        ("all alike", [0.7] * 4, [0, 1, 0, 1]),
        ("worse than guessing", [0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1]),
    ):
        found = select(oracle, torch.tensor(values)[:, None], torch.tensor(truth))
        yield f"finite and in [0, 1], {title}", _in_range(found)
    yield "the classifier's own threshold afterwards", float(oracle.threshold)
    yield "labels of one class raise", raised(lambda: select(oracle, p[:, None], torch.ones_like(y)))
    ax = Figure().subplots()
    yield "threshold, by hand, with a plot", _number(select(oracle, p[:, None], y, plot=True, ax=ax))
    yield "drawn on the given axes", "yes" if ax.lines else "no"


def regions(x: Tensor, twist: int) -> Tensor:
    """Tell which points (N, 2) are of class 1: all on the right, and all at the bottom."""
    edge = (0.4, -0.1, 1.0, -0.5, 1.5)[twist]
    return (x[:, 0] > edge) | (x[:, 1] < -0.8)


class Corner(nn.Module):
    """A classifier of the two ``regions``."""

    def __init__(self, twist: int) -> None:
        super().__init__()
        self.twist = twist

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(self.classify(x).long(), 2).float()

    def classify(self, x: Tensor) -> Tensor:
        return regions(x, self.twist).int()

    def classify_scores(self, z: Tensor) -> Tensor:
        return z.argmax(dim=1).int()

    def predict_proba(self, x: Tensor) -> Tensor:
        return self(x)


PROBES = [[a / 4, b / 4] for a in (-7, -5, -1, 0, 3, 5, 7) for b in (-5, -4.5, -1, 0, 2, 5)]


@produces("p3.boundary", where={"": "plot_decision_boundary_2d"})
def boundary(hw: Any, trial: Trial) -> Evidence:
    """Draw the regions of a classifier that is not symmetric, and look up what was drawn where."""
    from matplotlib.collections import PathCollection, QuadMesh  # only now: other checks do without
    from matplotlib.figure import Figure

    plot = hw.classifier.plot_decision_boundary_2d
    twist = trial.twist()
    corners = trial.given("corners", [[-2.0 - twist / 4, -1.3 - twist / 4], [2.0 + twist / 8, 1.5]])
    x, y = torch.cat([trial.normal("x", 40, 2, std=0.4), corners]), trial.integers("y", 42, below=2)
    figure = Figure()
    ax = figure.subplots()
    returned = plot(Corner(twist), x, y, dx=0.1, ax=ax)
    yield "returns", _returned(returned, figure, ax)
    mesh = next((item for item in ax.collections if isinstance(item, QuadMesh)), None)
    if mesh is None:
        raise ValueError("no grid of classes is drawn: draw_classes must get x1_grid, x2_grid and y_grid")
    centres, values = _cells(mesh)
    yield "class drawn at 42 points", _nearest(centres, values, trial.given("probes", PROBES))
    yield (
        "reaches to the left, right, bottom, top",
        torch.cat([centres.amin(0), centres.amax(0)])[[0, 2, 1, 3]],
    )
    yield "samples drawn", sum(_count(item) for item in ax.collections if isinstance(item, PathCollection))
    ax = Figure().subplots()
    plot(Corner(twist), x, y, dx=0.25, ax=ax)
    coarse = next(item for item in ax.collections if isinstance(item, QuadMesh))
    yield "points in a grid with dx = 0.25", len(_cells(coarse)[1])


def _count(dots: Any) -> int:
    return len(dots.get_offsets())


def _returned(value: Any, figure: Any, ax: Any) -> str:
    if not isinstance(value, tuple) or len(value) != 2:
        return type(value).__name__
    names = {id(figure): "its figure", id(ax): "the given axes"}
    return ", ".join(names.get(id(part), type(part).__name__) for part in value)


def _cells(mesh: Any) -> tuple[Tensor, Tensor]:
    """Return the centres ``(K, 2)`` of a mesh's cells, and their values ``(K,)``."""
    corners = torch.tensor(mesh.get_coordinates())  # (rows + 1, columns + 1, 2)
    centres = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    return centres.flatten(0, 1).float(), torch.tensor(mesh.get_array()).flatten().float()


def _nearest(centres: Tensor, values: Tensor, points: Tensor) -> Tensor:
    return values[torch.cdist(points, centres).argmin(dim=1)]
