"""The producing half: run a check on the student's code and keep what comes out.

Needs neither the expected values nor the reference solution, so that it can run where it is not trusted:

    python -m cs_helpers.checks.produce --root TREE --seed SEED --out FOLDER p1.linear ...
"""

import argparse
import contextlib
import linecache
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from cs_helpers.checks import evidence, guard
from cs_helpers.checks.registry import Check, find
from cs_helpers.checks.runs import run_now
from cs_helpers.checks.student import COURSE_ROOT, StudentPackage, active
from cs_helpers.checks.trial import PUBLIC_SEED, Trial

INPUTS = "inputs"  # the name of the evidence that says which inputs were written into
UNTOUCHED = "as they were"


def produce(
    check: Check,
    hw: Any,
    seed: str = PUBLIC_SEED,
    *,
    root: Path = COURSE_ROOT,
    seconds: float | None = None,
    runs: Callable[..., Any] = run_now,
    on_item: Callable[[str, evidence.Item], None] = lambda name, item: None,
) -> evidence.Production:
    """Run a check; whatever the student's code does, return what was produced until then.

    Args:
        check: The check.
        hw: The student's package, or anything with its modules as attributes.
        seed: The trial's seed.
        root: The folder that ``hw/`` and ``answers/`` are in: to tell the student's lines from the course's,
            and for ``trial.answers``, the student's hyperparameters.
        seconds: Time limit; the check's own if not given.
        runs: Remembers trainings that a notebook has shown already; by default nothing is remembered.
        on_item: Called with each piece of evidence as soon as it is there.

    Returns:
        The evidence. Its last item tells which inputs were modified in place.

    Raises:
        KeyboardInterrupt: If the user pressed Ctrl-C; one raised by the student's code is a failure of it.
    """
    limit = check.seconds if seconds is None else seconds
    trial = Trial(check.id, seed, StudentPackage(root, "answers"), runs, root)
    production = evidence.Production()
    printed = guard.Head()
    start = guard.now()
    with guard.Interrupts() as interrupts:
        try:
            with _surroundings(check, hw, trial, printed, limit):
                for name, value in _values(check, hw, trial):
                    if name in production.items:
                        raise ValueError(f"{check.id} produced {name!r} twice")
                    production.items[name] = evidence.snapshot(value)
                    on_item(name, production.items[name])
        except BaseException as error:
            if interrupts.real:
                raise
            linecache.checkcache()
            production.failure = guard.describe(error, Path(root).resolve(), limit)
    production.inputs = trial.inputs
    production.printed, production.printed_total = printed.kept, printed.total
    production.seconds = guard.now() - start
    return production


@contextlib.contextmanager
def _surroundings(check: Check, hw: Any, trial: Trial, printed: guard.Head, limit: float) -> Iterator[None]:
    """Keep what the student's code does to settings, to the output and to the clock within bounds."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(active(hw))
        stack.enter_context(active(trial.answers))
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(contextlib.redirect_stderr(printed))
        stack.enter_context(guard.time_limit(limit, getattr(check.produce, "__code__", None)))
        yield


def _values(check: Check, hw: Any, trial: Trial) -> Iterator[tuple[str, Any]]:
    yield from check.produce(hw, trial)
    yield INPUTS, ", ".join(trial.written_into()) or UNTOUCHED


def main(argv: list[str] | None = None) -> None:
    """Produce the evidence of the named checks, one file each, written whole or not at all."""
    parser = argparse.ArgumentParser(description="Run checks and store their evidence, without any verdict.")
    parser.add_argument("--root", type=Path, default=COURSE_ROOT, help="the folder that hw/ is in")
    parser.add_argument("--seed", default=PUBLIC_SEED)
    parser.add_argument("--out", type=Path, required=True, help="folder for one file per check")
    parser.add_argument("ids", nargs="+")
    args = parser.parse_args(argv)
    package = StudentPackage(args.root)
    args.out.mkdir(parents=True, exist_ok=True)
    for check_id in args.ids:
        production = produce(find(check_id), package, args.seed, root=args.root)
        store(args.out / f"{check_id}.safetensors", evidence.to_bytes(production))


def store(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
