"""Classifiers: probabilities, thresholds, the ROC threshold, decision boundaries."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.metrics import roc_curve
from torch import nn

from cs_helpers.boundary_plots import error_rates
from hw.classifier import ArgMaxClassifier, BinaryClassifier, plot_decision_boundary_2d, select_roc_thresh


class Given(BinaryClassifier):
    """Its inputs (N, 1) are the probabilities themselves."""

    def __init__(self, **kw) -> None:
        super().__init__(nn.Identity(), **kw)

    def forward(self, x):
        return torch.cat([1 - x, x], dim=1)

    def predict_proba_scores(self, z):
        return z


def thresh_of(p: list[float], y: list[int]) -> float:
    return select_roc_thresh(Given(), torch.tensor(p)[:, None], torch.tensor(y))


def test_predictions_keep_no_graph_and_scores_keep_theirs() -> None:
    classifier, x = ArgMaxClassifier(nn.Linear(3, 4)), torch.randn(6, 3)
    assert classifier(x).requires_grad
    assert not classifier.predict_proba(x).requires_grad
    assert torch.allclose(classifier.predict_proba(x).sum(dim=1), torch.ones(6))
    assert torch.equal(classifier.classify(x), classifier(x).argmax(dim=1))


def test_a_probability_at_the_threshold_is_positive() -> None:
    classifier = Given(threshold=0.25)
    x = torch.tensor([[0.0], [0.2499], [0.25], [1.0]])
    assert classifier.classify(x).tolist() == [0, 0, 1, 1]
    assert classifier.classify(x).dtype == torch.int32
    classifier.threshold = 0
    assert classifier.classify(x).tolist() == [1, 1, 1, 1]


def test_positive_class_chooses_the_column() -> None:
    x = torch.tensor([[0.1], [0.9]])
    assert Given(positive_class=0).classify(x).tolist() == [1, 0]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan, math.inf])
def test_a_threshold_outside_of_0_and_1_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        Given(threshold=threshold)
    with pytest.raises(ValueError, match="threshold"):
        Given().threshold = threshold


def test_more_than_two_scores_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(N, 2\), got \(5, 3\)"):
        BinaryClassifier(nn.Identity()).classify(torch.randn(5, 3))
    with pytest.raises(ValueError, match="positive_class"):
        Given(positive_class=2)


def test_the_roc_threshold_is_the_best_of_all() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        y = np.r_[0, 1, generator.integers(0, 2, 30)]
        p = (generator.integers(0, 11, 32) / 10).astype(np.float32)
        thresh = thresh_of(p.tolist(), y.tolist())
        assert 0 <= thresh <= 1
        fpr, fnr = error_rates(torch.tensor(p >= np.float32(thresh)), torch.tensor(y))
        rates = roc_curve(y, p, drop_intermediate=False)
        # The point (0, 0) cannot be reached where some probability is exactly 1.
        distances = np.hypot(rates[0], 1 - rates[1])[1:]
        assert math.hypot(fpr, fnr) <= distances.min() + 1e-9


@pytest.mark.parametrize(
    ("p", "y"),
    [
        ([0.7, 0.7, 0.7, 0.7], [0, 1, 0, 1]),
        ([0.9, 0.8, 0.1], [0, 0, 1]),
        ([1.0, 0.0], [0, 1]),
        ([0.0, 1.0], [0, 1]),
    ],
)
def test_the_roc_threshold_is_finite(p: list[float], y: list[int]) -> None:
    assert 0 <= thresh_of(p, y) <= 1


@pytest.mark.parametrize("y", [[1, 1], [0, 0], [0, 2]])
def test_labels_of_one_class_have_no_roc_curve(y: list[int]) -> None:
    with pytest.raises(ValueError, match="both classes"):
        thresh_of([0.2, 0.8], y)


def test_choosing_a_threshold_leaves_the_classifier_alone() -> None:
    classifier = Given(threshold=0.9)
    select_roc_thresh(classifier, torch.tensor([[0.2], [0.3]]), torch.tensor([0, 1]))
    assert classifier.threshold == 0.9


def test_plots_use_the_given_axes_or_make_a_figure() -> None:
    classifier, x, y = BinaryClassifier(nn.Linear(2, 2)), torch.randn(30, 2), torch.arange(30) % 2
    figure, ax = plt.subplots()
    assert plot_decision_boundary_2d(classifier, x, y, ax=ax) == (figure, ax)
    select_roc_thresh(classifier, x, y, plot=True, ax=ax)
    before = plt.get_fignums()
    new, _ = plot_decision_boundary_2d(classifier, x, y)
    select_roc_thresh(classifier, x, y, plot=True)
    assert new is not figure
    assert len(plt.get_fignums()) == len(before) + 2
    plt.close("all")


def test_samples_without_a_label_each_are_refused() -> None:
    classifier = BinaryClassifier(nn.Linear(2, 2))
    for call in (plot_decision_boundary_2d, select_roc_thresh):
        with pytest.raises(ValueError, match=r"a label for each of the 4 samples, got \(3,\)"):
            call(classifier, torch.randn(4, 2), torch.tensor([0, 1, 1]))


def test_a_boundary_of_no_samples_or_nan_is_refused() -> None:
    classifier = BinaryClassifier(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"got \(0, 2\)"):
        plot_decision_boundary_2d(classifier, torch.zeros(0, 2), torch.zeros(0))
    with pytest.raises(ValueError, match="3 values of x are not finite"):
        plot_decision_boundary_2d(
            classifier, torch.tensor([[torch.nan, 1], [torch.inf, torch.nan]]), torch.zeros(2)
        )


def test_a_boundary_needs_two_features_and_a_positive_step() -> None:
    classifier = BinaryClassifier(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"\(N, 2\), got \(4, 3\)"):
        plot_decision_boundary_2d(classifier, torch.randn(4, 3), torch.zeros(4))
    with pytest.raises(ValueError, match="dx"):
        plot_decision_boundary_2d(classifier, torch.randn(4, 2), torch.zeros(4), dx=0)
