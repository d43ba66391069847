"""Notebooks in one canonical form on disk, so that a diff shows what somebody wrote and nothing else.

Canonical: nbformat 4.5, sorted keys, indent 1, final newline, minimal metadata, permanent cell ids written by
hand, no execution counts, and no outputs but the text of cells tagged ``nbval-check-output``.

Run as ``python -m cs_helpers.nbtools check|fix|outputs [NOTEBOOK...]``: ``check`` reports, ``fix`` repairs
what needs no author, ``outputs`` runs the notebooks and stores the outputs that are compared.
"""

import argparse
import collections
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cs_helpers.tasks import suggestion

CHECKED = "nbval-check-output"
TAGS = (
    CHECKED,
    "nbval-skip",
    "raises-exception",
    "answer",
    "check",
    "demo",
    "setup",
    "todo",
)
"""The tags a cell may have."""

MAX_CODE_LINES = 15

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

RICH = (
    "text/html",
    "text/latex",
    "text/markdown",
    "image/svg+xml",
    "application/javascript",
    "application/json",
)
"""Kinds of output that are not stored and, besides bitmaps, not compared."""

_ID = re.compile(r"[a-z][a-z0-9-]{2,40}")
_AUTOMATIC_ID = re.compile(r"[0-9a-f]{8}|[0-9a-f]{8}-[0-9a-f-]{27}|cell-[0-9a-f]{8,}")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<src>[^)\s]*)[^)]*\)")
_TAG_IMAGE = re.compile(r"<(?:img|source)\b[^>]*>", re.IGNORECASE)
_ATTRIBUTE = r"""\b{}\s*=\s*(?:"([^"]*)"|'([^']*)')"""


@dataclass(frozen=True)
class Problem:
    """Something to mend in a notebook.

    Attributes:
        path: The file.
        cell_id: The cell, or its number such as ``#3`` if it has no id, or "" for the file as a whole.
        message: What is wrong and what is allowed.
    """

    path: Path
    cell_id: str
    message: str

    def __str__(self) -> str:
        return ":".join(filter(None, [str(self.path), self.cell_id])) + f": {self.message}"


def load(path: Path | str) -> dict[str, Any]:
    """Return a notebook as plain JSON data.

    Raises:
        ValueError: If the file is no notebook of format 4.
    """
    try:
        notebook = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise ValueError(f"{path}: not a notebook of format 4")
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError(f"{path}: 'cells' is not a list of cells")
    return notebook


def canonical(notebook: dict[str, Any], keep_outputs: bool = True) -> str:
    """Return the one text that stands for a notebook.

    Args:
        notebook: JSON data as ``load`` returns it; not changed. A missing cell id stays missing.
        keep_outputs: Whether cells tagged ``nbval-check-output`` keep the text of their outputs.
    """
    data = {
        "cells": [_canonical_cell(cell, keep_outputs) for cell in notebook["cells"]],
        "metadata": METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def fix(path: Path | str) -> bool:
    """Bring a notebook into canonical form, at once or not at all; say whether the file changed.

    Ids, tags, wording and the length of cells are for an author to mend.

    Raises:
        ValueError: If the file is no notebook of format 4.
    """
    return _write(Path(path), canonical(load(path)))


def problems(path: Path | str, outputs_stored: bool = True) -> list[Problem]:
    """Return everything that is wrong with a notebook.

    Args:
        path: The file. Images are looked up from its folder.
        outputs_stored: Whether cells tagged ``nbval-check-output`` must have an output, or none.
    """
    path = Path(path)
    try:
        notebook = load(path)
    except ValueError as error:
        return [Problem(path, "", str(error).removeprefix(f"{path}: "))]
    found = []
    if path.read_bytes() != canonical(notebook).encode("utf-8"):
        found.append(
            Problem(path, "", f"not in canonical form; run: python -m cs_helpers.nbtools fix {path}")
        )
    ids = collections.Counter(cell.get("id") for cell in notebook["cells"])
    for number, cell in enumerate(notebook["cells"], start=1):
        messages = [*_id_problems(cell, ids), *_cell_problems(cell), *_output_problems(cell, outputs_stored)]
        if cell.get("cell_type") == "markdown":
            messages += _image_problems(_text(cell), path.parent)
        found += [Problem(path, cell.get("id") or f"#{number}", message) for message in messages]
    return found


def store_outputs(path: Path | str, timeout: float = 600) -> bool:
    """Run a notebook in its folder and store the outputs that are compared; say whether the file changed.

    Args:
        path: The notebook. Nothing is written if it fails.
        timeout: Seconds that one cell may take.

    Raises:
        RuntimeError: If a cell raises, unless it has the tag ``raises-exception``.
        TimeoutError: If a cell takes too long.
    """
    import nbclient
    import nbformat

    path = Path(path)
    notebook = load(path)
    live = nbformat.reads(json.dumps(notebook), as_version=4)
    client = nbclient.NotebookClient(
        live,
        timeout=timeout,
        kernel_name=METADATA["kernelspec"]["name"],
        skip_cells_with_tag="nbval-skip",
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        raise RuntimeError(_ANSI.sub("", str(error))) from error
    for cell, executed in zip(notebook["cells"], live.cells, strict=True):
        if cell["cell_type"] == "code":
            cell["outputs"] = executed["outputs"]
    return _write(path, canonical(notebook))


def prepare_for_nbval(items: Iterable[Any]) -> None:
    """Let nbval compare notebooks in canonical form; call it in ``pytest_collection_modifyitems``.

    nbval takes a cell without an execution count for one that was never run, and an output of a kind that is
    not stored for an unexpected one. Stored outputs say that the cell was run, and only text is compared.

    Args:
        items: What pytest collected; items that are not notebook cells are left alone.
    """
    for item in items:
        if type(item).__name__ == "IPyNbCell":
            item.parent.skip_compare = (*item.parent.skip_compare, *RICH)
            if item.cell.outputs:
                item.cell.execution_count = 1


def _canonical_cell(cell: dict[str, Any], keep_outputs: bool) -> dict[str, Any]:
    tags = _tags(cell)
    result: dict[str, Any] = {
        "cell_type": cell.get("cell_type"),
        "metadata": {"tags": sorted(set(tags), key=str)} if tags else {},
        "source": _lines("\n".join(line.rstrip() for line in _text(cell).strip("\n").split("\n")).rstrip()),
    }
    if "id" in cell:
        result["id"] = cell["id"]
    if cell.get("attachments"):
        result["attachments"] = cell["attachments"]
    if cell.get("cell_type") == "code":
        keep = keep_outputs and CHECKED in tags
        result["execution_count"] = None
        result["outputs"] = _canonical_outputs(cell.get("outputs", [])) if keep else []
    return result


def _canonical_outputs(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the text of outputs, without colours, and join what was printed in several pieces."""
    result: list[dict[str, Any]] = []
    streams: dict[str, str] = {}
    for output in outputs:
        kind = output.get("output_type")
        if kind == "stream":
            if output["name"] not in streams:
                result.append({"name": output["name"], "output_type": kind})
            streams[output["name"]] = streams.get(output["name"], "") + _joined(output["text"])
        elif kind == "error":
            value = _ANSI.sub("", output["evalue"])
            result.append({"ename": output["ename"], "evalue": value, "output_type": kind, "traceback": []})
        elif "text/plain" in output.get("data", {}):
            plain = _ANSI.sub("", _joined(output["data"]["text/plain"]))
            count = {"execution_count": None} if kind == "execute_result" else {}
            result.append(
                {"data": {"text/plain": _lines(plain)}, "metadata": {}, "output_type": kind, **count}
            )
    for output in result:
        if output["output_type"] == "stream":
            output["text"] = _lines(_ANSI.sub("", streams[output["name"]]))
    return result


def _id_problems(cell: dict[str, Any], ids: collections.Counter[str]) -> Iterator[str]:
    cell_id = cell.get("id")
    if not cell_id:
        yield "no id; write one by hand, such as linear-check"
    elif _AUTOMATIC_ID.fullmatch(cell_id):
        yield f"id {cell_id!r} looks made by a machine; write one by hand, such as linear-check"
    elif not _ID.fullmatch(cell_id):
        yield f"id {cell_id!r} must have 3 to 41 of a-z, 0-9 and -, a letter first"
    if cell_id and ids[cell_id] > 1:
        yield f"id {cell_id!r} is used by {ids[cell_id]} cells"


def _cell_problems(cell: dict[str, Any]) -> Iterator[str]:
    kind, text = cell.get("cell_type"), _text(cell)
    if kind not in ("code", "markdown"):
        yield f"cell type {kind!r}; allowed: code, markdown"
    if not text.strip():
        yield "empty cell"
    lines = text.strip("\n").count("\n") + 1
    if kind == "code" and lines > MAX_CODE_LINES:
        yield f"{lines} lines of code; allowed: {MAX_CODE_LINES}"
    for tag in _tags(cell):
        if tag not in TAGS:
            yield f"unknown tag {tag!r}{suggestion(str(tag), TAGS)}"
    if cell.get("attachments"):
        yield "attached file; put it beside the notebooks and name it there"


def _output_problems(cell: dict[str, Any], outputs_stored: bool) -> Iterator[str]:
    if CHECKED not in _tags(cell):
        return
    outputs = cell.get("outputs", [])
    if cell.get("cell_type") != "code":
        yield f"tag {CHECKED!r} on a cell that is not code"
    elif outputs_stored and not outputs:
        yield "no output to compare with; run: python -m cs_helpers.nbtools outputs NOTEBOOK"
    elif outputs and not outputs_stored:
        yield "has a stored output"
    if address := _ADDRESS.search(json.dumps(outputs)):
        yield f"output changes with every run: {address[0]!r}"


def _image_problems(text: str, folder: Path) -> Iterator[str]:
    """Yield what is wrong with the images of a markdown text, whichever way they are written."""
    images = [(match["src"], match["alt"]) for match in _IMAGE.finditer(text)]
    for match in _TAG_IMAGE.finditer(text):
        is_source = match[0].lower().startswith("<source")
        images.append(
            (_attribute("srcset" if is_source else "src", match[0]), is_source or _attribute("alt", match[0]))
        )
    for source, alt in images:
        if not alt or not str(alt).strip():
            yield f"image {source!r} has no alt text"
        if re.match(r"[a-z]+:|//", source, re.IGNORECASE):
            yield f"image {source!r} is not a file beside the notebooks"
        elif not source or not (folder / source).is_file():
            yield f"image {source!r} does not exist"


def _attribute(name: str, tag: str) -> str:
    match = re.search(_ATTRIBUTE.format(name), tag, re.IGNORECASE)
    return (match[1] or match[2] or "") if match else ""


def _tags(cell: dict[str, Any]) -> list[Any]:
    tags = (cell.get("metadata") or {}).get("tags", [])
    return tags if isinstance(tags, list) else [tags]


def _text(cell: dict[str, Any]) -> str:
    return _joined(cell.get("source", ""))


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _lines(text: str) -> list[str]:
    """Split a text as nbformat does, with each newline at the end of its line."""
    return text.splitlines(keepends=True)


def _write(path: Path, text: str) -> bool:
    """Replace a file in one step, unless it has this text already."""
    data = text.encode("utf-8")
    if path.read_bytes() == data:
        return False
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        shutil.copymode(path, name)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 ok, 1 something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m cs_helpers.nbtools", description="Keep notebooks canonical."
    )
    parser.add_argument("command", choices=("check", "fix", "outputs"))
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    options = parser.parse_args(arguments)
    change = {"check": lambda path: False, "fix": fix, "outputs": store_outputs}[options.command]
    found = []
    for path in options.notebooks or sorted(Path("notebooks").glob("*.ipynb")):
        try:
            if change(path):
                print(f"{path}: rewritten")
            found += problems(path)
        except (ValueError, OSError, RuntimeError) as error:
            found.append(Problem(path, "", str(error)))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
