"""mlp_experiment and the moons it is made for; cnn_experiment."""

import pytest
import torch
from torch.utils.data import DataLoader

from cs_helpers.devices import Prepared, prepare
from cs_helpers.moons import TensorLoader, make_moons
from cs_helpers.run_files import read_run
from cs_helpers.train_results import TrainingError
from hw.cnn import CNN
from hw.experiments import cnn_experiment, load_experiment, mlp_experiment
from hw.training import ClassifierTrainer


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


SMALL = {
    **{
        "seed": 3,
        "device": "cpu",
        "data": "digits",
        "bs_train": 16,
        "bs_test": 50,
        "batches": 3,
        "epochs": 2,
    },
    **{"filters_per_layer": [4, 6], "layers_per_block": 1, "pool_every": 1, "hidden_dims": [8]},
    "print_every": 0,
}


def test_a_result_holds_all_it_takes_to_run_it_again(tmp_path) -> None:
    fit = cnn_experiment("first", tmp_path, **SMALL, model_type="resnet", batchnorm=True)
    config, loaded = load_experiment(tmp_path / "first_L1_K4-6.json")
    assert loaded == fit
    assert config["batchnorm"] is True
    assert cnn_experiment(out_dir=tmp_path / "again", **config, print_every=0, device="cpu") == fit
    record = read_run(tmp_path / "first_L1_K4-6.json")
    assert record["data"] == {"name": "digits", "train": 1409, "valid": 194, "test": 194}
    assert len(record["time"]["epochs"]) == fit.num_epochs


def test_a_run_that_goes_on_ends_like_one_that_was_never_stopped(tmp_path) -> None:
    own = {**SMALL, "optimizer": "sgd", "schedule": "one-cycle", "augment": True, "epochs": 4, "lr": 0.05}
    whole = cnn_experiment("whole", tmp_path, **own)
    checkpoint, calls = tmp_path / "run.pt", []
    save = ClassifierTrainer.save_checkpoint

    def stop_after_two(trainer, path) -> None:
        save(trainer, path)
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClassifierTrainer, "save_checkpoint", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            cnn_experiment("stopped", tmp_path, **own, checkpoints=checkpoint)
    assert not (tmp_path / "stopped_L1_K4-6.json").exists()
    assert cnn_experiment("stopped", tmp_path, **own, checkpoints=checkpoint) == whole
    records = [read_run(tmp_path / f"{name}_L1_K4-6.json") for name in ("whole", "stopped")]
    assert records[0]["test"] == records[1]["test"]
    assert not checkpoint.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers_per_block": 0}, "layers_per_block must be a whole number of at least 1, got 0"),
        ({"pool_every": -1}, "pool_every must be a whole number of at least 1, got -1"),
        ({"filters_per_layer": []}, "filters_per_layer must have at least 1 entry"),
        ({"filters_per_layer": [4, 0]}, "filters_per_layer must be whole numbers of at least 1, got 0"),
        ({"filters_per_layer": 4}, "filters_per_layer must be a list"),
        ({"hidden_dims": [True]}, "hidden_dims must be whole numbers of at least 1, got True"),
        ({"lr": float("nan")}, "lr must be a finite number larger than 0, got nan"),
        ({"lr": 0}, "lr must be a finite number larger than 0, got 0"),
        ({"reg": -1.0}, "reg must be a finite number at least 0"),
        ({"bs_train": 0}, "bs_train must be a whole number of at least 1"),
        ({"bs_test": 0}, "bs_test must be a whole number of at least 1 or None"),
        ({"batches": 1.5}, "batches must be a whole number"),
        ({"epochs": 0}, "epochs must be a whole number"),
        ({"early_stopping": 0}, "early_stopping must be a whole number of at least 1 or None"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"seed": 2**63}, "seed must be at most"),
        ({"seed": None, "checkpoints": "x.pt"}, "seed must be given if there are checkpoints"),
        ({"model_type": "resnt"}, "unknown model_type 'resnt'; did you mean 'resnet'"),
        ({"optimizer": "adm"}, "unknown optimizer 'adm'; did you mean 'adam'"),
        ({"schedule": "fast"}, "unknown schedule 'fast'; there are: constant, one-cycle"),
        ({"augment": 1}, "augment must be True or False"),
        ({"data": "digit"}, "no data set 'digit'"),
        ({"device": "tpu"}, "tpu"),
        ({"run_name": "a/b"}, "run_name must be of letters"),
        ({"layers_per_block": 4}, "the feature map shrinks to nothing"),
        ({"lr": 0, "epochs": 0}, "epochs must .*; lr must"),
    ],
)
def test_bad_arguments_are_refused_before_training(tmp_path, monkeypatch, change, message) -> None:
    monkeypatch.setattr(ClassifierTrainer, "fit", lambda *_, **__: pytest.fail("training has begun"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        cnn_experiment(**{"run_name": "bad", "out_dir": tmp_path, **SMALL, **change})


def test_an_unwritable_folder_is_refused_before_training(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ClassifierTrainer, "fit", lambda *_, **__: pytest.fail("training has begun"))
    (tmp_path / "file").touch()
    for where in ({"out_dir": tmp_path / "file"}, {"checkpoints": tmp_path / "file" / "a.pt"}):
        with pytest.raises(ValueError, match="cannot write results to"):
            cnn_experiment(**{"run_name": "bad", "out_dir": tmp_path, **SMALL, **where})


def test_a_run_that_diverges_says_so_and_leaves_no_result(tmp_path) -> None:
    with pytest.raises(TrainingError, match="learning rate too high"):
        cnn_experiment("wild", tmp_path, **{**SMALL, "lr": 1e20})
    assert not list(tmp_path.glob("*.json"))


def test_a_network_is_prepared_with_channels_last_and_float32_at_the_end() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.Flatten())
    x, seen = torch.randn(2, 3, 8, 8), []
    plain = net(x)
    wrapped = Prepared(net, (3, 8, 8))
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last)
    net[0].register_forward_hook(lambda module, args, out: seen.append(args[0]))
    out = wrapped(x)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    assert out.dtype == torch.float32
    assert torch.allclose(out, plain, atol=1e-5)  # on a CPU nothing is rounded
    with torch.autocast("cpu", torch.bfloat16):  # what a GPU does
        rounded = wrapped(x)
    assert rounded.dtype == torch.float32
    assert torch.allclose(rounded, plain, atol=0.05)
    rounded.sum().backward()
    assert net[0].weight.grad.dtype == torch.float32


class Viewed(CNN):
    """A CNN that flattens its features by view."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.feature_extractor(x)
        return self.mlp(features.view(len(x), -1))


def test_a_network_that_flattens_by_view_stays_contiguous_and_is_not_touched() -> None:
    torch.manual_seed(0)
    net = Viewed((3, 8, 8), 10, [4, 4], 1, [5])
    before = {name: value.clone() for name, value in net.state_dict().items()}
    wrapped = Prepared(net, (3, 8, 8))
    assert wrapped.training
    assert net.feature_extractor[0].weight.is_contiguous()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    wrapped(torch.randn(2, 3, 8, 8)).sum().backward()


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor cannot")
def test_denormal_numbers_are_taken_for_0_once_a_network_is_prepared() -> None:
    torch.set_flush_denormal(False)
    tiny = torch.tensor([1e-30])
    try:
        assert (tiny * 1e-10).item() > 0
        prepare(torch.nn.Conv2d(1, 1, 1), torch.device("cpu"), (1, 2, 2))
        assert (tiny * 1e-10).item() == 0
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.gpu
@pytest.mark.parametrize("compiled", [False, True])
def test_an_experiment_runs_on_a_gpu(tmp_path, compiled: bool) -> None:
    fit = cnn_experiment("gpu", tmp_path, **{**SMALL, "device": "cuda", "epochs": 5}, compiled=compiled)
    assert fit.train_loss[-1] < fit.train_loss[0]
    record = read_run(tmp_path / "gpu_L1_K4-6.json")
    assert "Xeon" not in record["provenance"]["device"]
