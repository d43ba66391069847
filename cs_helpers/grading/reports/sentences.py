"""The sentences about causes that stand in the checks' own source, as they are: without a value put in."""

import ast
from functools import cache
from pathlib import Path

from cs_helpers import checks

_SHORTEST = 12  # characters; below that it is a name, not a sentence


@cache
def sentences() -> frozenset[str]:
    """Return every constant text of some length in the modules of the checks; f-strings are none."""
    found: set[str] = set()
    for path in sorted(Path(checks.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        pieces = {
            id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
        }
        found |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in pieces
            and len(node.value) >= _SHORTEST
            and "\n" not in node.value
        }
    return frozenset(found)
