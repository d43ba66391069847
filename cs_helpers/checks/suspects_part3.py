"""Typical mistakes in Part 3's classes, each as the value that it leads to."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn import metrics
from torch import Tensor

from cs_helpers.checks import (  # noqa: F401 - register what they hold
    suspects_part3_further,
    suspects_part3_training,
)
from cs_helpers.checks.part3 import regions
from cs_helpers.checks.suspects import Suspect, Tensors, alternatives_of, always, suspects_of
from cs_helpers.checks.trial import TWIST

Suspects = Iterator[tuple[str, Suspect, str]]
LISTS = {"dims longer than nonlins raises": "AssertionError", "nonlins longer than dims raises": "IndexError"}


def _of_shape(shape: torch.Size) -> Callable[[Any], bool]:
    return lambda got: isinstance(got, Tensor) and got.shape == shape


def is_(text: str) -> Callable[[Any], bool]:
    """Match a text that contains another."""
    return lambda got: isinstance(got, str) and text in got


@suspects_of("p3.mlp")
def mlp_layers(e: Tensors, i: Tensors) -> Suspects:
    """Which layers there are, and in which order."""
    yield "layers", lambda got: not got.startswith("Linear"), "each nonlinearity comes after its Linear layer"
    yield "layers", lambda got: "ReLU" not in got, "there are Linear layers without their nonlinearity"
    same = "every Linear layer takes in_dim features: each must take as many as the one before gives"
    yield "layers", lambda got: got.count("in_features=5") > 1, same
    bias = "a Linear layer has no bias"
    yield "layers", is_("bias=False"), bias
    for count, text in ((2, "a Linear layer is missing"), (4, "there is one Linear layer too many")):
        entries = f"{text}: one for each entry of dims, the last one included"
        yield "layers", _times(count), entries
    last = "the last entry's nonlinearity is not the one asked for: none"
    yield "layers", lambda got: not got.endswith("bias=True)"), last
    mixed = "the nonlinearities are not those asked for, entry by entry: relu, tanh, none"
    yield "layers", always, mixed
    yield "layers, all one width", always, "the nonlinearities are not those asked for: sigmoid, then lrelu"
    yield "layers, modules and names", always, "an entry of nonlins may be a module: it is used as it is"
    yield "type of fc", always, "self.fc must be one nn.Sequential: it runs the layers and registers them"
    kept = "self.in_dim must stay the features of an input, and self.out_dim be the last of dims"
    yield "in_dim and out_dim", always, kept
    yield "the caller's lists afterwards", always, "the caller's lists were changed: work on copies"
    for name, error in LISTS.items():
        silent = "zip stops at the shorter list without a word: compare the lengths first"
        yield name, "nothing", silent
        yield (
            name,
            error,
            f"lists of different lengths must raise ValueError, not {error}: compare the lengths",
        )
        yield name, always, "lists of different lengths must raise ValueError: compare the lengths first"
    unknown = "an unknown name must raise ValueError: make_nonlinearity does it"
    yield "unknown name raises", always, unknown
    yield "the unknown name is", always, "the message must contain the name that is unknown"


@suspects_of("p3.mlp")
def mlp_values(e: Tensors, i: Tensors) -> Suspects:
    """What the forward pass gives."""
    for name in ("softmax", "logsoftmax"):
        scores = _two_layers(i, name)
        over_batch = torch.softmax(scores, 0) if name == "softmax" else torch.log_softmax(scores, 0)
        yield (
            f"out, {name} last",
            over_batch,
            f"{name} runs over the batch: it must be over the features, dim=1",
        )
        yield f"out, {name} last", scores, f"{name} is not applied"
        yield f"warnings with {name}", always, f"torch warns: {name} needs its dimension, dim=1"
    for sign, value in (
        ("softmax", torch.softmax(e["out, relu and tanh"], 1)),
        ("relu", e["out, relu and tanh"].relu()),
    ):
        yield "out, relu and tanh", value, f"{sign} is applied to the output, where none was asked for"


def _times(count: int) -> Callable[[Any], bool]:
    """Match a list of layers with so many Linear layers."""
    return lambda got: got.count("Linear") == count


def _two_layers(i: Tensors, name: str) -> Tensor:
    """Compute the scores of a net with two Linear layers and relu between them; biases sort first."""
    b1, w1, b2, w2 = (i[f"{name}, parameter {number}"] for number in range(4))
    return (i["x"] @ w1.T + b1).relu() @ w2.T + b2


@suspects_of("p3.classifier")
def classifier(e: Tensors, i: Tensors) -> Suspects:
    """Softmax, argmax and graphs."""
    z, scores = i["z"], i["x"] @ i["w"]
    for name, given in (("proba_scores of z", z), ("proba of x", scores)):
        proba = given.softmax(1)
        yield name, given.softmax(0), "softmax runs over the batch: it must be over the classes, dim=1"
        yield name, proba.softmax(1), "softmax is applied twice"
        yield name, given.sigmoid(), "this is the sigmoid of each score: probabilities of classes are softmax"
        yield name, proba.log(), "this is the logarithm of the probabilities: softmax, not log_softmax"
        yield name, given, "these are the scores: softmax turns them into probabilities"
    huge = "exp of a large score overflows: torch.softmax subtracts the maximum first"
    yield "proba_scores of z, huge", always, huge
    yield "scores", scores.softmax(1), "forward must return the scores: the loss applies its own softmax"
    yield (
        "graph of the scores",
        always,
        "forward lost the graph, so nothing can be trained: no torch.no_grad there",
    )
    for name in ("predict_proba", "classify"):
        yield (
            f"graph of {name}",
            always,
            f"{name} keeps the graph, and the memory it holds: use torch.no_grad()",
        )
    for name, given in (("classes of z", z), ("classes of x", scores)):
        yield name, given.argmin(1), "argmin is the least probable class: argmax"
        over_batch = "argmax runs over the batch: it must be over the classes, dim=1"
        yield name, _of_shape(given.shape[1:]), over_batch
        yield name, (given.softmax(1)[:, 1] >= 0.5).long(), "only two classes are told apart: argmax over all"
        yield name, lambda got: got.ndim == 2, "one class index a sample is asked for: argmax over dim=1"
    registered = "the model must be a submodule (self.model = model), after super().__init__()"
    yield "parameters that an optimizer sees", always, registered


THRESHOLDS = {
    "default threshold": 0.5,
    "threshold 0.25": 0.25,
    "threshold 0.7": 0.7,
    "threshold 0.875": 0.875,
    "threshold 0": 0.0,
    "threshold 1": 1.0,
}


@suspects_of("p3.binary")
def binary(e: Tensors, i: Tensors) -> Suspects:
    """The comparison with the threshold."""
    p = i["p"]
    for name, threshold in THRESHOLDS.items():
        if threshold:
            yield name, _above(p, threshold), "p == threshold must count as positive: >= instead of >"
        if threshold != 0.5:
            yield name, (p >= 0.5).int(), "the threshold is not used: 0.5, or the larger score, decides"
        yield name, _above(-p, -threshold), "the comparison is the wrong way round: 1 from the threshold on"
        yield name, (p <= threshold).int(), "the comparison is the wrong way round: 1 from the threshold on"
        yield name, (1 - p >= threshold).int(), "this is the other column: that of the positive class decides"
        yield name, p, "these are probabilities: compare them with the threshold"
        twice = torch.stack([1 - p, p], 1).softmax(1)[:, 1]
        yield name, (twice >= threshold).int(), "softmax is applied twice: proba holds probabilities already"
        both = "compare one column, that of the positive class, not both"
        yield name, lambda got: got.ndim == 2, both
        yield name, torch.zeros(9).int(), "nothing reaches the threshold: is p compared, as a probability?"
    yield "positive class 0", (p >= 0.625).int(), "positive_class is not used: its column decides"
    flipped = (1 - p < 0.625).int()
    yield (
        "positive class 0",
        flipped,
        "the result is 1 for the positive class, whichever it is: nothing to flip",
    )


def _above(p: Tensor, threshold: float) -> Tensor:
    return (p > threshold).int()


@suspects_of("p3.classifier_trainer")
def classifier_trainer(e: Tensors, i: Tensors) -> Suspects:
    """One step after the other, and what is counted."""
    yield "weights after batch 1", i["w"], "the weights did not move: optimizer.step() is missing"
    w, total = i["w"], torch.zeros_like(i["w"])
    for number in (1, 2):
        total = total + _gradient(w, i[f"x {number}"], i[f"y {number}"].long())
        w = w - 0.5 * total
    yield (
        "weights after batch 2",
        w,
        "gradients pile up from batch to batch: optimizer.zero_grad() is missing",
    )
    late = "the step is taken before the gradient is there: zero_grad, backward, then step"
    yield "weights after batch 2", e["weights after batch 1"], late
    uphill = 2 * i["w"] - e["weights after batch 1"]
    yield "weights after batch 1", uphill, "the step goes uphill: the loss is negated on the way"
    for number, size in ((1, 8), (2, 8), (3, 5)):
        name = f"loss of batch {number}"
        yield name, size * e[name], "the loss must be the mean over the batch, not the sum"
        yield (
            name,
            e[name] / size,
            "the loss is divided by the batch size twice: loss_fn gives the mean already",
        )
        wrong = 8 - e["correct in batch 1"] if number == 1 else None
        if wrong is not None:
            yield f"correct in batch {number}", wrong, "these are the wrong ones: count where predicted == y"
        yield f"correct in batch {number}", _counts_all(size), "every sample is counted: compare with y"
    yield "test, graph", always, "test_batch builds a graph: run it under torch.no_grad()"
    yield "test, weights afterwards", always, "test_batch changed the weights: forward only"
    asks = "the model decides which class its scores mean: self._num_correct, not argmax"
    yield "test, correct for a model that takes the lower score", always, asks


def _counts_all(size: int) -> Callable[[Any], bool]:
    return lambda got: isinstance(got, Tensor) and got.numel() == 1 and got.item() == size


def _gradient(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    hot = torch.nn.functional.one_hot(y, 2)
    return x.T @ ((x @ w).softmax(1) - hot) / len(y)


def _curve(y: Tensor, p: Tensor, **options: bool) -> tuple[np.ndarray, ...]:
    """Return false positive rates, true positive rates and thresholds."""
    return metrics.roc_curve(y.numpy(), p.numpy().astype(np.float64), **options)


YOUDEN = "this is Youden's point"
AN_END = "this is an end of the curve"
CAUSES = "fpr and tpr swapped, argmax for argmin, classes for probabilities, or the other class's column?"
ROC = {
    "threshold, by hand": ("p", "y"),
    "threshold, 200 random samples": ("q", "labels"),
    "threshold, by hand, with a plot": ("p", "y"),
}


@alternatives_of("p3.roc")
def other_corners(e: Tensors, i: Tensors) -> Iterator[tuple[str, Tensor]]:
    """Points may be as close as each other, and scikit-learn may leave out some on straight pieces."""
    for name, (p, y) in ROC.items():
        for dropped in (True, False):
            fpr, tpr, thresholds = _curve(i[y], i[p], drop_intermediate=dropped)
            distance = np.hypot(fpr, 1 - tpr)
            for index in np.flatnonzero(distance <= distance.min() + 1e-9):
                yield name, torch.tensor(thresholds[index])


@suspects_of("p3.roc")
def roc(e: Tensors, i: Tensors) -> Suspects:
    """Other points of the curve."""
    for name, (p, y) in ROC.items():
        fpr, tpr, thresholds = _curve(i[y], i[p], drop_intermediate=False)
        best = int(np.hypot(fpr, 1 - tpr).argmin())
        yield name, torch.tensor(0.5), "this is always 0.5: the threshold must come from the curve"
        points = (
            (best + 1, "off by one: this is the next point on the curve"),
            (best - 1, "off by one: this is the point before, on the curve"),
            (int((tpr - fpr).argmax()), f"{YOUDEN}, the largest tpr - fpr, not the one closest to (0, 1)"),
            (0, f"{AN_END}: {CAUSES}"),
            (len(fpr) - 1, f"{AN_END}, closest to (1, 1): the perfect classifier is (0, 1)"),
            (
                int(np.hypot(tpr, 1 - fpr).argmin()),
                "fpr and tpr are swapped: this point is closest to (1, 0)",
            ),
        )
        for index, sentence in points:
            if 0 <= index < len(thresholds):
                yield name, torch.tensor(min(float(thresholds[index]), 1.0)), sentence
        yield name, torch.tensor(float(best)), "this is the index of the point: its threshold is asked"
        yield name, torch.tensor(1 - float(thresholds[best])), "this is 1 - threshold: of the other column?"
        distance = np.hypot(fpr, 1 - tpr).min()
        for value in (distance, distance**2):
            yield name, torch.tensor(value), "this is the distance of the point: its threshold is asked"
        yield (
            name,
            _of_negatives(i[p], i[y]),
            "the scores are those of the negative class: take positive_class's column",
        )
    first = 'the curve\'s first point has an infinite threshold ("nothing is positive"): limit it to 1'
    for title in ("all alike", "worse than guessing"):
        yield f"finite and in [0, 1], {title}", always, first
    left = "select_roc_thresh only looks: setting the classifier's threshold is left to the caller"
    yield "the classifier's own threshold afterwards", always, left
    yield "labels of one class raise", always, "labels of one class have no ROC curve: raise ValueError"


def _of_negatives(p: Tensor, y: Tensor) -> Tensor:
    fpr, tpr, thresholds = _curve(y, 1 - p, drop_intermediate=False)
    return torch.tensor(min(float(thresholds[np.hypot(fpr, 1 - tpr).argmin()]), 1.0))


@suspects_of("p3.boundary")
def boundary(e: Tensors, i: Tensors) -> Suspects:
    """The grid, and which class belongs to which of its points."""
    points, twist = i["probes"], int(i[TWIST])
    name = "class drawn at 42 points"
    swapped = "the two features are swapped: x1 goes to the right, x2 upwards"
    yield name, regions(points.flip(1), twist).float(), swapped
    for text, signs in (
        ("upside down", (1.0, -1.0)),
        ("mirrored left to right", (-1.0, 1.0)),
        ("mirrored in both directions", (-1.0, -1.0)),
    ):
        mirrored = regions(points * torch.tensor(signs), twist).float()
        yield name, mirrored, f"the picture is {text}: is a grid flipped?"
    yield name, 1 - e[name], "the two classes are swapped"
    yield (
        name,
        lambda got: not bool((got == got.round()).all()),
        "probabilities are drawn: classify the points",
    )
    yield (
        name,
        lambda got: bool((got == got[0]).all()),
        "one class everywhere: were the points of the grid classified?",
    )
    order = "classes are not where their points are: points and classes must be in one order"
    yield name, always, order
    reach = "x1_grid and x2_grid must cover all of x1 and x2"
    yield "reaches to the left, right, bottom, top", always, reach
    yield "points in a grid with dx = 0.25", always, "dx is not used: the grid's points are dx apart"
    yield "samples drawn", always, "all samples must be drawn"
    yield "returns", always, "the figure and the axes must be returned, those given as ax"
