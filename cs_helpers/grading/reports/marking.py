"""Pages on which people mark written answers: one for each question, and one for each student."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cs_helpers.grading import records
from cs_helpers.grading.reports import marks
from cs_helpers.grading.reports.final import Everything, Record, written
from cs_helpers.grading.reports.markup import escape, render
from cs_helpers.grading.reports.page import page, write
from cs_helpers.grading.reports.questions import question
from cs_helpers.tasks import TASKS

Item = tuple[Record, str]  # a record and the id of a question

_KEYS = (
    ("j k", "or arrows: next, previous"),
    ("\u2191 \u2193", "line of the rubric"),
    ("0\u20139", "points, then the next line"),
    (".", "half a point"),
    ("f", "full points"),
    ("\u232b", "undecided"),
    ("c", "comment (Esc leaves it)"),
    ("Enter", "next that is open"),
    ("n", "hide names"),
    ("d", "download"),
)


def write_marking_pages(everything: Everything, folder: Path) -> list[Path]:
    """Write the pages ``questions/p1.q1.html`` ... and ``students/KEY.html`` ... into a folder."""
    written_pages = []
    for task in _questions(everything.records):
        items = [(record, task) for record in everything.records if task in record["answers"]]
        title = f"{task} {TASKS[task].title}"
        path = folder / "questions" / f"{task}.html"
        write(path, _page(everything, title, items, [record["name"] for record, _ in items]))
        written_pages.append(path)
    for record in everything.records:
        path = folder / "students" / f"{records.key(record['name'])}.html"
        if record["answers"]:
            items = [(record, task) for task in record["answers"]]
            write(path, _page(everything, record["name"], items, [task for _, task in items]))
            written_pages.append(path)
    return written_pages


def _questions(found: Sequence[Record]) -> list[str]:
    there = {task for record in found for task in record["answers"]}
    return [task for task in TASKS if task in there]


def _page(everything: Everything, title: str, items: Sequence[Item], labels: Sequence[str]) -> str:
    data = {
        "session": everything.session,
        "columns": marks.COLUMNS,
        "longest": marks.MAX_COMMENT,
        "items": [_data(everything, record, task) for record, task in items],
    }
    buttons = "".join(
        f'<button type="button"><span class="who">{escape(label)}</span><span class="score"></span></button>'
        for label in labels
    )
    articles = "\n".join(_article(number, *item) for number, item in enumerate(items))
    tasks = dict.fromkeys(task for _, task in items)
    body = (
        f"{_bar(title)}\n"
        f'<div class="desk">\n<nav class="list" id="list" aria-label="answers">{buttons}</nav>\n'
        f'<div>{articles}</div>\n<aside class="side" id="side">{_entry(tasks)}</aside>\n</div>'
    )
    return page(title, body, script="marking.js", data=data)


def _bar(title: str) -> str:
    return (
        f'<header class="bar-top"><h1>{escape(title)}</h1>'
        '<span><progress id="progress" max="1" value="0"></progress> '
        '<span id="count" class="soft"></span></span>'
        '<span class="grow soft" id="said" role="status"></span>'
        '<label class="soft">you '
        '<input id="grader" size="8" autocomplete="off" placeholder="initials"></label>'
        '<button class="main" id="download" type="button">Download marks</button>'
        '<span id="trouble" class="warn" hidden>This browser keeps nothing for this page: download before '
        "you close it.</span></header>"
    )


def _entry(tasks: Iterable[str]) -> str:
    """Return the right column: where points are entered, and what the answer is held against."""
    keys = " ".join(f"<kbd>{key}</kbd> {what}&ensp;" for key, what in _KEYS)
    rubrics = "".join(
        f'<div data-task="{task}"><div class="rubric">{_rubric(task)}</div></div>' for task in tasks
    )
    beside = "".join(f'<div data-task="{task}">{_beside(task)}</div>' for task in tasks)
    return (
        f'<div class="card">{rubrics}<p>Points: <b id="total"></b></p>'
        '<p id="stale" class="warn" hidden>The answer has changed since it was marked. Any key that gives '
        "points makes it a mark for the text on the left.</p>"
        '<textarea id="comment" aria-label="comment for the student" '
        'placeholder="Comment for the student (c)"></textarea>'
        f'<p class="keys">{keys}</p></div>{beside}'
    )


def _rubric(task: str) -> str:
    return "".join(
        f'<div class="criterion"><output><b>\u2013</b> <span class="of">/ {most}</span></output>'
        f"<span>{escape(criterion)}</span></div>"
        for most, criterion in TASKS[task].rubric
    )


def _beside(task: str) -> str:
    asked = question(task)
    parts = []
    if asked.text:
        parts.append(
            f'<details><summary>Question</summary><div class="prose">{render(asked.text)}</div></details>'
        )
    if asked.reference:
        parts.append(
            "<details open><summary>Reference answer</summary>"
            f'<div class="prose answer">{render(asked.reference)}</div></details>'
        )
    return "".join(f'<div class="card">{part}</div>' for part in parts)


def _article(number: int, record: Record, task: str) -> str:
    answer = record["answers"][task]
    who = f'<p class="soft"><span class="who">{escape(_people(record))}</span> \u00b7 {escape(task)}</p>'
    if answer["problem"]:
        who += f'<p class="warn">{escape(answer["problem"])}</p>'
    text = '<p class="note">Nothing is written.</p>'
    if written(answer["text"]):
        text = f'<div class="prose answer">{render(answer["text"])}</div>'
    return f'<article data-item="{number}">{who}{text}</article>'


def _people(record: Record) -> str:
    names = ", ".join(record["members"])
    return f"{record['name']} ({names})" if names and names != record["name"] else str(record["name"])


def _data(everything: Everything, record: Record, task: str) -> dict[str, Any]:
    answer = record["answers"][task]
    mark = everything.mark(record, task)
    return {
        "submission": record["name"],
        "task": task,
        "answer": marks.digest(answer["text"]),
        "most": [most for most, _ in TASKS[task].rubric],
        "empty": not written(answer["text"]),
        "mark": mark
        and {"points": mark.points, "comment": mark.comment, "grader": mark.grader, "stale": mark.stale},
    }
