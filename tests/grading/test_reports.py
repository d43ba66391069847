"""Pages made from records: nothing in them runs, nothing is told too early, what is told can be repeated."""

import datetime
import html.parser
import json
import re
from pathlib import Path

import pytest
from trees import ROOT, run_in

from cs_helpers.checks.assets import expected, seed
from cs_helpers.checks.compare import FAIL
from cs_helpers.checks.session import Checker
from cs_helpers.grading import records
from cs_helpers.grading.records import Report
from cs_helpers.grading.reports import classbook, publish
from cs_helpers.grading.reports.feedback import feedback_page
from cs_helpers.grading.reports.final import read_everything, rows
from cs_helpers.grading.reports.kinds import kinds
from cs_helpers.grading.reports.markup import escape, formula, render
from cs_helpers.grading.reports.page import page
from cs_helpers.grading.reports.pages import write_pages
from cs_helpers.grading.reports.questions import question
from cs_helpers.grading.reports.sentences import sentences
from cs_helpers.grading.reports.summary import histogram
from cs_helpers.tasks import TASKS
from tests.grading.small_class import HOSTILE, IDS, SEED, change, mutant

QUESTIONS = [task.id for task in TASKS.values() if task.kind == "answer"]
YESTERDAY = datetime.datetime.now().astimezone() - datetime.timedelta(days=1)
TOMORROW = YESTERDAY + datetime.timedelta(days=2)


class Elements(html.parser.HTMLParser):
    """All tags of a text, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def harmless(text: str) -> None:
    """Fail if a text holds a tag or attribute that could do something."""
    for tag, attributes in Elements(text).found:
        assert tag not in {
            "script",
            "style",
            "img",
            "iframe",
            "object",
            "embed",
            "form",
            "svg",
            "base",
            "meta",
        }
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "id")]
        assert (attributes.get("href") or "https://").startswith(("http://", "https://"))


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "<svg/onload=alert(1)>",
        "[a](JaVaScRiPt:alert(1)) [b](\tjavascript:x) [c](//example.org) [d](vbscript:x)",
        '[a](http://x.y/"onmouseover="alert(1)) [b](<http://x.y/" onclick="x>)',
        "`<script>` ```\n<script>alert(1)</script>\n```",
        '```"><script>alert(1)</script>\nx\n```',
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        r"$\unicode{60}script\unicode{62}$ $\mathrm{\&lt;script\&gt;}$ $\class{x}{y}$ $\cssId{x}{y}$ $a<b$",
        r"$\color{red\" onclick=\"alert(1)}{x}$ $\hspace{9999em}$ $\rule{900em}{900em}$",
        "[x]: javascript:alert(1)\n\n[x]",
        "\x00<scr\x00ipt>alert(1)</script>",
    ],
)
def test_hostile_answers_are_text(text: str) -> None:
    harmless(render(text))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000,
        "$" * 20_000,
        "> " * 10_000,
        "`" * 20_000,
        "*a " * 6_000,
        "- " * 9_000,
        "![[" * 900,
        "$" + "\\sqrt{" * 300 + "$",
        "$x^" + "{a^" * 300 + "}" * 300 + "$",
        "a|" * 9_000 + "\n" + "-|" * 9_000,
        "\ud800",
    ],
)
def test_texts_made_to_trip_the_parser_are_shown_all_the_same(text: str) -> None:
    found = render(text)
    assert len(found) < 500_000
    harmless(found)


def test_mathematics_becomes_mathml_and_what_is_no_latex_stays_readable() -> None:
    found = render("Inline $x^2$, and\n\n$$\\frac{a}{b}$$\n\n| $y$ | b |\n|---|--:|\n| 1 | 2 |")
    assert found.count("<math") == 3
    assert 'display="block"' in found
    assert "<table>" in found
    assert formula(r"\frac{1}{", block=False) == (
        '<code class="latex inline" title="not understood as LaTeX">\\frac{1}{</code>'
    )
    assert "overflow" not in formula(r"a & < b", block=True)


@pytest.mark.parametrize("task", QUESTIONS)
def test_every_question_and_reference_answer_is_found_and_understood(task: str) -> None:
    found = question(task)
    assert found.text
    assert found.reference
    assert 'class="latex' not in render(found.text) + render(found.reference)


def test_a_page_allows_its_own_script_and_nothing_else() -> None:
    text = page("a < b", "<p>x</p>", script="marking.js", data={"x": "</script><script>alert(1)</script>"})
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert policy[1].count("'sha256-") == 2
    assert text.count("</script>") == 2
    assert "a &lt; b" in text
    assert "script-src 'none'" in page("", "")


def test_pages_of_a_class_hold_no_foreign_tag_and_reach_nothing(report: Report) -> None:
    first = write_pages(read_everything(report))
    pages = sorted(first.parent.rglob("*.html"))
    assert len(pages) == 1 + 2 + 4 + 4
    for path in pages:
        text = path.read_text(encoding="utf-8")
        for tag, attributes in Elements(text).found:
            assert tag not in {"img", "iframe", "object", "embed", "form", "link", "base", "i", "b onclick"}
            assert not [name for name in attributes if name.startswith("on") or name in ("style", "src")]
            link = attributes.get("href") or "#"
            known = re.match(r"#|https?://example\.org|(students|feedback|questions)/", link)
            assert known, link
            if known[1]:
                assert (first.parent / link).exists()
        assert text.count("<script") - text.count('<script type="application/json"') in (0, 1)
        assert str(report.root) not in text


def test_a_question_page_shows_answer_question_rubric_and_reference(report: Report) -> None:
    write_pages(read_everything(report))
    text = (report.root / "pages" / "questions" / "p1.q1.html").read_text(encoding="utf-8")
    for _, criterion in TASKS["p1.q1"].rubric:
        assert escape(criterion) in text
    assert text.count("<article") == 4
    assert "Reference answer" in text
    assert "Question" in text
    assert "bo (bo, cem.kaya)" in text


def hidden_page(report: Report, name: str) -> str:
    everything = read_everything(report)
    record = next(record for record in everything.records if record["name"] == name)
    found = [row for row in rows(everything) if row.record is record]
    return feedback_page(everything, record, found, hidden=True)


def test_before_the_deadline_only_the_kind_of_mistake_is_told(report: Report) -> None:
    for name, place in (("bo", "Linear"), ("eve", "TanH")):
        entries = records.read(report.record(name))["tasks"].values()
        told = " ".join(entry["message"] for entry in entries)
        told += " ".join(line["message"] for entry in entries for line in entry["evidence"])
        public = " ".join([*(line["name"] for entry in entries for line in entry["evidence"]), *sentences()])
        values = {value for value in re.findall(r"-?\d+\.\d+", told) if value not in public}
        assert values or "nan" in told
        text = hidden_page(report, name).partition("</head>")[2]
        assert FAIL in text
        assert f"hw/layers.py, {place}" in text
        assert not [value for value in values if value in text]
        assert SEED not in text
        assert "session" not in text


def test_what_a_submission_says_itself_is_not_passed_on_before_the_deadline(report: Report) -> None:
    tasks = records.read(report.record("bo"))["tasks"]
    secret = "0123secretseed4567"
    leak = {"verdict": FAIL, "message": f"{secret}: x", "hint": secret, "printed": secret, "evidence": []}
    stub = {"verdict": "NOT DONE", "message": f"not written yet: {secret}", "hint": secret, "printed": secret}
    raised = {**tasks["p1.linear"], **leak, "message": f"ValueError: {secret} `{secret}`"}
    change(report, "bo", tasks={"p1.linear": raised, "p1.tanh": {**tasks["p1.tanh"], **stub}})
    assert "ValueError was raised" in hidden_page(report, "bo")
    change(report, "bo", tasks={**tasks, "p1.linear": {**tasks["p1.linear"], **leak}})
    assert "an error was raised" in hidden_page(report, "bo")
    for found in (hidden_page(report, "bo"), *kinds("p1.linear", {**tasks["p1.linear"], **leak})):
        assert secret not in found


def test_sentences_of_the_checks_hold_no_value_of_a_trial() -> None:
    assert len(sentences()) > 100
    assert not [text for text in sentences() if "{" in text and "}" in text and "{}" in text]


def test_after_the_deadline_the_diagnosis_is_that_of_the_notebook(report: Report) -> None:
    write_pages(read_everything(report))
    entry = records.read(report.record("bo"))["tasks"]["p1.linear"]
    text = (report.root / "pages" / "feedback" / "bo.html").read_text(encoding="utf-8")
    assert escape(entry["message"]).partition("`")[0] in text
    assert escape(entry["hint"]) in text
    assert SEED in text


def test_publishing_needs_a_deadline_and_hides_values_until_then(report: Report, tmp_path: Path) -> None:
    everything = read_everything(report)
    with pytest.raises(publish.PublishError, match="deadline"):
        publish.deadline_is_open(everything)
    everything.book.deadline = TOMORROW
    assert publish.deadline_is_open(everything)
    everything.book.deadline = YESTERDAY
    assert not publish.deadline_is_open(everything)
    assert publish.publish(everything, tmp_path / "out", hidden=True) == 4
    assert not (tmp_path / "out" / "session").exists()
    assert SEED not in "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*.*"))
    publish.publish(everything, tmp_path / "out", hidden=False)
    assert (tmp_path / "out" / "session" / "manifest.json").exists()
    listed = (tmp_path / "out" / "students.csv").read_text(encoding="utf-8")
    assert "cem.kaya,feedback/bo.html" in listed
    assert "'=1+1" in listed


def test_publishing_replaces_nothing_but_its_own(report: Report, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    everything = read_everything(report)
    for out in (tmp_path / "thesis", report.root, tmp_path):
        with pytest.raises(publish.PublishError):
            publish.publish(everything, out, hidden=True)
    assert (tmp_path / "thesis" / "chapter.tex").exists()


def test_reference_answers_reach_students_only_if_asked_for(report: Report, tmp_path: Path) -> None:
    everything = read_everything(report)
    start = question("p1.q2").reference.strip()[:20]
    for reference in (False, True):
        publish.publish(everything, tmp_path / "out", hidden=False, reference=reference)
        text = (tmp_path / "out" / "feedback" / "bo.html").read_text(encoding="utf-8")
        assert ("A good answer" in text) == reference
        assert start


def test_a_student_repeats_the_verdict_with_the_published_session(report: Report, tmp_path: Path) -> None:
    everything = read_everything(report)
    folder = tmp_path / "session"
    publish.write_session(everything, folder)
    assert seed(folder) == SEED
    assert expected("p1.linear", folder).items
    mutant("p1.linear").write(tmp_path / "bo")
    again = Checker(tmp_path / "bo", folder).result("p1.linear")
    entry = records.read(report.record("bo"))["tasks"]["p1.linear"]
    assert (again.verdict, again.points, again.message, again.hint) == (
        entry["verdict"],
        entry["points"],
        entry["message"],
        entry["hint"],
    )
    assert Checker(tmp_path / "bo").result("p1.linear").message != again.message


def test_course_check_takes_a_session(report: Report, tmp_path: Path) -> None:
    publish.write_session(read_everything(report), tmp_path / "session")
    done = run_in(ROOT, "-m", "cs_helpers", "check", "--session", str(tmp_path / "session"), "--json")
    assert [result["id"] for result in json.loads(done.stdout)] == list(IDS)
    assert done.returncode == 0
    wrong = run_in(ROOT, "-m", "cs_helpers", "check", "--session", str(tmp_path / "session"), "p1.mlp")
    assert wrong.returncode == 2
    assert "p1.mlp" in wrong.stderr
    nothing = run_in(ROOT, "-m", "cs_helpers", "check", "--session", str(tmp_path))
    assert nothing.returncode == 2
    assert "manifest.json" in nothing.stderr


def test_the_summary_counts_every_student_once(report: Report) -> None:
    everything = read_everything(report)
    everything.book.deadline = YESTERDAY
    everything.book.times = {"bo": YESTERDAY + datetime.timedelta(hours=1)}
    classbook.save(report, everything.book)
    text = write_pages(read_everything(report)).read_text(encoding="utf-8")
    assert "<b>4</b>submissions" in text
    assert "<b>5</b>students" in text
    assert "<h2>Late</h2>" in text
    assert "What to teach again" in text
    assert "cem.kaya" in text
    counts = re.findall(r'class="label"[^>]*>(\d+)<', text)
    assert sum(map(int, counts)) == 5


def test_a_histogram_keeps_bonus_in_its_last_bin() -> None:
    assert 'aria-label="students by points: 1 from 0, 2 from 90"' in histogram([0, 100, 130], 100)
    assert "<svg" in histogram([], 0)
