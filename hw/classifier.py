"""Part 3: from scores to probabilities, from probabilities to classes, and where to put the threshold."""

import abc
from typing import Any

import torch
from torch import Tensor, nn

from cs_helpers.boundary_plots import CLASS_COLOURS, draw_classes, draw_roc, new_axes


class Classifier(nn.Module, abc.ABC):
    """Wraps a model that gives class scores, and turns scores into probabilities and classes.

    Training needs the scores (``forward``), people want probabilities (``predict_proba``), and decisions need
    classes (``classify``). How a class is chosen is left to subclasses.

    Args:
        model: A module from inputs ``(N, ...)`` to class scores ``(N, C)``.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Return the class scores ``(N, C)`` of inputs ``(N, ...)``, with their graph: training needs it."""
        # TODO: one line.
        # BEGIN SOLUTION p3.classifier
        return self.model(x)
        # END SOLUTION

    def predict_proba_scores(self, z: Tensor) -> Tensor:
        """Turn class scores ``(N, C)`` into class probabilities ``(N, C)``; each row sums to 1."""
        # TODO: softmax. Over which dimension?
        # BEGIN SOLUTION p3.classifier
        return torch.softmax(z, dim=1)
        # END SOLUTION

    def predict_proba(self, x: Tensor) -> Tensor:
        """Return the class probabilities ``(N, C)`` of inputs ``(N, ...)``, without a graph."""
        # TODO: scores, then probabilities; nobody differentiates through this.
        # BEGIN SOLUTION p3.classifier
        with torch.no_grad():
            return self.predict_proba_scores(self(x))
        # END SOLUTION

    def classify_scores(self, z: Tensor) -> Tensor:
        """Return the class index ``(N,)``, an integer, for class scores ``(N, C)``."""
        return self._classify(self.predict_proba_scores(z.detach()))

    def classify(self, x: Tensor) -> Tensor:
        """Return the class index ``(N,)``, an integer, of inputs ``(N, ...)``, without a graph."""
        # TODO: scores, then classes.
        # BEGIN SOLUTION p3.classifier
        with torch.no_grad():
            return self.classify_scores(self(x))
        # END SOLUTION

    @abc.abstractmethod
    def _classify(self, proba: Tensor) -> Tensor:
        """Choose the class ``(N,)`` from class probabilities ``(N, C)``."""


class ArgMaxClassifier(Classifier):
    """Chooses the most probable class."""

    def _classify(self, proba: Tensor) -> Tensor:
        # TODO: one line.
        # BEGIN SOLUTION p3.classifier
        return proba.argmax(dim=1)
        # END SOLUTION


class BinaryClassifier(Classifier):
    """Says 1 where the probability of the positive class reaches a threshold, and 0 elsewhere.

    Args:
        model: A module from inputs ``(N, ...)`` to two class scores ``(N, 2)``.
        positive_class: Which of the two scores belongs to the positive class, 0 or 1.
        threshold: As the attribute.

    Attributes:
        positive_class: Column of the positive class in scores and probabilities.
        threshold: Probability from which on a sample counts as positive, in [0, 1]. Can be set at any time.

    Raises:
        ValueError: If ``positive_class`` or ``threshold`` is out of range.
    """

    def __init__(self, model: nn.Module, positive_class: int = 1, threshold: float = 0.5) -> None:
        super().__init__(model)
        if positive_class not in (0, 1):
            raise ValueError(f"positive_class must be 0 or 1, got {positive_class!r}")
        self.positive_class = positive_class
        self.threshold = threshold

    @property
    def threshold(self) -> float:
        """Probability from which on a sample counts as positive."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        if not 0 <= value <= 1:  # also refuses nan
            raise ValueError(f"threshold is a probability, in [0, 1], got {value!r}")
        self._threshold = float(value)

    def _classify(self, proba: Tensor) -> Tensor:
        if proba.ndim != 2 or proba.shape[1] != 2:
            raise ValueError(f"a BinaryClassifier needs scores of shape (N, 2), got {tuple(proba.shape)}")
        # TODO: 1 where the positive class is as probable as the threshold or more, else 0, as int32.
        # BEGIN SOLUTION p3.binary
        return (proba[:, self.positive_class] >= self.threshold).to(torch.int32)
        # END SOLUTION


def _require_labels(x: Tensor, y: Tensor) -> None:
    if y.shape != x.shape[:1]:
        raise ValueError(f"y must have a label for each of the {len(x)} samples, got {tuple(y.shape)}")


def plot_decision_boundary_2d(
    classifier: Classifier,
    x: Tensor,
    y: Tensor,
    dx: float = 0.1,
    ax: Any = None,
    cmap: Any = CLASS_COLOURS,
) -> tuple[Any, Any]:
    """Colour the plane by the class a classifier chooses there, with samples on top.

    Args:
        classifier: Of inputs with two features.
        x: Samples to draw, shape ``(N, 2)``. The picture reaches half a unit beyond them.
        y: Their labels, shape ``(N,)``.
        dx: Distance of the grid's points.
        ax: Axes to draw on; a new figure if not given.
        cmap: Colour map for classes and labels; by default colours that everybody can tell apart.

    Returns:
        The figure and the axes.

    Raises:
        ValueError: If ``x`` does not have two features, all finite, and a label each in ``y``, or ``dx`` is
            not positive.
    """
    if x.ndim != 2 or x.shape[1] != 2 or not len(x):
        raise ValueError(f"x must have the shape (N, 2), got {tuple(x.shape)}")
    _require_labels(x, y)
    if not bool(x.isfinite().all()):
        raise ValueError(f"{int((~x.isfinite()).sum())} values of x are not finite")
    if not dx > 0:
        raise ValueError(f"dx must be positive, got {dx}")
    ax = new_axes() if ax is None else ax
    low, high = x.amin(dim=0) - 0.5, x.amax(dim=0) + 0.5
    x1, x2 = (torch.arange(a, b + dx, dx) for a, b in zip(low.tolist(), high.tolist(), strict=True))
    # TODO: make a grid of all pairs from x1 (to the right) and x2 (upwards), and classify its points:
    # x1_grid, x2_grid and y_grid, all of one two-dimensional shape. torch.meshgrid helps.
    # BEGIN SOLUTION p3.boundary
    x1_grid, x2_grid = torch.meshgrid(x1, x2, indexing="xy")
    points = torch.stack([x1_grid.flatten(), x2_grid.flatten()], dim=1)
    y_grid = classifier.classify(points).reshape(x1_grid.shape)
    # END SOLUTION
    draw_classes(ax, x1_grid, x2_grid, y_grid, x, y, cmap)
    return ax.figure, ax


def select_roc_thresh(
    classifier: BinaryClassifier, x: Tensor, y: Tensor, plot: bool = False, ax: Any = None
) -> float:
    """Choose the threshold whose point on the ROC curve is closest to (0, 1), the perfect classifier.

    The classifier itself is left as it is.

    Args:
        classifier: What to choose the threshold for.
        x: Samples, shape ``(N, D)``: none that the model was trained on, and none of the test set.
        y: Their labels, shape ``(N,)``: 1 for positive, 0 for negative.
        plot: Whether to draw the curve, with the chosen point.
        ax: Axes to draw on; a new figure if not given.

    Returns:
        The threshold, finite and in [0, 1].

    Raises:
        ValueError: If the labels are not 0 and 1, both of them, or not as many as the samples.
    """
    from sklearn.metrics import roc_curve  # only now: Parts 4 and 5 do without, and loading it takes a second

    _require_labels(x, y)
    if (labels := sorted(set(y.tolist()))) != [0, 1]:
        raise ValueError(f"a ROC curve needs labels of both classes, 0 and 1; y holds {labels[:5]}")
    # TODO: fpr, tpr and thresholds from roc_curve; the index of the point closest to (0, 1); its threshold.
    # scikit-learn's first threshold is infinite ("nothing is positive"), ours must be in [0, 1].
    # BEGIN SOLUTION p3.roc
    proba = classifier.predict_proba(x)[:, classifier.positive_class]
    # Points on a straight piece of the curve count, too, so none is dropped.
    fpr, tpr, thresholds = roc_curve(y.numpy(), proba.numpy(), drop_intermediate=False)
    index = int((fpr**2 + (1 - tpr) ** 2).argmin())
    thresh = min(float(thresholds[index]), 1.0)
    # END SOLUTION
    if plot:
        draw_roc(new_axes() if ax is None else ax, fpr, tpr, index, thresh)
    return thresh
