"""The page about the whole class: how the points are spread, what was hard, what to teach again."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from cs_helpers.checks.compare import FAIL, PASS
from cs_helpers.grading import records
from cs_helpers.grading.reports.feedback import marks_shown
from cs_helpers.grading.reports.final import Everything, Row, maximum, written
from cs_helpers.grading.reports.markup import code, escape
from cs_helpers.grading.reports.page import page, points, table
from cs_helpers.grading.reports.sentences import sentences
from cs_helpers.tasks import TASKS

BINS = 10
MOST_DIAGNOSES = 15


def summary_page(everything: Everything, found: Sequence[Row]) -> str:
    """Return the page.

    Args:
        everything: The REPORT.
        found: The rows of all students.
    """
    parts = [
        f'<main><p class="soft">session {escape(everything.session)}</p>',
        f"<h1>{escape(everything.book.title)}</h1>",
        _figures(everything, found),
        "<h2>Points</h2>",
        _note(everything, found),
        histogram([row.points for row in found if row.record is not None], maximum(everything.records)),
        "<h2>Checks, the hardest first</h2>",
        _checks(everything),
        "<h2>What to teach again</h2>",
        _diagnoses(everything),
        _answers(everything),
        _late(found),
        _problems(found),
        "<h2>Everybody</h2>",
        _everybody(everything, found),
    ]
    return page(f"{everything.book.title}: summary", "\n".join([*parts, "</main>"]))


def _figures(everything: Everything, found: Sequence[Row]) -> str:
    waiting = sum(
        (mark := everything.mark(record, task)) is None or not mark.complete
        for record in everything.records
        for task in record["answers"]
    )
    scores = sorted(row.points for row in found if row.record is not None)
    figures = [
        (str(len(everything.records)), "submissions"),
        (str(len(found)), "students"),
        (points(_median(scores)), f"median of {maximum(everything.records)}"),
        (str(waiting), "answers to mark"),
        (str(sum(bool(row.late) for row in found)), "late"),
    ]
    return (
        '<ul class="figures">'
        + "".join(f"<li><b>{value}</b>{name}</li>" for value, name in figures)
        + "</ul>"
    )


def _median(values: Sequence[float]) -> float:
    if not values:
        return 0.0
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _note(everything: Everything, found: Sequence[Row]) -> str:
    open_ = sum(bool(row.waiting) for row in found)
    more = (
        f" {open_} students have answers that nobody has read yet; they count nothing so far."
        if open_
        else ""
    )
    what = "Code, answers and bonus, one student each, before any deduction for lateness."
    return f'<p class="note">{what}{more}</p>'


def histogram(values: Sequence[float], most: float) -> str:
    """Return a histogram of points as SVG; bonus beyond the maximum is in the last bin."""
    counts = [0] * BINS
    for value in values:
        counts[min(int(BINS * value / most), BINS - 1) if most else 0] += 1
    width, height, bottom = 640, 190, 160
    step = width / BINS
    top = max([*counts, 1])
    pieces = []
    for number, count in enumerate(counts):
        tall = 125 * count / top
        left = number * step
        if count:
            pieces.append(
                f'<rect class="bar" x="{left + 2:.1f}" y="{bottom - tall:.1f}" width="{step - 4:.1f}" '
                f'height="{tall:.1f}" rx="3"/><text class="label" x="{left + step / 2:.1f}" '
                f'y="{bottom - tall - 6:.1f}" text-anchor="middle">{count}</text>'
            )
        edge = points(round(most * number / BINS, 1))
        pieces.append(f'<text x="{left + 2:.1f}" y="{bottom + 17}">{edge}</text>')
    label = ", ".join(
        f"{count} from {points(round(most * n / BINS, 1))}" for n, count in enumerate(counts) if count
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="students by points: {label}">'
        f'<line class="axis" x1="0" x2="{width}" y1="{bottom + 0.5}" y2="{bottom + 0.5}"/>'
        f"{''.join(pieces)}</svg>"
    )


def _checks(everything: Everything) -> str:
    """Return a bar for each check: passed, failed, not done."""
    graded = [record for record in everything.records if record["status"] == records.GRADED]
    rows = []
    for task in [task for task in TASKS if any(task in record["tasks"] for record in graded)]:
        entries = [record["tasks"][task] for record in graded if task in record["tasks"]]
        count = Counter(entry["verdict"] for entry in entries)
        share = sum(entry["points"] for entry in entries) / (len(entries) * entries[0]["max_points"])
        rows.append((share, task, count[PASS] / len(entries), count[FAIL] / len(entries)))
    cells = [
        [
            f"<code>{task}</code> {escape(TASKS[task].title)}",
            _bar(passed, failed),
            *(f"{100 * value:.0f} %" for value in (passed, failed, share)),
        ]
        for share, task, passed, failed in sorted(rows)
    ]
    return table(["check", "", "passed", "failed", "of the points"], cells)


def _bar(passed: float, failed: float) -> str:
    width = 180
    return (
        f'<svg viewBox="0 0 {width} 14" width="{width}" height="14" aria-hidden="true">'
        f'<rect class="rest" width="{width}" height="12" y="2" rx="3"/>'
        f'<rect class="bar" width="{width * passed:.1f}" height="12" y="2" rx="3"/>'
        f'<rect class="bad" x="{width * passed:.1f}" width="{width * failed:.1f}" height="12" y="2" rx="3"/>'
        "</svg>"
    )


def _diagnoses(everything: Everything) -> str:
    """Return the commonest causes; each counts once for a submission."""
    who: dict[str, set[str]] = defaultdict(set)
    where: dict[str, set[str]] = defaultdict(set)
    for record in everything.records:
        for task, entry in record["tasks"].items():
            for cause in _causes(entry):
                who[cause].add(record["name"])
                where[cause].add(task)
    common = sorted(who.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = [
        [str(len(names)), code(cause), _tasks(where[cause]), escape(_few(sorted(names)))]
        for cause, names in common[:MOST_DIAGNOSES]
    ]
    if not rows:
        return '<p class="note">No check failed.</p>'
    return table(["submissions", "diagnosis", "checks", "whose"], rows)


def _causes(entry: dict[str, object]) -> set[str]:
    """Return what is wrong with a task, without the numbers that differ between submissions."""
    if entry["verdict"] != FAIL:
        return set()
    lines: list[dict[str, str]] = entry["evidence"]  # type: ignore[assignment]
    texts = [str(entry["hint"])] + [line["hint"] for line in lines if line["verdict"] == FAIL]
    found = {_general(text) for text in texts if text}
    return found or {_general(str(entry["message"]).partition(" at ")[0])}


def _general(text: str) -> str:
    """Leave out the numbers of a cause, unless it is one of the checks' own sentences."""
    known = text in sentences()
    return text if known else re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "\u2026", text)[:160]


def _tasks(found: set[str]) -> str:
    names = [f"<code>{task}</code>" for task in TASKS if task in found]
    return " ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _answers(everything: Everything) -> str:
    rows = []
    for task in [task for task in TASKS if any(task in record["answers"] for record in everything.records)]:
        found = [(r, everything.mark(r, task)) for r in everything.records if task in r["answers"]]
        done = [
            mark
            for record, mark in found
            if mark and mark.complete and written(record["answers"][task]["text"])
        ]
        there = sum(written(record["answers"][task]["text"]) for record, _ in found)
        mean = points(sum(mark.total for mark in done) / len(done)) if done else ""
        link = f'<a href="questions/{task}.html">{escape(task)}</a> {escape(TASKS[task].title)}'
        rows.append([link, str(there), str(len(done)), mean, str(TASKS[task].points)])
    heading = "<h2>Written answers</h2>"
    return (
        heading + table(["question (mark it here)", "written", "marked", "mean", "of"], rows) if rows else ""
    )


def _late(found: Sequence[Row]) -> str:
    late = sorted((row for row in found if row.late), key=lambda row: -(row.late or 0))
    if not late:
        return ""
    rows = [
        [
            escape(row.student),
            escape(row.record["name"] if row.record else ""),
            f"{(row.late or 0) / 3600:.1f}",
            *map(points, (row.points, row.deduction, row.after)),
        ]
        for row in late
    ]
    return "<h2>Late</h2>" + table(
        ["student", "submission", "hours", "points", "deduction", "after it"], rows
    )


def _problems(found: Sequence[Row]) -> str:
    rows = [[escape(row.student), escape("; ".join(row.notes))] for row in found if row.notes]
    return "<h2>To look at</h2>" + table(["student", "what"], rows) if rows else ""


def _everybody(everything: Everything, found: Sequence[Row]) -> str:
    tasks = [task for task in TASKS if any(task in record["answers"] for record in everything.records)]
    rows = []
    for row in found:
        if row.record is None:
            continue
        key = records.key(row.record["name"])
        links = f'<a href="students/{key}.html">answers</a> <a href="feedback/{key}.html">feedback</a>'
        read = [marks_shown(everything.mark(row.record, task)) for task in tasks]
        code_points = points(sum(row.code.values()))
        rows.append([escape(row.student), links, code_points, *read, points(row.bonus), points(row.points)])
    return table(["student", "", "code", *tasks, "bonus", "points"], rows)
