"""A small graded class, without a sandbox: the mutants in it are ours, and only two checks run."""

import json
from pathlib import Path
from typing import Any

from cs_helpers.checks import evidence
from cs_helpers.checks.measures import measured
from cs_helpers.checks.produce import produce
from cs_helpers.checks.registry import find
from cs_helpers.checks.student import COURSE_ROOT, StudentPackage
from cs_helpers.grading import records
from cs_helpers.grading.grader import empty_record, judge
from cs_helpers.grading.records import Report
from cs_helpers.grading.session import Wishes, open_session
from tests.mutants.catalogue import Mutant, load

SEED = "the secret seed of this test"
IDS = ("p1.tanh", "p1.linear")
HOSTILE = (
    "<script>document.title = 'taken over'</script> <img src=x onerror=alert(1)> <b onclick=alert(1)>\n\n"
    "[link](javascript:alert(1)) [link](data:text/html;base64,PHNjcmlwdD4=) [good](https://example.org/a)\n\n"
    "![image](http://example.org/track.png) <http://example.org>\n\n"
    r"$\text{<script>alert(1)</script>}$ $\href{javascript:alert(1)}{x}$ $\style{position:fixed}{x}$"
    "\n\n</script></textarea></article><script>alert(1)</script>\n\n"
    r"$$\frac{1}{$$"
    "\n\n|a|b|\n|:-|-:|\n|1|<i>2</i>|\n"
)
ANSWERS = {
    "ann.lee": (
        "The Jacobian has shape $(N, C, N, D)$ and\n\n$$\\sum_i x_i^2 = 1$$\n",
        "No: $g \\approx h$.",
    ),
    "bo": ("Short.", "Yes."),
    "eve": (HOSTILE, "=cmd()"),
    "=1+1": ("", "*Your answer goes here.*"),
}
MEMBERS = {"bo": ["bo", "cem.kaya"]}


def mutant(check_id: str) -> Mutant:
    """Return the first mutant of a check."""
    return next(mutant for mutant in load() if mutant.check == check_id)


def build(folder: Path, scratch: Path) -> Report:
    """Write a REPORT of four submissions: all right, a wrong Linear, a wrong TanH, nothing."""
    report = Report(folder)
    session = open_session(report, Wishes(list(IDS), SEED))
    rules = session.rules()
    expected = {}
    report.reference.mkdir()
    for check_id in IDS:
        production = produce(find(check_id), StudentPackage(), SEED)
        expected[check_id] = measured(check_id, production, production.inputs, stored=True)
        data = evidence.to_bytes(expected[check_id])
        (report.reference / f"{check_id}.safetensors").write_bytes(data)
    wrong = {"bo": "p1.linear", "eve": "p1.tanh"}
    for name, answers in ANSWERS.items():
        root = COURSE_ROOT
        if name in wrong:
            root = scratch / name
            mutant(wrong[name]).write(root)
        record = empty_record(rules, name, f"{name}.zip", "digest of " + name)
        if name != "=1+1":
            for check_id in IDS:
                found = produce(find(check_id), StudentPackage(root), SEED, root=root)
                entry = records.task_entry(judge(check_id, expected[check_id], found))
                record["tasks"][check_id] = entry
        texts = zip(("p1.q1", "p1.q2"), answers, strict=True)
        record |= {
            "status": records.GRADED,
            "members": MEMBERS.get(name, []),
            "points": records.points_of(record["tasks"]),
            "answers": {task: {"text": text, "problem": ""} for task, text in texts},
        }
        records.write(report.record(name), record)
    return report


def change(report: Report, name: str, **what: Any) -> None:
    """Change a record."""
    path = report.record(name)
    records.write(path, {**json.loads(path.read_bytes()), **what})


def answer(report: Report, name: str, task: str, text: str) -> None:
    """Change the text of an answer."""
    found = json.loads(report.record(name).read_bytes())["answers"]
    change(report, name, answers={**found, task: {"text": text, "problem": ""}})
