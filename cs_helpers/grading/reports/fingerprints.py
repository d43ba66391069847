"""Passages that two files have in common, however their names, comments and layout differ.

Winnowing (Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", 2003):
hashes of all runs of K tokens, of which the smallest in every window of W is kept. Every common passage of at
least K + W - 1 tokens is found; nothing shorter than K is.

Files are cut into tokens, never run or imported.
"""

import ast
import dataclasses
import hashlib
import io
import keyword
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

K = 24  # tokens: about three lines
WINDOW = 12
K_WORDS, WINDOW_WORDS = 12, 6  # in written answers: about a line
COMMON = 0.3  # of the submissions: what more of them have is common knowledge
LEAST_COMMON = 4  # submissions, in a small class
LEAST_SHARED = 4  # fingerprints, below which a pair is left out
MAX_TOKENS = 60_000  # of one file

_SKIPPED = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
Token = tuple[str, int]  # what it is, in a form that renaming does not change, and its line
Place = tuple[str, int, int]  # file, first and last line


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two submissions with passages in common.

    Attributes:
        names: Of the two.
        shared: Fingerprints in common.
        shares: The same as a share of each one's own fingerprints, 0 to 1.
        passages: Places in the first and in the second.
    """

    names: tuple[str, str]
    shared: int
    shares: tuple[float, float]
    passages: tuple[tuple[Place, Place], ...]


def tokens(source: str) -> list[Token]:
    """Return the tokens of a Python file; of one that is not Python, its words.

    Names become one and the same, but for keywords and attributes (``x.sum`` calls torch, whatever x is
    called; ``self.x`` is the student's own); so do numbers and texts. Comments, texts that are statements
    (docstrings) and layout go.
    """
    found: list[Token] = []
    before, at_start = ("", ""), True
    try:
        for kind, text, (line, _), _, _ in tokenize.generate_tokens(io.StringIO(source).readline):
            if kind in _SKIPPED:
                at_start = at_start or kind in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
                continue
            if kind == tokenize.STRING and at_start:
                continue
            foreign = before[1] == "." and before[0] != "self"
            found.append((_form(kind, text, foreign), line))
            before, at_start = (before[1], text), False
            if len(found) >= MAX_TOKENS:
                break
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
        return words(source)
    return found


def _form(kind: int, text: str, foreign: bool) -> str:
    if kind == tokenize.NAME:
        return text if keyword.iskeyword(text) or foreign else "name"
    if kind == tokenize.NUMBER:
        return "0"
    return "text" if kind == tokenize.STRING else text


def words(text: str) -> list[Token]:
    """Return the words of a written answer."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        found += [(word.casefold(), number) for word in re.findall(r"\w+", line)]
    return found[:MAX_TOKENS]


def fingerprints(
    found: Sequence[Token], k: int = K, window: int = WINDOW
) -> dict[int, list[tuple[int, int]]]:
    """Return the chosen hashes and the lines that each of them spans."""
    hashes = [_hash([text for text, _ in found[i : i + k]]) for i in range(len(found) - k + 1)]
    chosen: dict[int, list[tuple[int, int]]] = defaultdict(list)
    last = -1
    for start in range(max(len(hashes) - window + 1, min(len(hashes), 1))):
        part = hashes[start : start + window]
        best = start + max(
            i for i, value in enumerate(part) if value == min(part)
        )  # the rightmost, as in the paper
        if best != last:
            chosen[hashes[best]].append((found[best][1], found[best + k - 1][1]))
            last = best
    return dict(chosen)


def _hash(texts: Iterable[str]) -> int:
    return int.from_bytes(
        hashlib.blake2b("\0".join(texts).encode("utf-8", "replace"), digest_size=8).digest(), "big"
    )


Prints = dict[int, list[Place]]


def of_files(files: Mapping[str, bytes]) -> Prints:
    """Return the fingerprints of a submission with their places; written answers have theirs as words."""
    found: Prints = defaultdict(list)
    for name, data in sorted(files.items()):
        if not name.endswith(".py"):
            continue
        source = data.decode("utf-8", "replace")
        chosen = [fingerprints(tokens(source))]
        if name.startswith("answers/"):
            chosen.append(fingerprints(_prose(source), K_WORDS, WINDOW_WORDS))
        for one in chosen:
            for value, spans in one.items():
                found[value] += [(name, first, last) for first, last in spans]
    return dict(found)


def _prose(source: str) -> list[Token]:
    """Return the words of the long texts in a file."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[Token] = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            first = node.value.lineno - 1
            found += [(text, first + line) for text, line in words(node.value.value)]
    return found


def pairs(submissions: Mapping[str, Mapping[str, bytes]], known: Iterable[Mapping[str, bytes]]) -> list[Pair]:
    """Return the pairs with the most in common first.

    Args:
        submissions: Files by submission.
        known: Trees whose passages say nothing: what students start from, and the reference.
    """
    own = {name: of_files(files) for name, files in submissions.items()}
    plain = {value for files in known for value in of_files(files)}
    count = Counter(value for prints in own.values() for value in prints)
    limit = max(LEAST_COMMON, COMMON * len(own))
    plain |= {value for value, number in count.items() if number > limit}
    holders: dict[int, list[str]] = defaultdict(list)
    for name, prints in own.items():
        for value in prints.keys() - plain:
            holders[value].append(name)
    shared: dict[tuple[str, str], list[int]] = defaultdict(list)
    for value, names in holders.items():
        for i, first in enumerate(sorted(names)):
            for second in sorted(names)[i + 1 :]:
                shared[first, second].append(value)
    size = {name: len(prints.keys() - plain) for name, prints in own.items()}
    found = [
        Pair(
            names,
            len(values),
            (len(values) / size[names[0]], len(values) / size[names[1]]),
            _passages(own[names[0]], own[names[1]], values),
        )
        for names, values in shared.items()
        if len(values) >= LEAST_SHARED
    ]
    return sorted(found, key=lambda pair: (-pair.shared * max(pair.shares), pair.names))


def _passages(a: Prints, b: Prints, values: Iterable[int]) -> tuple[tuple[Place, Place], ...]:
    """Join the places of single fingerprints to passages, as long as they touch on both sides."""
    places = sorted((one, other) for value in values for one, other in zip(a[value], b[value], strict=False))
    joined: list[tuple[Place, Place]] = []
    for one, other in places:
        if joined and _touch(joined[-1][0], one) and _touch(joined[-1][1], other):
            joined[-1] = (_join(joined[-1][0], one), _join(joined[-1][1], other))
        else:
            joined.append((one, other))
    return tuple(joined)


def _touch(a: Place, b: Place) -> bool:
    return a[0] == b[0] and b[1] <= a[2] + 2 and b[2] >= a[1] - 2


def _join(a: Place, b: Place) -> Place:
    return (a[0], min(a[1], b[1]), max(a[2], b[2]))
