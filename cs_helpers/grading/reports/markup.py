"""Markdown with mathematics, written by somebody else, as HTML that does nothing.

No raw HTML, no images, links to http and https only. Mathematics becomes MathML, which browsers set without
a script or a network. A formula that cannot be read is shown as it was written.
"""

import html
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

MAX_FORMULA = 2000  # characters; longer ones are shown as text
MAX_DEPTH = 60  # of elements inside each other in a formula
MAX_MARKS = 3000  # brackets and the like in a text; the parser's time grows with their square

NEEDED = (
    'this needs the extra "staff" (markdown-it-py, mdit-py-plugins, latex2mathml): pip install -e ".[staff]"'
)

_MATHML = re.compile(
    "math|mrow|mi|mn|mo|ms|mtext|mspace|mfrac|msqrt|mroot|msub|msup|msubsup|munder|mover|munderover|"
    "mmultiscripts|mprescripts|none|mtable|mtr|mtd|mstyle|mpadded|mphantom|merror|menclose"
)
_VALUES = {
    "display": "block|inline",
    "displaystyle": "true|false",
    "stretchy": "true|false",
    "fence": "true|false",
    "separator": "true|false",
    "accent": "true|false",
    "movablelimits": "true|false",
    "largeop": "true|false",
    "form": "prefix|infix|postfix",
    "scriptlevel": r"[+-]?\d",
    "mathvariant": "[a-z-]{1,30}",
    "columnalign": "[a-z ]{1,200}",
    "rowspacing": r"[\d.a-z ]{1,60}",
    "columnspacing": r"[\d.a-z ]{1,60}",
    "width": r"-?[\d.]{1,6}(em|ex|px|pt)?",
    "height": r"-?[\d.]{1,6}(em|ex|px|pt)?",
    "depth": r"-?[\d.]{1,6}(em|ex|px|pt)?",
    "lspace": r"-?[\d.]{1,6}(em|ex|px|pt)?",
    "rspace": r"-?[\d.]{1,6}(em|ex|px|pt)?",
    "linethickness": r"[\d.]{1,6}(em|ex|px|pt)?",
    "minsize": r"[\d.]{1,4}em",
    "maxsize": r"[\d.]{1,4}em",
}
_ALLOWED = {name: re.compile(pattern) for name, pattern in _VALUES.items()}
_LENGTH = re.compile(r"(-?[\d.]+)(em|ex|px|pt)?")
_MARKS = re.compile(r"[\[\]<>!*_`$|~\\]")
_LEADING = re.compile(r"(?m)^[ \t]*(?:>[ \t]*){20,}")


class MarkupError(RuntimeError):
    """What renders answers is not installed; the message says how to get it."""


def render(text: str) -> str:
    """Return untrusted Markdown with mathematics as HTML.

    Raises:
        MarkupError: If the libraries are not installed.
    """
    parser = _parser()
    if len(_MARKS.findall(text)) > MAX_MARKS or _LEADING.search(text):
        return f'<p class="note">Shown as written: too many special characters.</p>{_plain(text)}'
    try:
        return str(parser.render(text))
    except (RecursionError, ValueError, IndexError, KeyError) as error:  # a text made to trip the parser
        return f'<p class="note">Shown as written: {escape(type(error).__name__)}.</p>{_plain(text)}'


def escape(text: object) -> str:
    """Return a text for use in HTML, between tags and in attributes; control characters become visible."""
    shown = re.sub(
        r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", str(text)
    )
    return html.escape(shown)


def code(text: str) -> str:
    """Return a text for HTML, with `code` between backticks set as code, as in the notebook."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def formula(latex: str, *, block: bool) -> str:
    """Return MathML for LaTeX, or the source where it is not understood."""
    whole = latex.strip()
    try:
        if len(whole) > MAX_FORMULA:
            raise ValueError("too long")
        from latex2mathml.converter import convert_to_element

        tree = convert_to_element(whole, display="block" if block else "inline")
        return _serialised(tree, 0)
    except ImportError as error:
        raise MarkupError(NEEDED) from error
    except Exception:  # the converter raises many things on half a formula
        kind = "block" if block else "inline"
        return f'<code class="latex {kind}" title="not understood as LaTeX">{escape(whole)}</code>'


def _serialised(element: Element, depth: int) -> str:
    """Write an element with what is known to be harmless; of anything else keep the contents.

    The converter's own text output is of no use: it turns escaped text back into tags.
    """
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    inside = escape(html.unescape(element.text or "").replace("\ufffd", "")) + "".join(
        _serialised(child, depth + 1) + escape(html.unescape(child.tail or "")) for child in element
    )
    tag = str(element.tag)
    if not _MATHML.fullmatch(tag):
        return f"<mrow>{inside}</mrow>"
    attributes = "".join(
        f' {name}="{escape(value)}"' for name, value in element.attrib.items() if _harmless(name, value)
    )
    return f"<{tag}{attributes}>{inside}</{tag}>"


def _harmless(name: str, value: str) -> bool:
    """Whether an attribute may stay; lengths that could cover the page may not."""
    if name not in _ALLOWED or not _ALLOWED[name].fullmatch(value):
        return False
    size = _LENGTH.fullmatch(value)
    return size is None or abs(float(size[1])) <= {"px": 200.0, "pt": 200.0}.get(size[2] or "", 12.0)


def _plain(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


@cache
def _parser() -> Any:
    try:
        from markdown_it import MarkdownIt
        from mdit_py_plugins.dollarmath import dollarmath_plugin
    except ImportError as error:
        raise MarkupError(NEEDED) from error
    parser = MarkdownIt("js-default", {"html": False, "linkify": False, "maxNesting": 40})
    parser.enable("table").use(
        dollarmath_plugin, allow_labels=False, allow_space=True, allow_digits=True, double_inline=True
    )
    parser.validateLink = _is_web_address  # type: ignore[method-assign]
    rules: dict[str, Callable[..., str]] = {
        "math_inline": _math(False),
        "math_inline_double": _math(True),
        "math_block": _math(True),
        "image": _image,
        "link_open": _link,
        "html_inline": _as_text,
        "html_block": _as_text,
        "th_open": _cell,
        "td_open": _cell,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _math(block: bool) -> Callable[..., str]:
    def rule(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
        return formula(tokens[index].content, block=block)

    return rule


def _image(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    return f'<span class="note">[image: {escape(tokens[index].content)}]</span>'


def _link(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    address = escape(tokens[index].attrGet("href") or "")
    return f'<a href="{address}" title="{address}" rel="noopener noreferrer nofollow" target="_blank">'


def _as_text(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    return escape(tokens[index].content)


def _cell(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    """Write a table's cell without the style attribute, which the page's policy refuses."""
    token = tokens[index]
    aligned = re.search(r"text-align:(left|right|center)", token.attrGet("style") or "")
    return f'<{token.tag} class="{aligned[1]}">' if aligned else f"<{token.tag}>"
