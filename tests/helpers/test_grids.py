"""The 34 runs, and run-grid: what is there is kept, what is missing is made, whatever ends it on the way."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import answers.part5
from answers.part5 import part5_hp
from cs_helpers.experiment_arguments import complete, differences, refuse_bad_arguments
from cs_helpers.experiment_cli import main
from cs_helpers.grids import EXPERIMENTS, Experiment, runs_of
from cs_helpers.run_files import run_path
from hw.experiments import NAMES, _make_net, cnn_experiment

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "helpers" / "grid_script.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def grid(layers: str, epochs: int, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a small grid to its end."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), layers, str(epochs), "-o", str(folder), *options],
        env=ENVIRONMENT,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def results(folder: Path) -> dict[str, dict]:
    """Read what a run's result is, and leave out how long it took."""
    found = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {name: {**record, "time": None} for name, record in found.items()}


def test_there_are_34_runs_with_a_file_each_and_arguments_in_range() -> None:
    runs = [run for name in EXPERIMENTS for run in runs_of(name, part5_hp)]
    names = ("run_name", "layers_per_block", "filters_per_layer")
    assert len({run_path("", *(run[name] for name in names)) for run in runs}) == len(runs) == 34
    for run in runs:
        refuse_bad_arguments(complete(cnn_experiment, run), NAMES)
        assert run["seed"] is not None


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_network_of_the_grids_can_be_built(name) -> None:
    class Data:
        in_size, classes = (3, 32, 32), range(10)

    class Loaders:
        dl_train = type("Loader", (), {"dataset": Data})

    for run in runs_of(name, part5_hp):
        arguments = complete(cnn_experiment, run)
        sizes = [arguments[n] for n in ("filters_per_layer", "layers_per_block", "pool_every", "hidden_dims")]
        if max(sizes[0]) <= 64:  # the others differ from these in width
            _make_net(arguments["model_type"], Loaders, *sizes, **arguments["kw"])


def test_an_unknown_experiment_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'exp1_1'"):
        runs_of("exp11", part5_hp)


def test_differences_name_argument_and_both_values() -> None:
    assert differences({"lr": 0.1, "seed": 3}, {"lr": 0.2, "seed": None}) == ["lr 0.1, not 0.2"]
    assert differences({"a": 1, "seed": 3}, {"a": 1, "seed": 4}) == ["seed 3, not 4"]


@pytest.fixture
def tiny(monkeypatch, tmp_path, capfd):
    """Run a grid of tiny networks in this process, with real commands, and return status and both outputs."""
    monkeypatch.setitem(EXPERIMENTS, "tiny", Experiment("Tiny", "cnn", (((4,), (1, 2)),)))
    choices = {"seed": 7, "pool_every": 1, "hidden_dims": [8], "data": "digits", "batches": 2, "epochs": 1}
    monkeypatch.setattr(answers.part5, "part5_hp", lambda *of: choices)

    def run(*options: str) -> tuple[int, str, str]:
        status = main(["run-grid", "tiny", "-o", str(tmp_path), *options])
        return status, *capfd.readouterr()

    return run


@pytest.mark.slow
def test_results_that_are_there_are_kept_or_named_or_replaced(tiny, tmp_path) -> None:
    status, out, err = tiny("--jobs", "2")
    assert (status, err) == (0, "")
    assert "tiny_L1_K4: 1 epochs" in out
    file = tmp_path / "tiny_L1_K4.json"
    before = file.read_bytes()
    assert tiny() == (0, "2 runs, 2 of them are there already\n", "")
    status, out, err = tiny("--epochs", "2", "--dry-run")
    assert status == 1
    assert "run-exp" not in out
    assert err.count("epochs 1, not 2; left alone") == 2
    file.write_text("{")
    status, out, err = tiny()
    assert status == 1
    assert err.count("\n") == 1
    assert "damaged or no JSON" in err
    assert tiny("--redo", "--dry-run")[1].count("run-exp") == 1
    assert tiny("--redo")[0] == 0
    assert json.loads(file.read_text())["fit"] == json.loads(before)["fit"]


@pytest.mark.slow
def test_a_failing_run_is_named_and_does_not_stop_the_others(tiny, tmp_path) -> None:
    command = shlex.split(tiny("--dry-run")[1])
    checkpoint = next(word for word in command if word.endswith(".pt") and "tiny_L1" in word)
    Path(checkpoint).parent.mkdir(exist_ok=True)
    Path(checkpoint).write_bytes(b"no checkpoint")
    status, out, err = tiny()
    assert status == 1
    assert "tiny_L2_K4: 1 epochs" in out
    assert err.startswith("hw.experiments: tiny_L1_K4: ")
    assert "checkpoint" in err
    assert err.rstrip().endswith("(exit status 2)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--jobs", "0"], "jobs must be at least 1, got 0"),
        (["--jobs", "two"], "invalid int value: 'two'"),
        (["--time", "soon"], "time must be like"),
        (["--memory", "much"], "memory must be like"),
        (["--gpus", "-1"], "gpus must be at least 0"),
        (["--epochs", "0"], "tiny_L1_K4: epochs must be a whole number of at least 1, got 0"),
        (["--threads", "0"], "cpus at least 1"),
        (["--cluster", "tcp://127.0.0.1:1"], "dask"),
        (["--partition"], "expected one argument"),
    ],
)
def test_bad_options_are_one_line_and_status_2(tiny, capfd, options, message) -> None:
    try:
        status, _, err = tiny(*options)
    except SystemExit as error:  # how argparse ends
        status, err = error.code, capfd.readouterr().err
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_grid_killed_on_the_way_ends_as_if_nothing_had_happened(tmp_path) -> None:
    assert grid("1,2", 60, tmp_path / "whole").returncode == 0
    command = [sys.executable, str(SCRIPT), "1,2", "60", "-o", str(tmp_path / "killed"), "--jobs", "2"]
    process = subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, stdout=subprocess.DEVNULL)
    locks = tmp_path / "killed" / ".checkpoints"
    for _ in range(600):
        if list(locks.glob("*.pt")):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # The runs end with their grid, and their locks with them: another grid may begin at once.
    assert grid("1,2", 60, tmp_path / "killed", "--jobs", "2").returncode == 0
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    assert not list(locks.glob("*.pt"))


@pytest.mark.slow
def test_two_grids_at_once_make_every_result_once(tmp_path) -> None:
    command = [sys.executable, str(SCRIPT), "1,2", "10", "-o", str(tmp_path)]
    both = [
        subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in "12"
    ]
    outputs = [process.communicate(timeout=280)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(output.count("epochs, validation") for output in outputs) == 2
    assert len(results(tmp_path)) == 2


@pytest.mark.slow
def test_ctrl_c_ends_the_runs_and_leaves_their_checkpoints(tmp_path) -> None:
    command = [sys.executable, str(SCRIPT), "1", "2000", "-o", str(tmp_path)]
    process = subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if list((tmp_path / ".checkpoints").glob("*.pt")):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.startswith("hw.experiments: interrupted")
    assert errors.count("\n") == 1
    assert len(list((tmp_path / ".checkpoints").glob("*.pt"))) == 1
    assert str(tmp_path) not in _command_lines()


def _command_lines() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(text for text in found if "run-exp" in text)
