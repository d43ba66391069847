"""``run-grid``: the runs of an experiment that have no result yet, several at a time, here or elsewhere."""

import argparse
import hashlib
import importlib
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cs_helpers.engine import Done, Resources, refuse_bad_resources, run
from cs_helpers.experiment_arguments import complete, refuse_bad_arguments
from cs_helpers.experiment_cli import BUSY, FAILED, OK, defaults_of, why_not
from cs_helpers.experiment_options import to_command_line
from cs_helpers.grids import EXPERIMENTS, runs_of
from cs_helpers.run_files import require_writable, run_path
from cs_helpers.run_lock import FOLDER

GIVEN = ("data", "epochs", "batches")
"""Options of run-grid that go before what part5_hp says."""


class Run(NamedTuple):
    """One network to train: its result's file, and every argument of ``cnn_experiment``."""

    result: Path
    arguments: dict[str, Any]


def run_grid(options: argparse.Namespace, experiments: Any) -> int:
    """Make the results that are missing.

    Args:
        options: What ``experiment_cli`` parsed.
        experiments: The module ``hw.experiments``.

    Returns:
        The exit status: 1 if a run failed, or a result that is there was left alone for it does not fit.

    Raises:
        ValueError: If an option or a choice of ``part5_hp`` is out of range; nothing was run then.
    """
    logs = str(Path(options.out_dir).resolve() / FOLDER)
    asked = (options.partition, options.time, options.memory, options.gpus, options.threads)
    resources = Resources(*asked, logs=logs)
    refuse_bad_resources(options.jobs, resources)
    runs = plan(options, experiments)
    require_writable(options.out_dir)
    missing, problems = sort_out(runs, options.redo, experiments)
    root, defaults = Path(experiments.__file__).parents[1], defaults_of(experiments.cnn_experiment)
    existing = "replace" if options.redo else "keep"
    tail = ["--threads", str(options.threads), "--existing", existing]
    commands = [
        [sys.executable, "-m", "hw.experiments", "run-exp", *to_command_line(one.arguments, defaults), *tail]
        for one in missing
    ]
    print(f"{len(runs)} runs, {len(runs) - len(missing) - len(problems)} of them are there already")
    if options.dry_run:
        print("\n".join(shlex.join(["python", *command[1:]]) for command in commands))
    else:
        with _Report(missing) as report:
            where = {"cluster": options.cluster, "resources": resources, "folder": root}
            where["environment"] = {"OMP_NUM_THREADS": str(options.threads)}
            commands = [[*command, "--with-parent"] for command in commands]
            done = run(commands, options.jobs, on_done=report.add, **where)
            # What another run-grid was on: wait for it, and take over what it leaves undone.
            busy = [commands[number] + ["--patient"] for number, status, *_ in done if status == BUSY]
            report.again([missing[number] for number, status, *_ in done if status == BUSY])
            run(busy, options.jobs, on_done=report.add, **where)
            problems += report.problems
    for problem in problems:
        print(f"hw.experiments: {problem}", file=sys.stderr)
    return FAILED if problems else OK


def plan(options: argparse.Namespace, experiments: Any) -> list[Run]:
    """Return every run of the experiments that are asked for, each once.

    Raises:
        ValueError: If there is no such experiment, or an argument is out of range.
    """
    names = [n for name in options.names for n in (EXPERIMENTS if name == "all" else [name])]
    choices = importlib.import_module("answers.part5").part5_hp
    given = {name: getattr(options, name) for name in GIVEN if getattr(options, name) is not None}
    if options.device is not None:
        given["device"] = options.device
    folder = Path(options.out_dir).resolve()
    return [
        _run_of({**arguments, **given}, folder, experiments)
        for name in dict.fromkeys(names)
        for arguments in runs_of(name, choices)
    ]


def _run_of(given: dict[str, Any], folder: Path, experiments: Any) -> Run:
    arguments = complete(experiments.cnn_experiment, {"print_every": 0, **given, "out_dir": str(folder)})
    name, layers, filters = (arguments[n] for n in ("run_name", "layers_per_block", "filters_per_layer"))
    result = run_path(folder, name, layers, filters)
    try:
        refuse_bad_arguments(arguments, experiments.NAMES)
    except ValueError as error:
        raise ValueError(f"{result.stem}: {error}") from error
    text = json.dumps(experiments.describe_config(arguments), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]  # other settings, another checkpoint
    arguments["checkpoints"] = str(folder / FOLDER / f"{result.stem}-{digest}.pt")
    return Run(result, arguments)


def sort_out(runs: Sequence[Run], redo: bool, experiments: Any) -> tuple[list[Run], list[str]]:
    """Return the runs to make, and a line for each result that is there, does not fit, and is left alone."""
    missing, problems = [], []
    for one in runs:
        if not one.result.exists():
            missing.append(one)
        elif problem := why_not(one.result, _flat(one.arguments), experiments):
            if redo:
                missing.append(one)
            else:
                problems.append(f"{problem}; left alone, --redo replaces it")
    return missing, problems


def _flat(arguments: dict[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in arguments.items() if name != "kw"}, **arguments["kw"]}


class _Report:
    """Tells how far a grid is: a bar on a terminal, and a line for every run that has ended."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.problems: list[str] = []
        self._runs = runs
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(soft_wrap=True, highlight=False)
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._bar = self._progress.add_task("runs", total=len(runs))

    def __enter__(self) -> "_Report":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def add(self, done: Done) -> None:
        """Take note of a run that has ended."""
        name, lines = self._runs[done.number].result.stem, done.output.strip().splitlines() or ["no output"]
        last = lines[-1].removeprefix("hw.experiments: ")
        if done.status == BUSY:
            self._progress.print(f"{name}: another process is on it", markup=False)
            return
        if done.status != OK:
            ended = f"exit status {done.status}" if done.status >= 0 else f"ended by signal {-done.status}"
            self.problems.append(f"{name}: {last} ({ended})")
        self._progress.print(
            f"{last}, {done.seconds:.0f} s" if done.status == OK else f"{name}: FAILED", markup=False
        )
        self._progress.advance(self._bar)

    def again(self, runs: Sequence[Run]) -> None:
        """Count from the first of other runs: those that another process is on."""
        self._runs = runs
