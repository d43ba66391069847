"""``python -m hw.experiments``: one run of Part 5, or all runs of an experiment.

Exit status: 0 all is well, 1 a run failed, 2 the command was used wrongly (a value, or a file that is there),
3 another process is on the same run.
"""

import argparse
import contextlib
import importlib
import inspect
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from cs_helpers.devices import keep_freed_memory
from cs_helpers.experiment_arguments import complete, differences, refuse_bad_arguments
from cs_helpers.experiment_options import OPTIONS, Parser, add_options, to_arguments
from cs_helpers.run_files import read_run, require_writable, run_path
from cs_helpers.run_lock import BusyError, end_with_parent, only_one
from cs_helpers.train_results import FitResult, TrainingError

OK, FAILED, WRONG, BUSY, INTERRUPTED = 0, 1, 2, 3, 130
STATUS = "exit status: 0 all is well, 1 a run failed, 2 wrong usage, 3 another process is on the same run"


def main(argv: list[str] | None = None) -> int:
    """Run the command line, and return its exit status; every error is one line on standard error."""
    experiments = importlib.import_module("hw.experiments")
    options = _parser(experiments).parse_args(argv)
    try:
        with _sigterm_as_interrupt():
            return options.run(options, experiments)
    except NotImplementedError as error:
        return _say(f"not written yet: {error}", FAILED)
    except TrainingError as error:
        return _say(f"the run failed: {error}", FAILED)
    except torch.OutOfMemoryError as error:
        return _say(f"the run failed: {str(error).splitlines()[0]}", FAILED)
    except BusyError as error:
        return _say(str(error), BUSY)
    except (ValueError, TypeError) as error:
        if isinstance(error, TypeError) and "keyword argument" not in str(error):
            raise  # a mistake in the code, whose place is wanted
        return _say(str(error), WRONG)
    except KeyboardInterrupt:
        return _say("interrupted; the same command goes on from here if there are checkpoints", INTERRUPTED)


def _say(message: str, status: int) -> int:
    print(f"hw.experiments: {' '.join(message.split())}", file=sys.stderr)
    return status


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let a polite end from outside be what Ctrl-C is."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def defaults_of(experiment: Any) -> dict[str, Any]:
    """Return the default values of an experiment's arguments."""
    params = inspect.signature(experiment).parameters.values()
    return {param.name: param.default for param in params if param.default is not param.empty}


def _parser(experiments: Any) -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m hw.experiments", description=f"Part 5: experiments. {STATUS.capitalize()}."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("run-exp", help="train one network, and write its result", epilog=STATUS)
    one.set_defaults(run=_run_exp)
    add_options(one, defaults_of(experiments.cnn_experiment))
    one.add_argument("--threads", type=int, metavar="N", help="threads that torch may use (default: torch's)")
    one.add_argument(
        "--existing",
        choices=("overwrite", "keep", "replace"),
        default="overwrite",
        help="if the result is there already: overwrite it; keep it, if it is of the same settings; "
        "or keep it if so, and replace it if not (default: overwrite)",
    )
    one.add_argument(
        "--patient", action="store_true", help="wait for another process that is on the same run"
    )
    one.add_argument("--with-parent", action="store_true", help="end when standard input does")
    add_grid_options(commands)
    return parser


def add_grid_options(commands: Any) -> None:
    """Add the command ``run-grid``."""
    grid = commands.add_parser("run-grid", help="make all results of experiments", epilog=STATUS)
    grid.set_defaults(run=_run_grid)
    add = grid.add_argument
    add("names", nargs="+", metavar="EXPERIMENT", help="exp1_1 to exp1_4, exp2, or all")
    add("-j", "--jobs", type=int, default=1, metavar="N", help="runs at a time (default: 1)")
    add("-o", "--out-dir", default="./results", metavar="FOLDER", help="folder of the results")
    add("-d", "--device", metavar="NAME", help=OPTIONS["device"].help)
    add("--data", metavar="NAME", help=OPTIONS["data"].help)
    add("--epochs", type=int, metavar="N", help="most epochs, in place of part5_hp's")
    add("--batches", type=int, metavar="N", help="most batches of an epoch, in place of part5_hp's")
    add("--threads", type=int, default=1, metavar="N", help="threads of each run (default: 1)")
    add("--redo", action="store_true", help="replace results that are damaged or of other settings")
    add("--dry-run", action="store_true", help="print the commands of the runs that are missing; run nothing")
    add("--cluster", metavar="WHERE", help="slurm, or the address of a dask scheduler")
    slurm = grid.add_argument_group("for --cluster slurm, each run asks for")
    slurm.add_argument("--partition", metavar="NAME", help="Slurm's default one if not given")
    slurm.add_argument("--time", default="8:00:00", metavar="T", help="time limit (default: 8:00:00)")
    slurm.add_argument("--memory", default="4GB", metavar="M", help="memory (default: 4GB)")
    slurm.add_argument("--gpus", type=int, default=0, metavar="N", help="GPUs (default: 0)")


def _run_exp(options: argparse.Namespace, experiments: Any) -> int:
    arguments = to_arguments(options)
    if options.with_parent:
        end_with_parent()
    keep_freed_memory()
    if options.threads is not None:
        if options.threads < 1:
            raise ValueError(f"threads must be at least 1, got {options.threads}")
        torch.set_num_threads(options.threads)
    result = run_path(
        *(arguments[name] for name in ("out_dir", "run_name", "layers_per_block", "filters_per_layer"))
    )
    refuse_bad_arguments(complete(experiments.cnn_experiment, arguments), experiments.NAMES)
    require_writable(result.parent)
    with only_one(result, options.patient):
        if options.existing != "overwrite" and result.exists():
            problem = why_not(result, arguments, experiments)
            if not problem:
                print(f"{result} is there already")
                return OK
            if options.existing == "keep":
                raise ValueError(f"{problem}; --existing replace puts a new one in its place")
        fit = experiments.cnn_experiment(**arguments)
    print(summary(result, fit))
    return OK


def why_not(result: Path, arguments: dict[str, Any], experiments: Any) -> str:
    """Return why a result that is there is not the one that arguments would give; empty if it is."""
    try:
        recorded = read_run(result)["config"]
    except ValueError as error:
        return str(error)
    wanted = experiments.describe_config(complete(experiments.cnn_experiment, arguments))
    others = differences(recorded, wanted)
    return f"{result} is of other settings: {', '.join(others)}" if others else ""


def summary(result: Path, fit: FitResult) -> str:
    """Say in one line how a run went."""
    test = read_run(result)["test"]["accuracy"]
    return f"{result.stem}: {fit.num_epochs} epochs, validation {max(fit.test_acc):.1f} %, test {test:.1f} %"


def _run_grid(options: argparse.Namespace, experiments: Any) -> int:
    from cs_helpers.experiment_grid import run_grid

    return run_grid(options, experiments)
