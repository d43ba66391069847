"""run-grid on a real Slurm: to its end, with the results of a local run, whatever is killed on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from one_node import missing, one_node

from tests.grading.arena import BWRAP, NO_BWRAP
from tests.mutants.catalogue import load

pytest.importorskip("dask_jobqueue", reason="the extra 'cluster' is not installed")
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(missing()), reason="slurm-wlm and munge are not installed"),
]

ROOT = Path(__file__).resolve().parents[2]
LAYERS, EPOCHS = "1,2,3", "100"
LOOPBACK = {
    "DASK_JOBQUEUE__SLURM__INTERFACE": "lo",
    "DASK_JOBQUEUE__SLURM__SCHEDULER_OPTIONS": '{"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}',
}

SLURM = ("--cluster", "slurm", "--time", "30", "--memory", "2GB")


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Have a Slurm, and everything that talks to it know where."""
    with one_node(tmp_path / "slurm") as configuration:
        monkeypatch.setenv("SLURM_CONF", str(configuration))
        for name, value in LOOPBACK.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.fixture
def start():
    """Start small grids, none of which outlives the test."""
    started = []

    def go(folder: Path, *options: str) -> "subprocess.Popen[str]":
        started.append(grid(folder, *options))
        return started[-1]

    yield go
    for process in started:
        process.kill()
        process.wait()


def grid(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """Start a small grid."""
    script = ROOT / "tests" / "helpers" / "grid_script.py"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, str(script), LAYERS, EPOCHS, "-o", str(folder), *options],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results(folder: Path) -> dict[str, dict]:
    """Read what a run's result is, and leave out when and where it came about."""
    found = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {name: {**record, "time": None, "provenance": None} for name, record in found.items()}


def process_of(folder: Path, depth: int) -> int:
    """Wait until a run has written a checkpoint, and return its process."""
    for _ in range(6000):
        if list((folder / ".checkpoints").glob(f"tiny_L{depth}_*.pt")):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                words = path.read_bytes().split(b"\0")
                if b"run-exp" in words and f"tiny_L{depth}_".encode() in b" ".join(words):
                    return int(path.parent.name)
        time.sleep(0.1)
    raise AssertionError(f"the run of depth {depth} has not begun")


def parent_of(pid: int) -> int:
    """Return the process that started another."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def job_of(pid: int) -> str:
    """Return the Slurm job that a process belongs to."""
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next(word.decode().partition("=")[2] for word in variables if word.startswith(b"SLURM_JOB_ID="))


def test_a_grid_ends_with_the_results_of_a_local_run_though_workers_are_killed(
    slurm, start, tmp_path
) -> None:
    local = start(tmp_path / "local", "--jobs", "2")
    output, _ = local.communicate(timeout=1500)
    assert local.returncode == 0, output

    there = tmp_path / "there"
    running = start(there, "--jobs", "2", *SLURM)
    os.kill(parent_of(process_of(there, 1)), signal.SIGKILL)  # the worker, as by a failing node
    subprocess.run(["scancel", job_of(process_of(there, 2))], check=True)  # for somebody more important
    output, _ = running.communicate(timeout=1500)
    assert running.returncode == 0, output
    assert results(there) == results(tmp_path / "local")
    assert len(results(there)) == 3
    again = start(there, "--jobs", "2", *SLURM)
    assert "3 runs, 3 of them are there already" in again.communicate(timeout=1500)[0]


def test_a_job_that_slurm_requeues_goes_on_from_its_checkpoint(slurm, start, tmp_path) -> None:
    running = start(tmp_path / "there", "--jobs", "1", *SLURM)
    pid = process_of(tmp_path / "there", 1)
    subprocess.run(["scontrol", "requeue", job_of(pid)], check=True)
    output, _ = running.communicate(timeout=1500)
    assert running.returncode == 0, output
    assert len(results(tmp_path / "there")) == 3


def graded(folder: Path, report: Path, *options: str) -> "subprocess.Popen[str]":
    """Start the grading of a class in two checks."""
    which = ["--checks", "p1.tanh", "--checks", "p1.linear", "--seed", "of this test"]
    command = [
        sys.executable,
        "-m",
        "cs_helpers",
        "grade",
        str(folder),
        "--out",
        str(report),
        *which,
        *options,
    ]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def table(report: Path) -> bytes:
    """Read a table without its last column, the time."""
    return b"\n".join(line.rpartition(b",")[0] for line in (report / "grades.csv").read_bytes().splitlines())


@pytest.mark.skipif(not BWRAP, reason=NO_BWRAP)
def test_a_class_gets_the_same_marks_on_a_cluster_though_a_node_is_lost(slurm, tmp_path) -> None:
    wrong = [mutant for mutant in load() if mutant.check in ("p1.tanh", "p1.linear")][:12]
    for number, mutant in enumerate(wrong):
        mutant.write(tmp_path / "class" / f"student{number:02}")
    here = graded(tmp_path / "class", tmp_path / "here", "--jobs", "2")
    output, _ = here.communicate(timeout=600)
    assert here.returncode == 0, output

    there = tmp_path / "there"
    running = graded(tmp_path / "class", there, "--jobs", "2", "--share", "3", *SLURM[:4])
    end = time.monotonic() + 300
    while not list((there / "records").glob("*.json")):
        assert running.poll() is None, running.communicate()[0]
        assert time.monotonic() < end, "no submission was graded"
        time.sleep(0.05)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if b"cs_helpers.grading.shares" in path.read_bytes():
            os.kill(parent_of(int(path.parent.name)), signal.SIGKILL)  # the worker, as by a failing node
            break
    output, _ = running.communicate(timeout=600)
    assert running.returncode == 0, output
    assert table(there) == table(tmp_path / "here")
    assert len(table(there).splitlines()) == 1 + len(wrong)
