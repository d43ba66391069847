"""``course report``: what staff do after ``course grade``."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cs_helpers.grading.reports.final import Everything

report_app = typer.Typer(
    no_args_is_help=True,
    help="After course grade: pages, marks for written answers, exports, feedback. See docs/staff-guide.md.",
)
ReportFolder = Annotated[Path, typer.Argument(metavar="REPORT", help="The folder that course grade wrote.")]


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn errors into lines on stderr and an exit status."""
    from cs_helpers.grading.reports.exports import ExportError
    from cs_helpers.grading.reports.markup import MarkupError

    try:
        yield
    except ValueError as error:
        typer.echo(f"course: {error}", err=True)
        raise typer.Exit(2) from error
    except (ExportError, MarkupError, OSError) as error:
        typer.echo(f"course: {error}", err=True)
        raise typer.Exit(1) from error


def _read(folder: Path) -> "Everything":
    from cs_helpers.grading.records import Report
    from cs_helpers.grading.reports.final import read_everything

    return read_everything(Report(folder))


@report_app.command()
def setup(
    report: ReportFolder,
    title: Annotated[str | None, typer.Option(help="What the pages call the assignment.")] = None,
    deadline: Annotated[
        str | None, typer.Option(help="Such as 2026-11-20T23:59+01:00; this machine's time zone without one.")
    ] = None,
    penalty: Annotated[
        str | None, typer.Option("--late-penalty", help="Such as '10%/day', '5%/hour up to 50%', or none.")
    ] = None,
    times: Annotated[
        Path | None,
        typer.Option(
            help="When submissions came: a CSV file (name, submitted), or their folder for file times."
        ),
    ] = None,
    roster: Annotated[
        Path | None, typer.Option(help="CSV file of the class; the exports of Canvas and Moodle will do.")
    ] = None,
) -> None:
    """Say what the class is: deadline, lateness, roster. What is not given stays as it was."""
    from cs_helpers.grading.reports import classbook

    with told():
        everything = _read(report)
        book = everything.book
        if title is not None:
            book.title = title
        if deadline is not None:
            book.deadline = classbook.parse_time(deadline, "deadline")
        if penalty is not None:
            book.penalty = classbook.parse_penalty(penalty)
        if times is not None:
            sources = {record["name"]: record["source"] for record in everything.records}
            book.times = classbook.read_times(times, sources)
        if roster is not None:
            book.roster = classbook.read_roster(roster)
        classbook.save(everything.report, book)
        late = sum(bool(book.late(record["name"])) for record in everything.records)
        typer.echo(f"{book.title}: {book}, {late} late")


@report_app.command()
def pages(report: ReportFolder) -> None:
    """Write REPORT/pages (marking, feedback, summary; open index.html) and REPORT/final.csv."""
    from cs_helpers.grading.reports.pages import write_pages

    with told():
        everything = _read(report)
        first = write_pages(everything)
        typer.echo(f"{len(everything.records)} submissions: open {first}")


@report_app.command()
def merge(
    report: ReportFolder,
    files: Annotated[list[Path], typer.Argument(help="CSV files of marks, from the pages or a spreadsheet.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="New marks take the place of other people's.")
    ] = False,
) -> None:
    """Add marks for written answers: all of them, or none if anything is wrong. Writes the pages again."""
    merge_marks(report, files, replace=replace)


def merge_marks(report: Path, files: list[Path], *, replace: bool = False) -> None:
    """Add marks; ``course grade --merge`` does the same."""
    from cs_helpers.grading.reports import marks
    from cs_helpers.grading.reports.pages import write_pages
    from cs_helpers.grading.session import locked

    with told():
        everything = _read(report)
        with locked(everything.report):
            count = marks.merge(
                everything.report, everything.session, everything.records, files, replace=replace
            )
        everything = _read(report)
        write_pages(everything)
        left = sum(
            (mark := everything.mark(record, task)) is None or not mark.complete
            for record in everything.records
            for task in record["answers"]
        )
        typer.echo(f"{count} answers marked, {left} left; points are in {report / 'final.csv'}")


@report_app.command()
def export(
    report: ReportFolder,
    kind: Annotated[str, typer.Argument(help="canvas, moodle or gradescope.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV file, or for gradescope the folder.")],
    assignment: Annotated[
        str | None,
        typer.Option(help="The column there, such as 'Homework 1 (12345)'; the title if not given."),
    ] = None,
    with_penalty: Annotated[
        bool, typer.Option("--with-penalty", help="Subtract what lateness costs.")
    ] = False,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Export although some answers are not marked.")
    ] = False,
) -> None:
    """Write points for Canvas, Moodle or Gradescope: one row for each student, group members included."""
    from cs_helpers.grading.reports.exports import KINDS, Export
    from cs_helpers.tasks import suggestion

    with told():
        if kind not in KINDS:
            raise ValueError(f"there is no export {kind!r}{suggestion(kind, KINDS)}")
        everything = _read(report)
        wish = Export(assignment or everything.book.title, with_penalty, unfinished)
        count = KINDS[kind](everything, wish, out)
        late = "" if with_penalty else "; lateness not subtracted"
        typer.echo(f"{count} students in {out}{late if everything.book.penalty else ''}")


@report_app.command()
def publish(
    report: ReportFolder,
    out: Annotated[Path, typer.Option("--out", help="A new folder, or one of an earlier publish.")],
    still_open: Annotated[
        bool, typer.Option("--open", help="Hide values although the deadline has passed (extensions).")
    ] = False,
    reference: Annotated[
        bool, typer.Option("--with-reference", help="Show students the reference answers.")
    ] = False,
) -> None:
    """Write what students get: a page each and, after the deadline, the seed and its expected values."""
    from cs_helpers.grading.reports import publish as publishing

    with told():
        everything = _read(report)
        hidden = publishing.deadline_is_open(everything) or still_open
        count = publishing.publish(everything, out, hidden=hidden, reference=reference)
        what = "values hidden, no session" if hidden else "with the session's seed and values"
        typer.echo(f"{count} pages in {out}, {what}")


@report_app.command()
def similar(
    report: ReportFolder,
    submissions: Annotated[Path, typer.Argument(help="The folder of the submissions.")],
    pairs: Annotated[int, typer.Option(min=1, max=500, help="How many pairs to show.")] = 20,
) -> None:
    """Write REPORT/pages/similar.html: pairs with passages in common. A hint, never a verdict."""
    from cs_helpers.grading.reports.similar import write_similar

    with told():
        everything = _read(report)
        path, count = write_similar(everything, submissions, pairs)
        typer.echo(f"{count} pairs in {path}: read them before you think anything")
