"""The page of pairs with passages in common, side by side."""

from collections.abc import Mapping
from pathlib import Path

from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.grading.reports.final import Everything
from cs_helpers.grading.reports.fingerprints import K_WORDS, K, Pair, Place, pairs
from cs_helpers.grading.reports.markup import escape
from cs_helpers.grading.reports.page import page, table, write
from cs_helpers.grading.session import pristine
from cs_helpers.grading.unpack import SubmissionError, entries, read_submission
from cs_helpers.regions import student_files

MOST_PASSAGES = 12  # of one pair
AROUND = 1  # lines shown before and after a passage
Files = Mapping[str, bytes]

_HEAD = (
    "<main><h1>Passages in common</h1>"
    f'<p class="card"><b>A hint, not a verdict.</b> Runs of {K} and more tokens, or of {K_WORDS} and more '
    "words of an answer, that two submissions share, after names, comments, numbers and layout are set "
    "aside, and without what students started from, what the reference has, too, and what many have. Short "
    "solutions to the same task look alike. Only a person who has read both, and asked, can say more.</p>"
)


def write_similar(everything: Everything, folder: Path, most: int) -> tuple[Path, int]:
    """Write ``REPORT/pages/similar.html``.

    Args:
        everything: The REPORT; the similarity of other folders than its own says nothing.
        folder: The submissions.
        most: Pairs to show.

    Returns:
        The page, and the number of pairs on it.

    Raises:
        ValueError: If there is no such folder, or no submission of the REPORT in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder of submissions")
    graded = {record["name"]: record["digest"] for record in everything.records}
    submissions, left_out = {}, []
    for name, path in entries(folder):
        try:
            submissions[name] = read_submission(name, path).files
        except SubmissionError as error:
            left_out.append(f"{name}: {error}")
    if not graded.keys() & submissions.keys():
        raise ValueError(f"no submission of {everything.report.root} is in {folder}")
    reference = {
        path.relative_to(COURSE_ROOT).as_posix(): path.read_bytes() for path in student_files(COURSE_ROOT)
    }
    found = pairs(submissions, [pristine(), reference])[:most]
    path = everything.report.root / "pages" / "similar.html"
    write(path, _page(found, submissions, left_out))
    return path, len(found)


def _page(found: list[Pair], submissions: Mapping[str, Files], left_out: list[str]) -> str:
    parts = [_HEAD]
    if not found:
        parts.append("<p>No two submissions have such a passage in common.</p>")
    else:
        rows = [
            [
                f'<a href="#pair{number}">{escape(pair.names[0])} and {escape(pair.names[1])}</a>',
                str(pair.shared),
            ]
            + [f"{100 * share:.0f} %" for share in pair.shares]
            for number, pair in enumerate(found)
        ]
        parts.append(table(["pair", "fingerprints in common", "of the first's", "of the second's"], rows))
    parts += [_pair(number, pair, submissions) for number, pair in enumerate(found)]
    if left_out:
        parts.append(
            "<h2>Left out</h2><ul>" + "".join(f"<li>{escape(line)}</li>" for line in left_out) + "</ul>"
        )
    return page("Passages in common", "\n".join([*parts, "</main>"]))


def _pair(number: int, pair: Pair, submissions: Mapping[str, Files]) -> str:
    passages = sorted(pair.passages, key=lambda passage: passage[0][1] - passage[0][2])
    shown = sorted(passages[:MOST_PASSAGES])
    heading = f'<h2 id="pair{number}">{escape(pair.names[0])} and {escape(pair.names[1])}</h2>'
    rest = len(passages) - len(shown)
    more = f'<p class="note">and {rest} shorter passages</p>' if rest else ""
    blocks = [
        '<div class="pair">'
        + "".join(
            f'<div><span class="soft">{escape(name)}, {escape(place[0])}:{place[1]}</span>'
            f"{_lines(submissions[name], place)}</div>"
            for name, place in zip(pair.names, passage, strict=True)
        )
        + "</div>"
        for passage in shown
    ]
    return heading + "".join(blocks) + more


def _lines(files: Files, place: Place) -> str:
    name, first, last = place
    lines = files[name].decode("utf-8", "replace").splitlines()
    before = lines[max(first - 1 - AROUND, 0) : first - 1]
    after = lines[last : last + AROUND]
    inside = "\n".join(escape(line[:300]) for line in lines[first - 1 : last])
    return (
        f"<pre>{''.join(escape(line[:300]) + chr(10) for line in before)}<mark>{inside}</mark>"
        f"{chr(10).join(escape(line[:300]) for line in after)}</pre>"
    )
