"""Solution regions: find them, and make the blank files that students start from.

Two marks decide what is solution, each a comment on a line of its own, with exactly this text::

    # BEGIN SOLUTION p1.linear          inside a function; becomes raise NotImplementedError(...)
    # END SOLUTION

    # BEGIN ANSWER p1.q1                at module level; its strings become a placeholder
    # END ANSWER

Whatever only resembles a mark is an error, never plain text: a misspelt mark would give a solution away.

Run as ``python -m cs_helpers.regions lint``; ``course release OUT`` makes the whole tree for students.
"""

import argparse
import ast
import difflib
import io
import itertools
import re
import sys
import tokenize
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cs_helpers.tasks import TASKS, suggestion

PLACEHOLDER = "*Your answer goes here.*"
STUDENT_FOLDERS = ("hw", "answers")

ID = r"p\d+\.[a-z][a-z0-9_]*"
_BEGIN = re.compile(rf"# BEGIN (SOLUTION|ANSWER) ({ID})")
_END = re.compile(r"# END (SOLUTION|ANSWER)")
_LIKE_VERB = re.compile(r"beg\w*|bgin|end|edn|ends|start\w*|stop\w*", re.IGNORECASE)
_SHOUTED = re.compile(r"#+\s*(BE?GI?N+|END|EDN|START|STOP)\b")
_TODO = re.compile(r"\s*# TODO\b")
_EVERYDAY = {"resolution", "resolutions", "evolution", "dissolution"}
_LIKE_PHRASE = re.compile(r"\b(begin|end)[ _-]*(solution|answer)", re.IGNORECASE)


class RegionError(ValueError):
    """A mark or a region is not as it must be; the message begins with file and line."""

    def __init__(self, path: object, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.line = line


@dataclass(frozen=True)
class Region:
    """One marked region.

    Attributes:
        kind: ``"SOLUTION"`` or ``"ANSWER"``.
        id: Task, such as ``p1.linear``.
        start: Line of the BEGIN mark, from 1.
        end: Line of the END mark.
        indent: White space before both marks.
        qualname: Enclosing function, such as ``Linear.forward``; for an answer, its variables.
    """

    kind: str
    id: str
    start: int
    end: int
    indent: str
    qualname: str

    @property
    def stub(self) -> list[str]:
        """The lines that students find in its place."""
        if self.kind == "SOLUTION":
            return [f'{self.indent}raise NotImplementedError("{self.id}: {self.qualname}")']
        return [f'{name} = r"""{PLACEHOLDER}"""' for name in self.qualname.split(", ")]


@dataclass(frozen=True)
class _Mark:
    kind: str
    id: str | None  # None for an END mark
    line: int
    indent: str


def parse(source: str, path: object = "<source>", known_ids: Collection[str] | None = None) -> list[Region]:
    """Find the regions of a Python file.

    Args:
        source: Text of the file.
        path: Its name, for messages.
        known_ids: The ids that exist; None accepts every well-formed one.

    Returns:
        The regions, from top to bottom.

    Raises:
        RegionError: If a mark is misspelt, inside a string, unbalanced, nested, or has an unknown id, or if a
            region is empty, cuts a statement, or is not where its kind belongs.
    """
    regions, problems = scan(source, path, known_ids)
    if problems:
        raise problems[0]
    return regions


def scan(
    source: str, path: object = "<source>", known_ids: Collection[str] | None = None
) -> tuple[list[Region], list[RegionError]]:
    """Find the regions of a Python file, and everything that ``parse`` would refuse, from top to bottom."""
    if "\r" in source:
        line = source[: source.index("\r")].count("\n") + 1
        return [], [RegionError(path, line, "lines must end in \\n alone, this one has \\r")]
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [], [RegionError(path, error.lineno or 1, f"not valid Python: {error.msg}")]
    regions: list[Region] = []
    problems: list[RegionError] = []
    for begin, end in _pairs(_marks(source, path, problems), path, problems):
        if known_ids is not None and begin.id not in known_ids:
            hint = suggestion(str(begin.id), sorted(known_ids))
            problems.append(RegionError(path, begin.line, f"unknown id {begin.id}{hint}"))
            continue
        try:
            regions.append(_region(tree, source.split("\n"), begin, end, path))
        except RegionError as error:
            problems.append(error)
    return regions, sorted(problems, key=lambda problem: problem.line)


def blank(
    source: str,
    path: object = "<source>",
    known_ids: Collection[str] | None = None,
    keep: Collection[str] = (),
) -> str:
    """Replace each region by what students find in its place; everything else stays byte for byte.

    Args:
        source: Text of a Python file with regions.
        path: Its name, for messages.
        known_ids: As for ``parse``.
        keep: Ids whose regions stay as they are, marks included: the tasks that are solved.

    Returns:
        The blank text, which compiles. A solution becomes ``raise NotImplementedError("ID: QUALNAME")``, an
        answer becomes a placeholder assigned to the same variables.

    Raises:
        RegionError: As ``parse`` does.
    """
    lines = source.split("\n")
    for region in reversed(parse(source, path, known_ids)):
        if region.id not in keep:
            lines[region.start - 1 : region.end] = region.stub
    text = "\n".join(lines)
    try:
        compile(text, str(path), "exec")
    except SyntaxError as error:
        raise RegionError(path, error.lineno or 1, f"blank file does not compile: {error.msg}") from error
    return text


def todo_problems(source: str, path: object) -> Iterator[RegionError]:
    """Yield each TODO that is not followed by a region: what to do is there, and so is how it is done."""
    lines = source.split("\n")
    for number, line in enumerate(lines, start=1):
        if _TODO.match(line):
            below = next((line for line in lines[number:] if not re.match(r"\s*#(?! BEGIN)", line)), "")
            if not _BEGIN.fullmatch(below.strip()):
                yield RegionError(path, number, "a TODO without a region below it")


def put_back(blanked: str, source: str, path: object = "<source>") -> str:
    """Put the regions of a source into its blank text again.

    Args:
        blanked: What ``blank`` made of the source.
        source: Text of the file with its regions.
        path: Its name, for messages.

    Raises:
        RegionError: If a stub is not where ``blank`` left it.
    """
    lines, bodies = blanked.split("\n"), source.split("\n")
    for region in parse(source, path):  # every region before this one is back in its place
        first, last = region.start - 1, region.start - 1 + len(region.stub)
        if lines[first:last] != region.stub:
            raise RegionError(path, region.start, f"the stub of {region.id} is not where it was left")
        lines[first:last] = bodies[first : region.end]
    return "\n".join(lines)


def _marks(source: str, path: object, problems: list[RegionError]) -> Iterator[_Mark]:
    """Yield the marks; what only looks like one, in a comment or anywhere else, is a problem."""
    comments = {
        token.start[0]: token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    for number, line in enumerate(source.split("\n"), start=1):
        comment = comments.get(number)
        code = line[: comment.start[1]] if comment else line
        if _LIKE_PHRASE.search(code):
            problems.append(RegionError(path, number, f"mark outside of a comment: {line.strip()!r}"))
        if comment:
            mark = _mark(comment.string, number, code)
            if mark is None and (looks_like_mark(comment.string) or re.search(ID, comment.string)):
                problems.append(RegionError(path, number, _misspelt(line.strip())))
            if mark:
                yield mark


def _mark(comment: str, line: int, code: str) -> _Mark | None:
    if code.strip():
        return None
    if match := _BEGIN.fullmatch(comment):
        return _Mark(match[1], match[2], line, code)
    if match := _END.fullmatch(comment):
        return _Mark(match[1], None, line, code)
    return None


def looks_like_mark(comment: str) -> bool:
    """Say whether a comment is a mark, or may have been meant as one.

    Any word close to "solution" is enough, since a region that nobody sees is given away. "Answer" is an
    everyday word: it counts only next to a verb such as "begin". So does such a verb in capitals, in front.
    """
    if _LIKE_PHRASE.search(comment) or _SHOUTED.match(comment):
        return True
    words = re.findall(r"[a-z]+", comment.lower())
    if any(_close(word, "solution") for word in words if word not in _EVERYDAY):
        return True
    pairs = list(itertools.pairwise(words))
    return any(_LIKE_VERB.fullmatch(a) and _close(b, "answer") for a, b in pairs + [(b, a) for a, b in pairs])


def _close(word: str, target: str) -> bool:
    if not len(target) - 2 <= len(word) <= len(target) + 4:  # further apart, the ratio is below 0.8
        return False
    return difflib.SequenceMatcher(None, word, target).ratio() >= 0.8


def _misspelt(text: str) -> str:
    return (
        f"not a mark, but looks like one: {text!r}. Allowed, alone on a line: '# BEGIN SOLUTION p1.linear', "
        "'# END SOLUTION', '# BEGIN ANSWER p1.q1', '# END ANSWER'"
    )


def _pairs(
    marks: Iterator[_Mark], path: object, problems: list[RegionError]
) -> Iterator[tuple[_Mark, _Mark]]:
    """Match each BEGIN with its END."""
    begin: _Mark | None = None
    for mark in marks:
        problem = ""
        if mark.id is not None:
            if begin:
                problem = f"{mark.id} begins inside {begin.id} of line {begin.line}"
            begin = mark
        elif begin is None:
            problem = f"END {mark.kind} without a BEGIN before it"
        else:
            if mark.kind != begin.kind:
                problem = f"END {mark.kind} for BEGIN {begin.kind} of line {begin.line}"
            elif mark.indent != begin.indent:
                problem = f"indented unlike its BEGIN of line {begin.line}"
            else:
                yield begin, mark
            begin = None
        if problem:
            problems.append(RegionError(path, mark.line, problem))
    if begin:
        message = f"BEGIN {begin.kind} {begin.id} without an END after it"
        problems.append(RegionError(path, begin.line, message))


@dataclass(frozen=True)
class _Block:
    """A list of statements at one level, and the function or class it belongs to."""

    statements: list[ast.stmt]
    qualname: str
    in_function: bool


def _region(tree: ast.Module, lines: list[str], begin: _Mark, end: _Mark, path: object) -> Region:
    """Check the place of a region in the syntax tree and give it its name."""
    found = list(_inside(_Block(tree.body, "", False), begin, end, path))
    if not found:
        raise RegionError(path, begin.line, f"{begin.id} is empty")
    block, first = found[0]
    margins = lines[begin.line : _first_line(first) - 1] + lines[_last_line(found[-1][1]) : end.line - 1]
    between = [line for line in margins if line.strip() and not line.lstrip().startswith("#")]
    if between or any(other is not block for other, _ in found):
        raise RegionError(path, begin.line, f"{begin.id} begins and ends in different blocks of code")
    if first.col_offset != len(begin.indent):
        raise RegionError(path, begin.line, f"{begin.id} is not indented like the code in it")
    if begin.kind == "SOLUTION" and not block.in_function:
        raise RegionError(path, begin.line, f"{begin.id} is outside of a function; a SOLUTION is inside one")
    qualname = block.qualname
    if begin.kind == "ANSWER":
        if block.statements is not tree.body:
            raise RegionError(path, begin.line, f"{begin.id} is not at module level; an ANSWER is")
        qualname = ", ".join(_answer_name(statement, path) for _, statement in found)
    return Region(begin.kind, str(begin.id), begin.line, end.line, begin.indent, qualname)


def _inside(block: _Block, begin: _Mark, end: _Mark, path: object) -> Iterator[tuple[_Block, ast.stmt]]:
    """Yield the outermost statements between two marks, each with its block."""
    for statement in block.statements:
        first, last = _first_line(statement), _last_line(statement)
        if last < begin.line or first > end.line:
            continue
        if first > begin.line and last < end.line:
            yield block, statement
            continue
        inner = list(_blocks(statement, block))
        if not inner or first > begin.line:
            raise RegionError(path, begin.line, f"{begin.id} cuts the statement of line {first} in two")
        for child in inner:
            yield from _inside(child, begin, end, path)


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _last_line(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno


def _blocks(statement: ast.stmt, parent: _Block) -> Iterator[_Block]:
    """Yield the blocks of a compound statement."""
    qualname, in_function = parent.qualname, parent.in_function
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        qualname = f"{qualname}.{statement.name}".lstrip(".")
        in_function = not isinstance(statement, ast.ClassDef)
    holders = [statement, *getattr(statement, "handlers", []), *getattr(statement, "cases", [])]
    for holder in holders:
        for field in ("body", "orelse", "finalbody"):
            if statements := getattr(holder, field, None):
                yield _Block(statements, qualname, in_function)


def _answer_name(statement: ast.stmt, path: object) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str())):
            return name
    raise RegionError(path, statement.lineno, "an ANSWER holds only assignments of a string to one variable")


def read(path: Path) -> str:
    """Return the text of a file byte for byte, with no translation of line ends."""
    return path.read_bytes().decode("utf-8")


def student_files(root: Path | str) -> list[Path]:
    """Return the Python files below a root that may hold regions, in order."""
    return [path for folder in STUDENT_FOLDERS for path in sorted((Path(root) / folder).rglob("*.py"))]


def lint(root: Path | str, known_ids: Collection[str] | None = None) -> list[str]:
    """Return everything that is wrong with the regions below a root."""
    problems: list[RegionError] = []
    for path in student_files(root):
        name = path.relative_to(root)
        regions, found = scan(read(path), name, known_ids)
        problems += [*found, *(todo_problems(read(path), name) if regions else ())]
        if regions and not found:
            try:
                blank(read(path), name, known_ids)
            except RegionError as error:
                problems.append(error)
    return [str(problem) for problem in problems]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 ok, 1 something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m cs_helpers.regions", description="Check solution marks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("lint", help="check all marks in hw and answers")
    parser.parse_args(arguments)
    problems = lint(Path(), TASKS)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
