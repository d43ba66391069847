"""Folds, cross-validation, and the scikit-learn interface."""

import sys
from functools import partial

import pytest
import torch

from cs_helpers.moons import make_moons
from hw import model_selection
from hw.model_selection import cross_validate, k_fold_splits, make_mlp, sklearn_interface


@pytest.fixture(scope="module")
def samples():
    """A few moons of one kind."""
    torch.set_num_threads(1)
    return make_moons(num_samples=1000).train


make_model, make_trainer = partial(make_mlp, 8), partial(model_selection.make_trainer, 8)


@pytest.mark.parametrize(("n", "k"), [(2, 2), (10, 3), (11, 4), (100, 7), (6, 6)])
def test_folds_share_the_samples_out(n: int, k: int) -> None:
    splits = k_fold_splits(n, k)
    sizes = [len(valid) for _, valid in splits]
    assert len(splits) == k
    assert max(sizes) - min(sizes) <= 1
    assert torch.cat([valid for _, valid in splits]).sort().values.tolist() == list(range(n))
    for train, valid in splits:
        assert torch.cat([train, valid]).sort().values.tolist() == list(range(n))


def test_the_generator_decides_the_folds() -> None:
    one, two, other = (k_fold_splits(50, 5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a[1], b[1]) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0][1], other[0][1])


@pytest.mark.parametrize("k", [-1, 0, 1, 11])
def test_a_number_of_folds_that_makes_no_sense_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"got {k}"):
        k_fold_splits(10, k)


def test_a_cross_validation_is_silent_repeats_and_learns(samples, capsys) -> None:
    torch.manual_seed(1)
    one = cross_validate(make_trainer, samples, k=4, num_epochs=5)
    torch.manual_seed(1)
    two = cross_validate(make_trainer, samples, k=4, num_epochs=5)
    assert one == two
    assert capsys.readouterr() == ("", "")
    assert len(one.accuracies) == len(one.best_epochs) == 4
    assert all(1 <= epoch <= 5 for epoch in one.best_epochs)
    assert one.mean > 75
    assert one.std == pytest.approx(torch.tensor(one.accuracies).std(correction=0).item(), abs=1e-3)


def test_another_seed_gives_other_folds(samples) -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(1)
        found.append(cross_validate(make_trainer, samples, k=3, num_epochs=1, seed=seed).accuracies)
    assert found[0] != found[1]


@pytest.mark.parametrize(("name", "value"), [("k", 1), ("num_epochs", 0), ("batch_size", 0)])
def test_a_cross_validation_refuses_arguments_out_of_range(samples, name: str, value: int) -> None:
    arguments = {"k": 2, "num_epochs": 1, "batch_size": 32, name: value}
    with pytest.raises(ValueError, match=name):
        cross_validate(make_trainer, samples, **arguments)


def test_without_skorch_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skorch", None)
    with pytest.raises(ModuleNotFoundError, match="pip install skorch"):
        sklearn_interface(make_model, num_epochs=1)


def test_scikit_learn_takes_the_wrapped_model_for_one_of_its_own(samples) -> None:
    pytest.importorskip("skorch")
    from sklearn.metrics import accuracy_score, confusion_matrix
    from sklearn.model_selection import cross_val_score

    x, y = (tensor.numpy() for tensor in samples.tensors)
    torch.manual_seed(1)
    net = sklearn_interface(make_model, num_epochs=8).fit(x, y)
    predicted = net.predict(x)
    assert predicted.shape == y.shape
    assert net.predict_proba(x).sum(axis=1) == pytest.approx(1, abs=1e-5)
    table = confusion_matrix(y, predicted)
    assert table.trace() / table.sum() == pytest.approx(accuracy_score(y, predicted))
    assert accuracy_score(y, predicted) > 0.75
    scores = cross_val_score(net, x, y, cv=5)
    assert len(scores) == 5
    assert scores.mean() > 0.75
