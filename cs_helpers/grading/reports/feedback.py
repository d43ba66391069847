"""What a student gets to read about a submission: verdicts, what was wrong and why, points for answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from cs_helpers.checks.compare import FAIL, PASS, UNDONE
from cs_helpers.grading.reports import marks
from cs_helpers.grading.reports.final import Everything, Record, Row, written
from cs_helpers.grading.reports.kinds import kinds
from cs_helpers.grading.reports.markup import code, escape, render
from cs_helpers.grading.reports.page import page, points, table
from cs_helpers.grading.reports.questions import question
from cs_helpers.tasks import TASKS

_CLASS = {PASS: "pass", FAIL: "fail", UNDONE: "todo"}
OPEN = (
    "The deadline has not passed yet, so this says what kind of mistake there is and not which values are "
    "expected. It may still change."
)


def feedback_page(
    everything: Everything, record: Record, found: Sequence[Row], *, hidden: bool, reference: bool = False
) -> str:
    """Return the page of one submission.

    Args:
        everything: The REPORT.
        record: The submission's record.
        found: Its rows: one for each member.
        hidden: Whether expected values, answers and the seed stay hidden.
        reference: Whether reference answers are shown.
    """
    title = everything.book.title
    who = ", ".join(row.student for row in found) or record["name"]
    parts = [f'<main><p class="soft">{escape(title)}</p><h1>{escape(who)}</h1>', _overview(found, hidden)]
    if hidden:
        parts.append(f'<p class="card warn">{OPEN}</p>')
    if record["problems"]:
        items = "".join(f"<li>{escape(problem)}</li>" for problem in record["problems"])
        parts.append(f'<div class="card"><b class="warn">About the files</b><ul>{items}</ul></div>')
    for part in sorted({TASKS[task].part for task in (*record["tasks"], *record["answers"])}):
        parts.append(f"<h2>Part {part}</h2>")
        tasks = {task: entry for task, entry in record["tasks"].items() if TASKS[task].part == part}
        parts += [_check(task, entry, hidden) for task, entry in tasks.items()]
        if not hidden:
            answers = [task for task in record["answers"] if TASKS[task].part == part]
            parts += [_answer(everything, record, task, reference) for task in answers]
    if not hidden:
        parts.append(_again(everything))
    return page(f"{title}: {who}", "\n".join([*parts, "</main>"]))


def _overview(found: Sequence[Row], hidden: bool) -> str:
    if not found:
        return ""
    row = found[0]
    figures = [(points(sum(row.code.values())), "points for code")]
    if not hidden:
        waiting = f", {len(row.waiting)} not read yet" if row.waiting else ""
        figures.append((points(sum(row.answers.values())), f"points for answers{waiting}"))
    if row.bonus:
        figures.append((points(row.bonus), "bonus"))
    if row.late:
        figures.append((f"{row.late / 3600:.1f} h", "late"))
    if row.deduction and not hidden:
        figures.append((f"\u2212{points(row.deduction)}", "for lateness"))
        figures.append((points(row.after), "points in all"))
    cells = "".join(f"<li><b>{escape(value)}</b>{escape(name)}</li>" for value, name in figures)
    return f'<ul class="figures">{cells}</ul>'


def _check(task: str, entry: Mapping[str, Any], hidden: bool) -> str:
    verdict = entry["verdict"]
    bonus = ", bonus" if entry["bonus"] else ""
    head = (
        f'<div class="check {_CLASS[verdict]}"><span class="score">{points(entry["points"])} / '
        f'{entry["max_points"]} points{bonus}</span><span class="verdict">{verdict}</span>'
        f"<b>{escape(TASKS[task].title)}</b> <code>{task}</code>"
    )
    if hidden:
        return head + "".join(f"<div>{code(kind)}</div>" for kind in kinds(task, entry)) + "</div>"
    return head + _diagnosis(entry) + "</div>"


def _diagnosis(entry: Mapping[str, Any]) -> str:
    parts = []
    if entry["message"]:
        parts.append(f"<div>{code(entry['message'])}</div>")
    if entry["hint"] and entry["hint"] not in entry["message"]:
        parts.append(f'<div class="hint">{code(entry["hint"])}</div>')
    if entry["printed"]:
        parts.append(
            f"<details><summary>your code printed</summary><pre>{escape(entry['printed'])}</pre></details>"
        )
    wrong = [line for line in entry["evidence"] if line["verdict"] == FAIL]
    if wrong and entry["verdict"] != PASS:
        good = sum(line["verdict"] == PASS for line in entry["evidence"])
        rows = [[code(line["name"]), escape(line["shape"]), code(line["message"])] for line in wrong]
        parts.append(
            f"<details><summary>{good} of {len(entry['evidence'])} values as expected</summary>"
            f"{table(['value', 'shape', 'what is wrong'], rows)}</details>"
        )
    return "".join(parts)


def _answer(everything: Everything, record: Record, task: str, reference: bool) -> str:
    mark, answer = everything.mark(record, task), record["answers"][task]
    given = (
        f"{points(mark.total)} / {TASKS[task].points} points"
        if mark
        else f"{TASKS[task].points} points, not read yet"
    )
    parts = [
        f'<div class="card check"><span class="score">{given}</span>'
        f"<h3>{escape(TASKS[task].title)} <code>{task}</code></h3>"
    ]
    if mark is not None and written(answer["text"]):
        rows = [
            [escape(criterion), "\u2013" if value is None else points(value), str(most)]
            for (most, criterion), value in zip(TASKS[task].rubric, mark.points, strict=True)
        ]
        parts.append(table(["", "points", "of"], rows))
    if mark is not None and mark.comment:
        parts.append(f"<p><b>Comment.</b> {code(mark.comment)}</p>")
    if mark is not None and mark.stale:
        parts.append('<p class="warn">The answer has changed since it was read.</p>')
    if answer["problem"]:
        parts.append(f'<p class="warn">{code(answer["problem"])}</p>')
    elif not written(answer["text"]):
        parts.append('<p class="note">Nothing is written.</p>')
    parts += [_fold(name, text) for name, text in _texts(task, answer["text"], reference) if text]
    return "".join(parts) + "</div>"


def _texts(task: str, own: str, reference: bool) -> list[tuple[str, str]]:
    asked = question(task)
    own = own if written(own) else ""
    return [
        ("Question", asked.text),
        ("Your answer", own),
        ("A good answer", asked.reference if reference else ""),
    ]


def _fold(name: str, text: str) -> str:
    return f'<details><summary>{name}</summary><div class="prose answer">{render(text)}</div></details>'


def _again(everything: Everything) -> str:
    return (
        '<h2>How to see it again</h2><div class="card"><p>Your code was run on inputs that were secret until '
        "the deadline. They are made from a seed, which is public now, and staff publish a folder, session, "
        "with the values that are expected for it. With that folder beside hw/:</p>"
        "<pre>course check --session session p1.linear</pre>"
        f"<p>The seed is <code>{escape(everything.seed)}</code>, the session "
        f"<code>{escape(everything.session)}</code>. Written answers are marked by people.</p></div>"
    )


def marks_shown(mark: marks.Mark | None) -> str:
    """Return a mark in a few characters, for tables."""
    if mark is None:
        return ""
    return points(mark.total) + ("" if mark.complete else " \u2026") + (" stale" if mark.stale else "")
