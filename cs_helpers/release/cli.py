"""``course release``: the student tree from the solution tree."""

import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cs_helpers.release import build, tracked, write
from cs_helpers.tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]


def release(
    out: Annotated[
        Path, typer.Argument(help="A folder to write, or NAME.zip, or NAME.tar.gz.", show_default=False)
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace OUT even if it is a release that was changed since.")
    ] = False,
    allow_dirty: Annotated[
        bool,
        typer.Option(
            "--allow-dirty", help="Release what is on the disk, with files that git does not know yet."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what happened as JSON.")] = False,
) -> None:
    """Make the tree that students start from, with no solution in it; refuse whatever is in doubt.

    Exit status: 0 released; 1 refused or failed, with every problem as file:line: message; 2 wrong usage.
    """
    try:
        write.refuse_place(out, ROOT, force)
        source = tracked.tracked_files(ROOT, allow_dirty)
    except (write.PlaceError, tracked.SourceError) as error:
        _stop([str(error)], as_json, status=2)
    except OSError as error:
        _stop([f"{error.filename or out}: {error.strerror}"], as_json)
    try:
        files = build.release_files(source)
        write.write(files, out)
    except build.ReleaseError as error:
        _stop([*error.problems, f"not released: {len(error.problems)} problems"], as_json)
    except OSError as error:
        _stop([f"{out} cannot be written: {error.strerror}; nothing has changed"], as_json)
    digest = json.loads(files[build.STAMP].data)["digest"]
    if as_json:
        typer.echo(json.dumps({"digest": digest, "files": sorted(files), "out": str(out)}, indent=1))
    else:
        typer.echo(f"Released {len(files)} files with {len(TASKS)} tasks to {out} (digest {digest[:12]})")


def _stop(lines: list[str], as_json: bool, status: int = 1) -> NoReturn:
    """Print what is wrong, and end."""
    if as_json:
        typer.echo(json.dumps({"problems": lines}, indent=1))
    for line in lines:
        typer.echo(f"course: {line}" if line is lines[-1] else line, err=True)
    raise typer.Exit(status)
