"""The command line: ``course check``, ``course lab``, ``course data``, and commands of other modules.

Exit status: 0 all is well, 1 something failed or is not done, 2 the command was used wrongly.
"""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from cs_helpers.submit_cli import submit
from cs_helpers.tasks import TASKS

if TYPE_CHECKING:  # torch takes seconds to import: --help does without
    from cs_helpers.checks.compare import Result

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The course on the command line. Exit status: 0 all is well, 1 something failed, 2 wrong usage.",
)
out = Console()
err = Console(stderr=True)
ROOT = Path(__file__).resolve().parents[1]
COLOURS = {"PASS": "green", "FAIL": "bold red", "NOT DONE": "yellow"}


@app.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Checks or parts, such as p1.linear or part1. All if none.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON and nothing else.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Run again whenever a file in hw/ is saved.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Time limit for each check; its own if not given.")
    ] = None,
    session: Annotated[
        Path | None, typer.Option(help="Folder that staff published after grading: its inputs and values.")
    ] = None,
) -> None:
    """Run checks on the code in hw/ and say what is right, what is wrong and why."""
    if as_json and watch:
        raise typer.BadParameter("--json prints once: leave out --watch")
    try:
        ids = _ids(names or [], session)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    all_passed = _run(ids, as_json, seconds, session)
    if watch:
        _watch(ids, seconds, session)
    raise typer.Exit(0 if all_passed else 1)


def _ids(names: list[str], session: Path | None) -> list[str]:
    from cs_helpers.checks.assets import AssetError, stored
    from cs_helpers.checks.registry import select

    ids = [check.id for check in select(names)]
    if session is None:
        return ids
    try:
        there = stored(session)
    except AssetError as error:
        raise ValueError(str(error)) from error
    if missing := [check_id for check_id in ids if check_id not in there] if names else []:
        raise ValueError(f"{session} has no {', '.join(missing)}; it has: {', '.join(there)}")
    return [check_id for check_id in ids if check_id in there]


def _run(ids: list[str], as_json: bool, seconds: float | None, session: Path | None) -> bool:
    """Run the checks, show the results, and return whether all passed."""
    from cs_helpers.checks.compare import PASS

    results: list[Result] = []
    interrupted = False
    try:
        for result in _results(ids, seconds, session, quiet=as_json):
            results.append(result)
    except KeyboardInterrupt:
        interrupted = True
    if as_json:
        out.out(json.dumps([dataclasses.asdict(result) for result in results], indent=1), highlight=False)
    else:
        _show(results)
    if interrupted:
        err.print(f"Interrupted after {len(results)} of {len(ids)} checks.")
    return not interrupted and all(result.verdict == PASS for result in results)


def _results(ids: list[str], seconds: float | None, session: Path | None, quiet: bool) -> Iterator["Result"]:
    import torch

    from cs_helpers.checks.assets import ASSETS, AssetError
    from cs_helpers.checks.session import Checker

    torch.set_num_threads(1)  # as in the notebooks
    checker = Checker(assets=session or ASSETS)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=quiet) as progress:
        bar = progress.add_task("checking", total=len(ids))
        for check_id in ids:
            progress.update(bar, description=check_id)
            try:
                yield checker.result(check_id, seconds)
            except AssetError as error:
                err.print(f"course: {error}", style="red", highlight=False)
                raise typer.Exit(1) from error
            progress.advance(bar)


def _show(results: list["Result"]) -> None:
    from cs_helpers.checks.report import as_text, points

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "check", "", "points"):
        table.add_column(heading, justify="right" if heading == "points" else "left", no_wrap=True)
    table.add_column("still to write")
    for result in results:
        verdict = Text(result.verdict, style=COLOURS[result.verdict])
        score = f"{points(result.points)}/{result.max_points}"
        stub = result.message.removeprefix("not written yet: ") if result.verdict == "NOT DONE" else ""
        table.add_row(verdict, result.id, TASKS[result.id].title, score, stub)
    out.print(table)
    for result in results:
        if result.verdict == "FAIL":
            out.print()
            out.out(as_text(result), highlight=False)
    regular = [result for result in results if not TASKS[result.id].bonus]
    bonus = [result for result in results if TASKS[result.id].bonus]
    counts = [
        f"{points(sum(r.points for r in group))} of {sum(r.max_points for r in group)} {word}"
        for group, word in ((regular, "points"), (bonus, "bonus points"))
        if group
    ]
    out.print(f"\n{', and '.join(counts)}")
    _show_answers({TASKS[result.id].part for result in results})


def _show_answers(parts: set[int]) -> None:
    from cs_helpers.answers import display_answer

    questions = [task.id for task in TASKS.values() if task.kind == "answer" and task.part in parts]
    answers = [display_answer(question) for question in questions]
    waiting = [answer for answer in answers if answer.problem or not answer.done]
    if waiting:
        out.out("\n".join(repr(answer) for answer in waiting), highlight=False)
    elif answers:
        out.print(f"Written answers: {', '.join(questions)} (read by a person)", highlight=False)


def _watch(ids: list[str], seconds: float | None, session: Path | None) -> None:
    from watchfiles import PythonFilter, watch

    folders = [folder for folder in (ROOT / "hw", ROOT / "answers") if folder.is_dir()]
    err.print("Waiting for changes in hw/ and answers/. Ctrl-C ends this.", style="dim")
    with contextlib.suppress(KeyboardInterrupt):
        for _ in watch(*folders, watch_filter=PythonFilter()):
            out.rule()
            _run(ids, as_json=False, seconds=seconds, session=session)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    part: Annotated[int, typer.Option(min=1, help="The part whose notebook opens.")] = 1,
) -> None:
    """Open JupyterLab on the notebooks. Options that this command does not know are JupyterLab's own."""
    found = sorted((ROOT / "notebooks").glob("part*.ipynb"))
    notebook = next((path for path in found if path.name.startswith(f"part{part}_")), None)
    if notebook is None:
        raise typer.BadParameter(f"there is no notebook of part {part}; there are: {_names(found)}")
    # Without a root, JupyterLab shows the notebook's own folder alone, and links to hw/ lead nowhere.
    options = [f"--ServerApp.root_dir={ROOT}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # in a container there is often nobody else, and Jupyter would refuse
    command = [sys.executable, "-m", "jupyterlab", str(notebook.relative_to(ROOT)), *options, *context.args]
    with tempfile.TemporaryDirectory(prefix="course-lab-") as folder:
        try:
            raise typer.Exit(subprocess.call(command, cwd=ROOT, env=_without_news(Path(folder))))
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def _without_news(folder: Path) -> dict[str, str]:
    """Return an environment in which JupyterLab does not ask whether it may fetch news.

    That is a default of ours, in the place that JupyterLab has for such defaults; a user's own setting wins.
    """
    defaults = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    (folder / "labconfig").mkdir()
    (folder / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(defaults))
    others = os.environ.get("JUPYTER_CONFIG_PATH")
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, [others, str(folder)]))}


def _names(paths: list[Path]) -> str:
    return ", ".join(path.stem for path in paths) or "none"


@app.command()
def data(
    name: Annotated[
        str | None, typer.Argument(help="cifar10 downloads it (170 MB). Without a name: say what is there.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="The data folder; $COURSE_DATA or ~/.pytorch-datasets if not given.")
    ] = None,
) -> None:
    """Say which data sets are there, or download CIFAR-10 (resumed and verified)."""
    from cs_helpers.data import DataError, available, data_root, load

    root = data_root(folder)
    try:
        if name == "cifar10":
            _download(root)
        elif name is not None:
            raise typer.BadParameter(f"only cifar10 is downloaded, not {name!r}; the others need nothing")
        out.print(f"Data folder: {root}", highlight=False)
        for present in available(folder):
            out.print(f"  {present}", highlight=False)
        out.print(f"Parts 2 to 5 use: {load('default', folder).train}", highlight=False)
    except DataError as error:
        err.print(f"course: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


def _download(root: Path) -> None:
    from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    from cs_helpers.download import download_cifar10

    columns = (
        TextColumn("CIFAR-10"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress:
        bar = progress.add_task("", total=None)
        download_cifar10(root, lambda done, total: progress.update(bar, completed=done, total=total))


app.command()(submit)


# BEGIN STAFF
def _add_staff_commands() -> None:
    from cs_helpers.grading.cli import grade
    from cs_helpers.grading.reports.cli import report_app
    from cs_helpers.release.cli import release

    app.command()(release)
    app.command()(grade)
    app.add_typer(report_app, name="report")


_add_staff_commands()


# END STAFF
def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
