"""Solutions in files that students get: which lines are secret, and where they are found.

Code is compared without white space, so that other indentation, spacing or line breaks hide nothing. Prose
of written answers is compared in runs of ``RUN`` words as well.
"""

import bisect
import dataclasses
import io
import itertools
import json
import re
import tokenize
from collections.abc import Collection, Iterator, Mapping

from cs_helpers import regions
from cs_helpers.release import staff_lines
from cs_helpers.release.tracked import File

RUN = 8  # words of an answer in a row that are no accident
SHORTEST = 12  # characters of a line of substance
FEWEST = 3  # different words in it
MARKS_EXPLAINED = "cs_helpers/regions.py"  # its text shows what marks look like

_ANSWER_HEAD = re.compile(r"""^\w+ = r?(\"{3}|'{3}|"|')""")
_LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_EXPRESSION = re.compile(r"(?:return |yield |[\w.,\[\]\"' ]+ [-+*/@|]?= )(\S.{23,})$")
_WORD = re.compile(r"\w+")
_LIKE_PHRASE = re.compile(r"\b(begin|end)[ _-]*(solution|answer)s?\b", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Secrets:
    """What must not be seen.

    Attributes:
        lines: Lines of solutions, as written, by the same without white space.
        runs: Runs of ``RUN`` words of written answers.
    """

    lines: Mapping[str, str]
    runs: frozenset[str]


def secrets(source: Mapping[str, File], public_lines: Collection[str] = ()) -> Secrets:
    """Return what the regions of a solution tree hold.

    A line is of substance if it has 12 characters or more, half of that letters or digits, and three words. A
    long expression is a secret of its own, whatever it is assigned to.

    Args:
        source: Files of the tree, by name.
        public_lines: Lines that may be seen.
    """
    public = {_squeeze(line) for line in public_lines}
    lines: dict[str, str] = {}
    runs: set[str] = set()
    for name, file in source.items():
        if name.split("/")[0] not in regions.STUDENT_FOLDERS or not name.endswith(".py"):
            continue
        text = file.text
        for region in regions.parse(text, name):
            body = [line.strip() for line in text.split("\n")[region.start : region.end - 1]]
            if region.kind == "ANSWER":
                body = [_ANSWER_HEAD.sub("", line) for line in body]
                runs.update(run for run, _ in _runs(body))
            else:
                body += [line.rsplit("  #", 1)[0].strip() for line in body if "  #" in line]
                body += [match[1] for line in body if (match := _EXPRESSION.match(line))]
            lines.update({_squeeze(line): line for line in body if _of_substance(line)})
    return Secrets({key: line for key, line in lines.items() if key not in public}, frozenset(runs))


def problems(hidden: Secrets, made: Mapping[str, File], masked: Mapping[str, bytes]) -> list[str]:
    """Return each solution that a file gives away, as ``file:line: message``.

    Args:
        hidden: What to look for.
        made: The files that students get, by name.
        masked: The files that these come from, without their solutions: lines are counted there.
    """
    found = []
    for name, file in made.items():
        hits = _hits(hidden, file.data)
        if hits and name in masked:
            in_source = _hits(hidden, masked[name])
            hits = {secret: in_source.get(secret, line) for secret, line in hits.items()}
        found += [
            f"{name}:{line}: gives a solution away: {secret!r}"
            for secret, line in sorted(hits.items(), key=lambda hit: hit[1])
        ]
    return found


def stray_marks(name: str, text: str) -> Iterator[str]:
    """Yield marks of solutions in a file where none is looked for, or what resembles them."""
    if name == MARKS_EXPLAINED:
        return
    lines = text.split("\n")
    marked = {number for number, line in enumerate(lines, start=1) if _LIKE_PHRASE.search(line)}
    if name.endswith(".py") and any(map(_has_suspicious_comment, lines)):
        marked |= {number for number, comment in _comments(text) if regions.looks_like_mark(comment)}
    elif name.endswith(".ipynb"):
        readable = _readable(text).split("\n")
        marked |= {
            number
            for number, line in enumerate(readable, start=1)
            if line.strip().startswith("#") and regions.looks_like_mark(line.strip())
        }
    for number in sorted(marked):
        yield f"{name}:{number}: a mark outside of hw/ and answers/: {lines[number - 1].strip()[:80]!r}"


def _hits(hidden: Secrets, data: bytes) -> dict[str, int]:
    """Return the secrets in a file, each with the first line it is on."""
    hits: dict[str, int] = {}
    for text in _views(data):
        lines = text.split("\n")
        squeezed = [_squeeze(line) for line in lines]
        starts = list(itertools.accumulate(map(len, squeezed), initial=0))
        whole = "".join(squeezed)
        for key, line in hidden.lines.items():
            if (place := whole.find(key)) >= 0:
                hits.setdefault(line, bisect.bisect_right(starts, place))
        said = set(hits.values())
        for run, number in _runs(lines):
            if run in hidden.runs and number not in said:  # one message a line
                said.add(number)
                hits.setdefault(run, number)
    return hits


def _views(data: bytes) -> Iterator[str]:
    """Yield the ways to read a file: as text; with JSON strings as what they say; without zero bytes."""
    text = data.decode("utf-8", errors="replace")
    yield text
    readable = _readable(text)
    if readable != text:
        yield readable
    if b"\0" in data:
        yield data.replace(b"\0", b"").decode("utf-8", errors="replace")


def _readable(text: str) -> str:
    """Replace the literals of JSON by what they stand for, on the same lines."""

    def read(match: re.Match[str]) -> str:
        try:
            return str(json.loads(match[0])).replace("\n", " ")
        except ValueError:
            return match[0]

    return _LITERAL.sub(read, text)


def _runs(lines: list[str]) -> Iterator[tuple[str, int]]:
    """Yield each run of words, in small letters, with the line it begins on."""
    words: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate(lines, start=1):
        found = _WORD.findall(line.lower())
        words += found
        numbers += [number] * len(found)
    for first in range(len(words) - RUN + 1):
        yield " ".join(words[first : first + RUN]), numbers[first]


def _comments(text: str) -> list[tuple[int, str]]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return []  # a matter of content
    comments = [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
    staff = (*staff_lines.BEGIN, *staff_lines.END)
    return [(number, comment) for number, comment in comments if comment.encode() not in staff]


def _has_suspicious_comment(line: str) -> bool:
    """Whether a line may end in a comment that is like a mark; cheap, and the sign may be in a string."""
    return any(regions.looks_like_mark(line[match.start() :]) for match in re.finditer("#", line))


def _squeeze(line: str) -> str:
    return "".join(line.split())


def _of_substance(line: str) -> bool:
    """Whether a line is long enough to say something, and not rules, brackets or a call of one name alone."""
    text = " ".join(line.split())
    return (
        len(text) >= SHORTEST
        and sum(map(str.isalnum, text)) >= SHORTEST // 2
        and len(set(_WORD.findall(text))) >= FEWEST
    )
