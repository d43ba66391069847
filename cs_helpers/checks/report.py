"""How verdicts look: a table in notebooks, in the theme's own colours, and plain text everywhere else."""

import html
import re
import textwrap

from cs_helpers.checks.compare import FAIL, MISSING, PASS, UNDONE, Line, Result
from cs_helpers.tasks import TASKS

WIDTH = 100

_STYLE = """<style>
.course-check { font-size: 13px; line-height: 1.45; margin: 4px 0; padding: 2px 12px; max-width: 860px;
  border-left: 4px solid var(--c); color: var(--jp-content-font-color1, inherit); }
.course-check.pass { --c: #2f9460; } .course-check.fail { --c: #d1495b; } .course-check.todo { --c: #8a8f98; }
.course-check .verdict { color: var(--c); font-weight: 700; letter-spacing: .02em; margin-right: .6em; }
.course-check .points { color: var(--jp-content-font-color2, inherit); float: right; }
.course-check .hint::before { content: "\\2192\\00a0"; color: var(--c); font-weight: 700; }
.course-check summary { cursor: pointer; color: var(--jp-content-font-color2, inherit); }
.course-check table { border-collapse: collapse; margin: 4px 0; }
.course-check td, .course-check th { text-align: left !important; padding: 1px 14px 1px 0 !important;
  background: none !important; font-variant-numeric: tabular-nums; }
.course-check td.fail { color: #d1495b; font-weight: 600; } .course-check td.pass { color: #2f9460; }
.course-check pre { margin: 2px 0; white-space: pre-wrap; }
</style>"""


class Verdict:
    """A result that knows how to show itself.

    Attributes:
        result: The result.
    """

    def __init__(self, result: Result) -> None:
        self.result = result

    @property
    def passed(self) -> bool:
        """Whether everything is right."""
        return self.result.verdict == PASS

    def __repr__(self) -> str:
        return as_text(self.result)

    def _repr_html_(self) -> str:
        return as_html(self.result)


class Source:
    """Python source that shows itself highlighted in a notebook."""

    def __init__(self, text: str) -> None:
        self.text = textwrap.dedent(text)

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        try:
            from IPython.display import Code
        except ImportError:  # a terminal without IPython never asks for HTML
            return f"<pre>{html.escape(self.text)}</pre>"
        return Code(self.text, language="python")._repr_html_()


def points(value: float) -> str:
    """Write points without superfluous zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def as_text(result: Result) -> str:
    """Write a result for a terminal: one line if all is well, and what is wrong otherwise."""
    head = f"{result.verdict:8} {result.id}"
    score = f"{points(result.points)}/{result.max_points} points"
    if result.verdict == PASS:
        return f"{head}  {score}, {len(result.evidence)} values as expected"
    lines = [f"{head}  {score}"]
    body = [result.message] if result.message else []
    if result.hint and result.hint not in result.message:
        body.append(f"-> {result.hint}")
    if passed := [line.name for line in result.evidence if line.verdict == PASS]:
        body.append(f"Right so far: {', '.join(passed)}")
    for text in body:
        lines += textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="      ")
    if result.printed:
        lines.append(f"    Your code printed: {_first_line(result.printed)}")
    return "\n".join(lines)


def _first_line(printed: str) -> str:
    flat = " ".join(printed.split())
    return flat if len(flat) <= 100 else f"{flat[:60]} [...]{flat[-35:]}"


def as_html(result: Result) -> str:
    """Write a result for a notebook: the verdict, what is wrong and why, the table of evidence."""
    kind = {PASS: "pass", FAIL: "fail", UNDONE: "todo"}[result.verdict]
    title = TASKS[result.id].title
    parts = [
        f'{_STYLE}<div class="course-check {kind}"><span class="points">{points(result.points)} / '
        f'{result.max_points} points</span><span class="verdict">{result.verdict}</span>'
        f"<b>{title}</b> <code>{result.id}</code>"
    ]
    if result.message:
        parts.append(f"<div>{_escape(result.message)}</div>")
    if result.hint and result.hint not in result.message:
        parts.append(f'<div class="hint">{_escape(result.hint)}</div>')
    if result.printed:
        parts.append(
            f"<details><summary>your code printed</summary><pre>{_escape(result.printed)}</pre></details>"
        )
    if any(line.verdict != MISSING for line in result.evidence):
        opened = " open" if result.verdict == FAIL else ""
        done = sum(line.verdict == PASS for line in result.evidence)
        parts.append(
            f"<details{opened}><summary>{done} of {len(result.evidence)} values as expected</summary>"
            f"{_table(result.evidence)}</details>"
        )
    return "".join(parts) + "</div>"


def _table(lines: tuple[Line, ...]) -> str:
    rows = "".join(
        f"<tr><td>{_escape(line.name)}</td><td>{line.shape}</td><td>{_difference(line)}</td>"
        f'<td class="{line.verdict.lower()}">{_MARKS[line.verdict]}</td></tr>'
        for line in lines
    )
    titles = ("value", "shape", "largest difference, relative to the typical value", "")
    head = "".join(f"<th>{title}</th>" for title in titles)
    return f"<table><tr>{head}</tr>{rows}</table>"


_MARKS = {PASS: "\u2713 as expected", FAIL: "\u2717 differs", MISSING: "not reached"}


def _difference(line: Line) -> str:
    """Write a difference as a share of the typical value; float noise is no news."""
    if line.max_difference is None:
        return ""
    if line.max_difference >= 10:
        return f"{line.max_difference:,.0f}x"
    return "none" if line.max_difference < 1e-5 else f"{100 * line.max_difference:.3g} %"


def _escape(text: str) -> str:
    """Escape for HTML, with `code` between backticks set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
