"""``course submit``: one zip file to hand in."""

import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cs_helpers import submission
from cs_helpers.whole_files import replacing

ROOT = Path(__file__).resolve().parents[1]


def submit(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The zip file to write, if not submission.zip beside hw/."),
    ] = None,
    members: Annotated[
        list[str] | None,
        typer.Option("--members", help="Who hands in, for groups: --members ann,bo or several times."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Hand in although some tasks are not done.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what happened as JSON.")] = False,
) -> None:
    """Check that everything is there and pack it into one zip file.

    Exit status: 0 packed; 1 something is missing, with a list of it; 2 wrong usage.
    """
    path = out or ROOT / "submission.zip"
    try:
        names = submission.members(name for one in members or [] for name in re.split(r"[,\s]+", one) if name)
        _refuse_place(path)
    except ValueError as error:
        _stop([str(error)], as_json, status=2)
    try:
        _submit(path, names, partial, as_json)
    except OSError as error:
        _stop([f"{error.filename or path}: {error.strerror}"], as_json)


def _submit(path: Path, names: tuple[str, ...], partial: bool, as_json: bool) -> None:
    from cs_helpers.submit import look_through, pack

    found = look_through(ROOT)
    waiting = [f"NOT DONE {task_id}  {place}" for task_id, place in found.not_done.items()]
    waiting += [f"MISSING  {what}" for what in found.missing]
    if found.broken or (waiting and not partial):
        why = f"not packed: {len(found.broken)} broken, {len(waiting)} not done or missing"
        if not found.broken:
            why += " (--partial packs it all the same)"
        _stop([*found.broken, *waiting, why], as_json)
    manifest, data = pack(ROOT, found, names)
    with replacing(path) as file:
        file.write(data)
    if as_json:
        report = json.loads(manifest.to_bytes())
        report |= {"out": str(path), "sha256": hashlib.sha256(data).hexdigest(), "left_out": found.left_out}
        typer.echo(json.dumps(report, indent=1, sort_keys=True))
        return
    for line in waiting:
        typer.echo(line)
    if found.left_out:
        typer.echo(f"Left out: {', '.join(found.left_out)}")
    who = f" of {', '.join(names)}" if names else ""
    typer.echo(
        f"Packed {len(found.files)} files{who} into {path} ({len(data) / 1000:.0f} kB). Hand in this file."
    )


def _refuse_place(path: Path) -> None:
    """Raise ValueError if the zip must not be written there."""
    if path.suffix != ".zip":
        raise ValueError(f"{path} does not end in .zip")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}; make it first")
    if path.is_dir() or path.is_symlink():
        raise ValueError(f"{path} is a folder or a link; name a file")
    if path.exists() and not _is_submission(path):
        raise ValueError(f"{path} exists and is no submission; name another file")


def _is_submission(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return submission.MANIFEST in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _stop(lines: list[str], as_json: bool, status: int = 1) -> NoReturn:
    """Print what is wrong, and end."""
    if as_json:
        typer.echo(json.dumps({"problems": lines}, indent=1))
    for line in lines:
        typer.echo(f"course: {line}" if line is lines[-1] else line, err=True)
    raise typer.Exit(status)
