"""The 34 runs, and run-grid: what is there is kept, what is missing is made, whatever ends it on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from answers.part5 import part5_hp
from cs_helpers.experiment_arguments import complete, differences, refuse_bad_arguments
from cs_helpers.grids import EXPERIMENTS, runs_of
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


def test_results_that_are_there_are_kept_or_named_or_replaced(tmp_path) -> None:
    first = grid("1", 1, tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert "tiny_L1_K4: 1 epochs" in first.stdout
    file = tmp_path / "tiny_L1_K4.json"
    before = file.read_bytes()
    dry = grid("1,2", 1, tmp_path, "--dry-run")
    assert "2 runs, 1 of them are there already" in dry.stdout
    assert dry.stdout.count("run-exp") == 1
    other = grid("1", 2, tmp_path)
    assert other.returncode == 1
    assert "epochs 1, not 2; left alone" in other.stderr
    assert file.read_bytes() == before
    file.write_text("{")
    broken = grid("1", 1, tmp_path)
    assert broken.returncode == 1
    assert broken.stderr.count("\n") == 1
    assert "damaged or no JSON" in broken.stderr
    assert grid("1", 1, tmp_path, "--redo").returncode == 0
    assert json.loads(file.read_text())["fit"] == json.loads(before)["fit"]


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


def test_two_grids_at_once_make_every_result_once(tmp_path) -> None:
    command = [sys.executable, str(SCRIPT), "1,2", "10", "-o", str(tmp_path)]
    both = [
        subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in "12"
    ]
    outputs = [process.communicate(timeout=280)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(output.count("epochs, validation") for output in outputs) == 2
    assert len(results(tmp_path)) == 2


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
