"""``course grade``: the command of staff."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from cs_helpers.grading.records import Report
    from cs_helpers.grading.session import Run
    from cs_helpers.grading.shares import Shares

out = Console()
err = Console(stderr=True)
NO_WALLS = (
    "--sandbox none: the submissions run as you, without walls. They can read, change and delete what you "
    "can, use the network, and see the reference and each other. Grade only what you would run yourself."
)


def grade(
    report: Annotated[
        Path, typer.Option("--out", help="The folder REPORT; one that is there is gone on with.")
    ],
    submissions: Annotated[
        Path | None, typer.Argument(help="A folder of zip files and folders, one a submission.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Grade this submission again, whatever is there. Can be repeated."),
    ] = None,
    checks: Annotated[
        list[str] | None, typer.Option(help="Checks or parts that count, such as part1. All if not given.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Submissions graded at once.")] = 1,
    kind: Annotated[str, typer.Option("--sandbox", help="bwrap, or none: see docs/grading.md.")] = "bwrap",
    memory: Annotated[int | None, typer.Option(min=256, help="MiB for each submission (2048).")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Upper bound for the time limit of every check.")
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="Seed of the trials, instead of a fresh secret one.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="slurm, or the address of a dask scheduler: --jobs shares at a time.")
    ] = None,
    share: Annotated[int, typer.Option(min=1, help="Submissions in a share, with --cluster.")] = 20,
    partition: Annotated[str | None, typer.Option(help="Slurm's partition.")] = None,
    time: Annotated[str, typer.Option(help="Slurm's time limit of a worker.")] = "8:00:00",
    merge: Annotated[
        list[Path] | None,
        typer.Option(help="Add a CSV file of marks for written answers, as course report merge does."),
    ] = None,
) -> None:
    """Grade submissions: run their code in a sandbox, decide outside, write REPORT/grades.csv.

    What comes next (pages, marks, exports, feedback): course report --help.
    """
    if submissions is None and not merge:
        raise typer.BadParameter("name the folder of the submissions, or marks to --merge")
    if submissions is not None:
        there = {"cluster": cluster, "size": share, "partition": partition, "time": time} if cluster else None
        _grade(report, submissions, (only, checks, jobs, kind, memory, seconds, seed), there)
    if merge:
        from cs_helpers.grading.reports.cli import merge_marks

        merge_marks(report, merge)


def _grade(report: Path, submissions: Path, wishes: tuple[Any, ...], there: dict[str, Any] | None) -> None:
    only, checks, jobs, kind, memory, seconds, seed = wishes
    from cs_helpers.grading.records import Report
    from cs_helpers.grading.sandbox import SandboxError
    from cs_helpers.grading.session import (
        Run,
        Wishes,
        find_submissions,
        locked,
        open_session,
        prepared_sandbox,
    )
    from cs_helpers.grading.shares import Shares

    place = Report(report)
    try:
        named = find_submissions(submissions, only or [])
        if kind == "none":
            err.print(NO_WALLS, style="yellow", highlight=False, soft_wrap=True)
        with prepared_sandbox(kind) as box, locked(place):
            session = open_session(place, Wishes(checks, seed, memory, seconds))
            run: Run | Shares = Run(place, session, box, min(jobs, len(named)))
            if there is not None:
                run = Shares(place, session, box, submissions, kind, jobs, **there)
            _run(place, run, named, again=bool(only))
    except (SandboxError, ValueError) as error:
        err.print(f"course: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(1 if isinstance(error, SandboxError) else 2) from error


def _run(report: "Report", run: "Run | Shares", named: dict[str, Path], again: bool) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    count, odd = 0, dict[str, list[str]]()
    try:
        with Progress(*columns, console=err, transient=True) as progress:
            bar = progress.add_task("grading", total=len(named))

            def on_done(record: dict[str, Any]) -> None:
                nonlocal count
                count += 1
                if record["problems"]:
                    odd[record["name"]] = record["problems"]
                progress.update(bar, advance=1, description=record["name"][:30])

            run(named, again, on_done)
    except KeyboardInterrupt:
        err.print(f"Interrupted after {count} of {len(named)} submissions; the same command goes on.")
        raise typer.Exit(1) from None
    for name, problems in sorted(odd.items()):
        out.out(
            f"{name!a}: {'; '.join(problems)}".encode("ascii", "backslashreplace").decode(), highlight=False
        )
    out.print(f"{count} submissions in {report.grades}, {len(odd)} with a problem", highlight=False)
