"""What all pages share: one file each, no network, and a policy that lets only their own script run."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from cs_helpers.checks.produce import store
from cs_helpers.grading.reports.markup import escape

_HERE = Path(__file__).parent


@cache
def _own(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8").strip()


def page(title: str, body: str, *, script: str = "", data: Any = None) -> str:
    """Return a whole page.

    Args:
        title: Plain text.
        body: HTML, safe already.
        script: Name of one of our scripts; "" for a page without.
        data: What the script reads, as JSON.
    """
    style = _own("style.css")
    code = _own(script) if script else ""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, code)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}",
    ]
    if data is not None:
        parts.append(f'<script type="application/json" id="data">{_inert(data)}</script>')
    if code:
        parts.append(f"<script>{code}</script>")
    return "\n".join([*parts, "</body>\n</html>\n"])


def _policy(style: str, code: str) -> str:
    scripts = _hash(code) if code else "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _inert(data: Any) -> str:
    """Write JSON that no parser of HTML can take for a tag."""
    text = json.dumps(data, sort_keys=True)
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def write(path: Path, text: str) -> None:
    """Write a page so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store(path, text.encode("utf-8", "replace"))


def points(value: float) -> str:
    """Write points without superfluous zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def table(headings: list[str], rows: list[list[str]], *, kind: str = "") -> str:
    """Return a table; cells are HTML, safe already, and numbers are set to the right."""
    numeric = [_is_number_column(rows, column) for column in range(len(headings))]

    def cells(row: list[str], tag: str) -> str:
        marks = (' class="number"' if number else "" for number in numeric)
        return "".join(f"<{tag}{mark}>{cell}</{tag}>" for mark, cell in zip(marks, row, strict=True))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>\n" for row in rows)
    mark = f' class="{kind}"' if kind else ""
    head = f"<thead><tr>{cells(headings, 'th')}</tr></thead>"
    return f'<div class="wide"><table{mark}>{head}\n<tbody>{body}</tbody></table></div>'


def _is_number_column(rows: list[list[str]], column: int) -> bool:
    texts = [row[column] for row in rows if row[column]]
    return bool(texts) and all(
        text.replace(".", "").replace("-", "").replace(" %", "").isdigit() for text in texts
    )
