"""The trainers: resuming to the same bits, early stopping, progress, and bad input of all kinds."""

import io
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset
from trees import ROOT

from cs_helpers.checkpoints import CheckpointError, tensors_of
from cs_helpers.progress import ProgressLine
from hw.layers import MLP, CrossEntropyLoss
from hw.optimizers import MomentumSGD, RMSProp, VanillaSGD
from hw.training import ClassifierTrainer, LayerTrainer, Trainer


def loaders(n: int = 25, batch_size: int = 10) -> tuple[DataLoader, DataLoader]:
    """Make loaders of random images; the last batch is a partial one."""
    stream = torch.Generator().manual_seed(1)
    x, y = torch.randn(n, 3, 4, 4, generator=stream), torch.randint(5, (n,), generator=stream)
    ds = TensorDataset(x, y)
    own = torch.Generator().manual_seed(2)
    return DataLoader(ds, batch_size, shuffle=True, generator=own), DataLoader(ds, batch_size)


def layer_trainer(make=MomentumSGD, hidden: int = 16) -> LayerTrainer:
    """Make a trainer whose model has dropout, so that random state matters."""
    torch.manual_seed(42)
    model = MLP(48, 5, [hidden], dropout=0.3)
    return LayerTrainer(model, CrossEntropyLoss(), make(model.params(), learn_rate=0.01))


def module_trainer(make=torch.optim.Adam) -> ClassifierTrainer:
    """Make a trainer of a torch module with batch normalization and dropout."""
    torch.manual_seed(42)
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(48, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3)
    )
    model.append(torch.nn.Linear(8, 5))
    return ClassifierTrainer(model, torch.nn.CrossEntropyLoss(), make(model.parameters(), lr=0.01))


def weights(trainer: Trainer) -> dict[str, Tensor]:
    """Return copies of a trainer's weights."""
    return {name: tensor.clone() for name, tensor in tensors_of(trainer.model).items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Whether all tensors are equal to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("make", [layer_trainer, lambda: layer_trainer(RMSProp), module_trainer])
def test_a_resumed_fit_is_bit_identical_to_an_uninterrupted_one(make, tmp_path: Path) -> None:
    whole = make()
    expected = whole.fit(*loaders(), 6, print_every=0)
    path = tmp_path / "new folder" / "fit.pt"
    make().fit(*loaders(), 2, checkpoints=path, print_every=0)
    torch.manual_seed(7)  # whatever happens in between
    again = make()
    assert again.fit(*loaders(), 6, checkpoints=path, print_every=0) == expected
    assert same(weights(again), weights(whole))


def test_resuming_a_finished_fit_trains_no_more(tmp_path: Path) -> None:
    path = tmp_path / "fit.pt"
    first = layer_trainer()
    expected = first.fit(*loaders(), 3, checkpoints=path, print_every=0)
    again = layer_trainer()
    assert again.fit(*loaders(), 3, checkpoints=path, print_every=0) == expected
    assert same(weights(again), weights(first))


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from test_training import layer_trainer, loaders
layer_trainer().fit(*loaders(), 10_000, checkpoints={path!r}, print_every=0)
"""


def test_a_kill_at_any_moment_leaves_a_checkpoint_that_resumes_to_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "fit.pt"
    script = KILLED.format(tests=str(ROOT / "tests"), path=str(path))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for delay in (0.0, 0.013, 0.029):
        process = subprocess.Popen([sys.executable, "-c", script], env=environment)
        written = path.stat().st_mtime_ns if path.exists() else 0
        deadline = time.monotonic() + 60
        while not path.exists() or path.stat().st_mtime_ns == written:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
    resumed = layer_trainer()
    resumed.load_checkpoint(path)
    done = resumed.history.num_epochs
    assert done >= 3
    result = resumed.fit(*loaders(), done + 2, checkpoints=path, print_every=0)
    whole = layer_trainer()
    assert whole.fit(*loaders(), done + 2, print_every=0) == result
    assert same(weights(resumed), weights(whole))


def damaged(path: Path, how: str) -> str:
    """Damage a checkpoint in some way, and return what the message must say."""
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
        return "fit.pt"
    if how == "empty":
        path.write_bytes(b"")
        return "fit.pt"
    if how == "code":
        path.write_bytes(pickle.dumps(Trap()))
        return "holds more than tensors"
    if how == "other content":
        torch.save({"weights": torch.ones(1)}, path)
        return "no model, optimizer"
    torch.save(torch.ones(1), path)
    return "it holds a Tensor"


class Trap:
    """Unpickling this makes a file."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize("how", ["truncated", "empty", "code", "other content", "a tensor"])
def test_a_file_that_is_no_checkpoint_is_refused_and_changes_nothing(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "fit.pt"
    layer_trainer().fit(*loaders(), 1, checkpoints=path, print_every=0)
    message = damaged(path, how)
    trainer = layer_trainer()
    before = weights(trainer)
    with pytest.raises(CheckpointError, match=message):
        trainer.fit(*loaders(), 2, checkpoints=path, print_every=0)
    assert same(weights(trainer), before)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("history", value) for value in (None, [1])),
        *(
            (name, None)
            for name in ("model", "optimizer", "best_weights", "waited", "epoch_seconds", "random")
        ),
        *((name, {}) for name in ("optimizer", "random")),
        ("best_score", "high"),
    ],
)
def test_a_checkpoint_with_one_strange_entry_is_refused_and_changes_nothing(
    name: str, value: object, tmp_path: Path
) -> None:
    path = tmp_path / "fit.pt"
    layer_trainer().fit(*loaders(), 1, checkpoints=path, print_every=0)
    torch.save({**torch.load(path, weights_only=True), name: value}, path)
    trainer = layer_trainer()
    before = weights(trainer)
    with pytest.raises(CheckpointError, match=f"its {name} is not what it should be"):
        trainer.fit(*loaders(), 2, checkpoints=path, print_every=0)
    assert same(weights(trainer), before)


@pytest.mark.gpu
def test_a_fit_on_the_gpu_resumes_with_our_optimizers_and_torchs(tmp_path: Path) -> None:
    for number, make in enumerate((torch.optim.Adam, lambda params, lr: MomentumSGD(params, lr))):
        histories = []
        for epochs in ((4,), (2, 4)):
            path = tmp_path / f"{number}-{len(epochs)}.pt"
            for until in epochs:
                cpu = module_trainer(make)
                trainer = ClassifierTrainer(cpu.model, cpu.loss_fn, cpu.optimizer, device="cuda")
                history = trainer.fit(*loaders(), until, checkpoints=path, print_every=0)
            histories.append(history)
        assert histories[0].num_epochs == histories[1].num_epochs == 4
        assert histories[1].train_loss == pytest.approx(histories[0].train_loss, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "other", "message"),
    [
        (layer_trainer, lambda: layer_trainer(hidden=17), "of another model: '0' has shape"),
        (layer_trainer, lambda: layer_trainer(RMSProp), "MomentumSGD there and RMSProp here"),
        (layer_trainer, lambda: layer_trainer(VanillaSGD), "MomentumSGD there and VanillaSGD here"),
        (module_trainer, lambda: module_trainer(torch.optim.SGD), "Adam there and SGD here"),
        (module_trainer, layer_trainer, "of another model"),
    ],
)
def test_a_checkpoint_of_another_model_or_optimizer_changes_nothing(
    make, other, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "fit.pt"
    make().fit(*loaders(), 1, checkpoints=path, print_every=0)
    trainer = other()
    before, stream = weights(trainer), torch.get_rng_state()
    with pytest.raises(CheckpointError, match=message):
        trainer.load_checkpoint(path)
    assert same(weights(trainer), before)
    assert torch.equal(torch.get_rng_state(), stream)
    assert trainer.history.num_epochs == 0


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    trainer = layer_trainer()
    with pytest.raises(CheckpointError, match=r"cannot write the checkpoint .*file"):
        trainer.fit(*loaders(), 1, checkpoints=tmp_path / "file" / "fit.pt", print_every=0)
    assert trainer.history.num_epochs == 1  # nothing is lost: what was trained is still there


def test_images_that_are_not_finite_are_blamed() -> None:
    x, y = torch.randn(10, 3, 4, 4), torch.zeros(10).long()
    x[3, 1, 2] = torch.nan
    with pytest.raises(ValueError, match="4 values of its images are not finite"):
        layer_trainer().fit([(x, y)], [(x, y)], 1, print_every=0)


def test_a_learning_rate_that_explodes_is_suspected() -> None:
    trainer = layer_trainer()
    trainer.optimizer.learn_rate = 1e30
    with pytest.raises(ValueError, match="is the learning rate too high"):
        trainer.fit(*loaders(), 3, print_every=0)


@pytest.mark.parametrize(("y", "said"), [(torch.tensor([[0], [1]]), r"\(2, 1\)"), (torch.ones(2), "float32")])
def test_labels_of_another_shape_or_type_are_named(y: torch.Tensor, said: str) -> None:
    model = torch.nn.Linear(3, 2)
    trainer = ClassifierTrainer(model, torch.nn.CrossEntropyLoss(), VanillaSGD(model.parameters(), 0.1))
    with pytest.raises(ValueError, match=rf"{said}.*, not torch.int64 of shape \(N,\)"):
        trainer.train_epoch([(torch.zeros(2, 3), y)], verbose=False)


def test_unknown_devices_and_loaders_without_a_length_are_named() -> None:
    model = torch.nn.Linear(3, 2)
    settings = (model, torch.nn.CrossEntropyLoss(), VanillaSGD(model.parameters(), 0.1))
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        ClassifierTrainer(*settings, device="gpu")
    with pytest.raises(ValueError, match="generator lacks"):
        ClassifierTrainer(*settings).train_epoch((batch for batch in ()), verbose=False)


@pytest.mark.parametrize("label", [-1, 5])
def test_labels_out_of_range_are_named(label: int) -> None:
    batch = (torch.randn(4, 3, 4, 4), torch.full((4,), label))
    with pytest.raises(ValueError, match=rf"labels from {label} to {label} for 5 classes"):
        layer_trainer().train_batch(batch)


@pytest.mark.parametrize("label", [-1, 5])
def test_labels_out_of_range_are_named_for_torch_modules_too(label: int) -> None:
    batch = (torch.randn(4, 3, 4, 4), torch.tensor([0, 1, 2, label]))
    with pytest.raises(ValueError, match=rf"labels from {min(label, 0)} to {max(label, 2)}, and no score"):
        module_trainer().fit([batch], [batch], 1, print_every=0)


def test_an_index_error_of_the_models_own_is_left_alone() -> None:
    trainer = layer_trainer()
    trainer.model.forward = lambda x: [][1]
    with pytest.raises(IndexError, match="list index out of range"):
        trainer.fit(*loaders(), 1, print_every=0)


def test_a_partial_last_batch_counts_by_its_samples() -> None:
    _, dl = loaders(n=25, batch_size=10)
    trainer = layer_trainer()
    result = trainer.test_epoch(dl, verbose=False)
    x, y = dl.dataset.tensors
    right = (trainer.model(x.flatten(1)).argmax(1) == y).sum().item()
    assert result.accuracy == pytest.approx(100 * right / 25)
    assert len(result.losses) == 3


def test_an_empty_loader_is_refused() -> None:
    with pytest.raises(ValueError, match="no batches"):
        layer_trainer().fit([], [], 1, print_every=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_epochs", 0), ("num_epochs", 1.5), ("early_stopping", 0), ("max_batches", 0), ("max_batches", -1)],
)
def test_numbers_out_of_range_are_named(name: str, value: int) -> None:
    settings = {"num_epochs": 1, name: value}
    with pytest.raises(ValueError, match=f"{name} must be .*at least 1, got {value}"):
        layer_trainer().fit(*loaders(), print_every=0, **settings)


def test_an_unknown_keyword_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="max_batch"):
        layer_trainer().fit(*loaders(), 1, print_every=0, max_batch=2)


@pytest.mark.parametrize(
    ("every", "epochs"), [(0, []), (1, [1, 2, 3, 4, 5]), (2, [1, 3, 5]), (3, [1, 4, 5]), (9, [1, 5])]
)
def test_every_so_many_epochs_are_printed_and_the_last(every: int, epochs: list[int], capsys) -> None:
    layer_trainer().fit(*loaders(), 5, print_every=every)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [int(line.split()[1].split("/")[0]) for line in lines] == epochs


def test_the_epoch_that_stops_a_fit_early_is_printed(capsys) -> None:
    trainer = layer_trainer()
    trainer.optimizer.learn_rate = 1e-12  # nothing improves after the first epoch
    result = trainer.fit(*loaders(), 50, early_stopping=2, print_every=100)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[-1].startswith(f"epoch {result.num_epochs:2}/50")


@pytest.mark.parametrize(
    ("stream", "least", "most"),
    [(io.StringIO(), 10, 30), (io.TextIOWrapper(io.BytesIO(), newline=""), 0, 0)],
    ids=["a notebook", "a file"],
)
def test_progress_writes_a_few_times_a_second_at_most(stream, least, most, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr("cs_helpers.progress.time.monotonic", lambda: now[0])
    monkeypatch.setattr("sys.stdout", stream)
    line = ProgressLine("epoch 1", 10_000)
    for step in range(10_000):
        now[0] += 1e-3  # ten seconds in all
        line.update(step + 1)
    line.clear()
    stream.seek(0)
    assert least <= stream.read().count("\r") <= most


def test_verbose_false_prints_nothing(capsys) -> None:
    trainer = layer_trainer()
    trainer.train_epoch(loaders()[0], verbose=False)
    trainer.test_epoch(loaders()[1], verbose=False)
    assert capsys.readouterr().out == ""


def test_the_best_weights_come_back_and_last_ones_stay_without_early_stopping() -> None:
    trainer = layer_trainer()
    result = trainer.fit(*loaders(), 8, early_stopping=8, print_every=0)
    _, dl_test = loaders()
    assert trainer.test_epoch(dl_test, verbose=False).accuracy == max(result.test_acc)
    plain = layer_trainer()
    result = plain.fit(*loaders(), 8, print_every=0)
    assert plain.test_epoch(dl_test, verbose=False).accuracy == result.test_acc[-1]


def test_our_optimizers_train_torch_modules_too() -> None:
    torch.manual_seed(42)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 5))
    trainer = ClassifierTrainer(model, torch.nn.CrossEntropyLoss(), VanillaSGD(model.parameters(), 0.1))
    result = trainer.fit(*loaders(), 20, print_every=0)
    assert result.train_loss[-1] < result.train_loss[0]
