"""Submissions per minute: all parts, Part 1 alone beside nbgrader's autograde, and the memory of a long run.

    python benchmarks/grading.py [--all 12] [--part1 30] [--nbgrader 8] [--long 300] [--jobs 2]

0 leaves a section out. Submissions are mutants of the reference, as the tests have them, so most are nearly
right. nbgrader is installed by uv or pip into an environment of its own that is deleted afterwards; its
kernel is this Python, with this torch. Quiet machine, please: the figures are times of the clock.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cs_helpers.grading import records  # noqa: E402
from tests.mutants.catalogue import load, ready  # noqa: E402

SOLUTION = """import torch

class TanH:
    def forward(self, x):
        self.t = torch.tanh(x)
        return self.t
    def backward(self, dout):
        return dout * (1 - self.t**2)

class Linear:
    def __init__(self, din, dout):
        self.w, self.b = 0.1 * torch.randn(dout, din), torch.zeros(dout)
    def forward(self, x):
        self.x = x
        return x @ self.w.T + self.b
    def backward(self, dout):
        self.dw, self.db = dout.T @ self.x, dout.sum(0)
        return dout @ self.w
"""
TESTS = (
    "x = torch.randn(8, 5, requires_grad=True)\nassert torch.allclose(TanH().forward(x), torch.tanh(x))",
    "layer = TanH(); y = layer.forward(x.detach())\n"
    "assert torch.allclose(layer.backward(torch.ones(8, 5)), 1 - y**2)",
    "layer = Linear(5, 3); out = layer.forward(x.detach())\nassert out.shape == (8, 3)",
    "dx = layer.backward(torch.ones(8, 3))\nassert torch.allclose(dx, torch.ones(8, 3) @ layer.w)",
)


def write_class(folder: Path, count: int, part: str = "") -> None:
    """Write mutants as submissions, spread over the checks."""
    mutants = [mutant for mutant in ready(load()) if mutant.check.startswith(part)]
    for number in range(count):
        mutants[number * len(mutants) // count % len(mutants)].write(folder / f"s{number:03}")


class Memory(threading.Thread):
    """Samples the memory of a process and of those below it, in MiB, once a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self.samples, self.over = pid, list[tuple[float, float]](), threading.Event()

    def run(self) -> None:
        """Sample until told to stop."""
        while not self.over.wait(1.0):
            try:
                own = _share(self._pid)
                self.samples.append((own, own + sum(map(_share, _below(self._pid)))))
            except (OSError, StopIteration):
                continue


def _share(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def _below(pid: int) -> list[int]:
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in table.splitlines()]
    found, waiting = list[int](), [pid]
    while waiting:
        waiting = [child for child, parent in parents if parent in waiting]
        found += waiting
    return found


def grade(folder: Path, report: Path, jobs: int, *checks: str) -> tuple[list[dict[str, Any]], Memory]:
    """Grade a folder with the command line; the reference first, which is not counted."""
    command = [sys.executable, "-m", "cs_helpers", "grade", str(folder), "--out", str(report)]
    command += ["--jobs", str(jobs), *(part for check in checks for part in ("--checks", check))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    memory = Memory(process.pid)
    memory.start()
    if process.wait() != 0:
        raise SystemExit(f"course grade ended with {process.returncode}")
    memory.over.set()
    found = [records.read(path) for path in sorted(records.Report(report).records.glob("*.json"))]
    return found, memory


def show_costs(title: str, found: list[dict[str, Any]], jobs: int) -> float:
    """Print where the time of the submissions went; return seconds of the clock for each, with these jobs."""
    times = [record["times"] for record in found]
    mean = {name: statistics.mean(entry[name] for entry in times)
            for name in ("seconds", "start_up", "compute", "compare")}  # fmt: skip
    rest = mean["seconds"] - mean["start_up"] - mean["compute"] - mean["compare"]
    each = mean["seconds"] / jobs
    print(f"{title}: {60 / each:.1f} submissions a minute with {jobs} jobs")
    print(
        f"  each {mean['seconds']:.2f} s: start-up {mean['start_up']:.2f}, its code {mean['compute']:.2f} "
        f"verdicts {mean['compare']:.2f}, rest of the harness {rest:.2f}"
    )
    return each


def install_nbgrader(folder: Path) -> Path:
    """Make an environment with nbgrader and a kernel that is this Python; return its bin folder."""
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    if Path(uv).exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "env")], check=True)
        python = str(folder / "env" / "bin" / "python")
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "nbgrader"], check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
        subprocess.run([str(folder / "env/bin/pip"), "install", "--quiet", "nbgrader"], check=True)
    kernel = folder / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"})
    )
    return folder / "env" / "bin"


def notebook() -> dict[str, Any]:
    """Return the five-cell notebook: a solution cell, and four test cells with points."""

    def cell(name: str, source: str, *, solution: bool) -> dict[str, Any]:
        about = {"grade": not solution, "grade_id": name, "locked": not solution, "schema_version": 3}
        about |= {"solution": solution, "task": False} | ({} if solution else {"points": 2})
        return {"cell_type": "code", "id": name, "metadata": {"nbgrader": about}, "source": source,
                "outputs": [], "execution_count": None}  # fmt: skip

    cells = [cell("solution", SOLUTION, solution=True)]
    cells += [cell(f"test{number}", source, solution=False) for number, source in enumerate(TESTS)]
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}


def run_nbgrader(folder: Path, count: int) -> float:
    """Autograde a class in one batch, as its staff would; return seconds for each submission."""
    bin_folder = install_nbgrader(folder)
    course = folder / "course"
    places = [course / "source" / "ps1"] + [course / "submitted" / f"s{n:03}" / "ps1" for n in range(count)]
    for place in places:
        place.mkdir(parents=True)
        (place / "hw.ipynb").write_text(json.dumps(notebook()))
    (course / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'course'\n")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "JUPYTER_PATH": str(folder / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "HOME": str(folder),
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }

    def nbgrader(*arguments: str) -> None:
        done = subprocess.run(
            [str(bin_folder / "nbgrader"), *arguments],
            cwd=course,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"nbgrader {arguments[0]} failed:\n{done.stderr[-3000:]}")

    nbgrader("generate_assignment", "ps1")
    start = time.perf_counter()
    nbgrader("autograde", "ps1")
    seconds = time.perf_counter() - start
    graded = len(list((course / "autograded").glob("*/ps1/hw.ipynb")))
    if graded != count:
        raise SystemExit(f"nbgrader graded {graded} of {count}")
    return seconds / count


def main() -> None:
    """Run the sections that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("all", 12), ("part1", 30), ("nbgrader", 8), ("long", 300), ("jobs", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="course-benchmark-") as scratch:
        place = Path(scratch)
        if args.all:
            write_class(place / "all", args.all)
            all_checks = dict.fromkeys(mutant.check for mutant in ready(load()))
            show_costs(
                "all parts", grade(place / "all", place / "all-out", args.jobs, *all_checks)[0], args.jobs
            )
        if args.part1:
            write_class(place / "part1", args.part1, "p1.")
            each = show_costs(
                "Part 1", grade(place / "part1", place / "part1-out", args.jobs, "part1")[0], args.jobs
            )
            alone = show_costs("Part 1", grade(place / "part1", place / "one-out", 1, "part1")[0], 1)
            if args.nbgrader:
                theirs = run_nbgrader(place / "nbgrader", args.nbgrader)
                print(f"nbgrader autograde, five cells, a batch of {args.nbgrader}: {theirs:.2f} s each")
                print(f"  ratio {theirs / alone:.1f} with one job, {theirs / each:.1f} with {args.jobs}")
        if args.long:
            write_class(place / "long", args.long, "p1.")
            _, memory = grade(place / "long", place / "long-out", args.jobs, "part1")
            show_curve(args.long, memory)


def show_curve(count: int, memory: Memory) -> None:
    """Print the memory at tenths of the run."""
    samples = memory.samples
    print(f"memory over {count} submissions of Part 1, MiB: the grader, and all processes together")
    for tenth in range(1, 11):
        part = samples[len(samples) * (tenth - 1) // 10 : max(1, len(samples) * tenth // 10)] or samples[-1:]
        own, total = (statistics.median(values) for values in zip(*part, strict=True))
        print(f"  {10 * tenth:3} %  {own:7.0f}  {total:7.0f}")


if __name__ == "__main__":
    main()
