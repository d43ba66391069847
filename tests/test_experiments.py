"""mlp_experiment, and the moons it is made for."""

import pytest
import torch
from torch.utils.data import DataLoader

from cs_helpers.moons import TensorLoader, make_moons
from hw.experiments import mlp_experiment


@pytest.fixture(scope="module")
def moons():
    """A smaller draw of the three sets."""
    torch.set_num_threads(1)
    return make_moons(num_samples=3000)


def test_the_three_sets_have_the_sizes_of_the_text_and_repeat() -> None:
    one, two = make_moons(), make_moons()
    assert [len(part) for part in one] == [5333, 2667, 2000]
    for part, again in zip(one, two, strict=True):
        assert torch.equal(part.tensors[0], again.tensors[0])
        assert part.tensors[0].dtype == torch.float32
        assert part.tensors[1].dtype == torch.int64
    assert not torch.equal(one.train.tensors[0], make_moons(seed=1).train.tensors[0])


@pytest.mark.parametrize("shuffle", [False, True])
def test_our_loader_gives_the_batches_of_a_data_loader(moons, shuffle: bool) -> None:
    ours, theirs = (make(moons.valid, batch_size=32, shuffle=shuffle) for make in (TensorLoader, DataLoader))
    assert len(ours) == len(theirs)
    for epoch in range(2):
        torch.manual_seed(epoch)
        expected = list(theirs)
        torch.manual_seed(epoch)
        for got, want in zip(ours, expected, strict=True):
            assert torch.equal(got[0], want[0])
            assert torch.equal(got[1], want[1])


def test_an_experiment_is_silent_and_returns_what_its_model_does(moons, capsys) -> None:
    model, thresh, valid_acc, test_acc = mlp_experiment(1, 8, *moons.loaders(), n_epochs=4)
    assert capsys.readouterr() == ("", "")
    assert model.threshold == thresh
    x, y = moons.test.tensors
    assert test_acc == pytest.approx(100 * (model.classify(x) == y).float().mean().item(), abs=0.2)
    assert min(valid_acc, test_acc) > 75


def test_depth_and_width_are_those_of_the_hidden_layers(moons) -> None:
    model, *_ = mlp_experiment(3, 5, *moons.loaders(), n_epochs=1)
    assert [tuple(p.shape) for p in model.parameters() if p.ndim == 2] == [(5, 2), (5, 5), (5, 5), (2, 5)]


def test_an_experiment_without_epochs_or_validation_batches_is_refused(moons) -> None:
    train, _, test = moons.loaders()
    with pytest.raises(ValueError, match="n_epochs must be at least 1, got 0"):
        mlp_experiment(1, 8, *moons.loaders(), n_epochs=0)
    with pytest.raises(ValueError, match="dl_valid has no batches"):
        mlp_experiment(1, 8, train, [], test, n_epochs=1)


@pytest.mark.parametrize("size", [(0, 8), (1, 0)])
def test_an_experiment_without_units_is_refused(moons, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        mlp_experiment(*size, *moons.loaders(), n_epochs=1)
