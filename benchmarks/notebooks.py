"""How long the notebooks take, from top to bottom, each in a fresh kernel.

    python benchmarks/notebooks.py [part2 part3 ...] [--cells 5] [--rounds 1]

Seconds of wall time run from the start of the kernel to the end of its last cell. "CPU" is what the kernel
and its threads computed: on a machine with other work it is the number to go by. The data is what ``load``
finds; without COURSE_DATA and real data that is the embedded digits32.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import nbclient
import nbformat

try:
    import resource
except ImportError:  # Windows does not have it
    resource = None  # type: ignore[assignment]

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


class Run(NamedTuple):
    """One run of a notebook: seconds of wall time, of CPU time, and of each cell by its id."""

    wall: float
    cpu: float
    cells: dict[str, float]


def children_cpu() -> float:
    """Return the CPU seconds of all processes that this one started and that have ended."""
    if resource is None:
        return float("nan")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(path: Path) -> Run:
    """Run a notebook in its folder; an error in a cell is raised."""
    begun: dict[str, float] = {}
    cells: dict[str, float] = {}

    def note(cell: nbformat.NotebookNode, cell_index: int) -> None:
        begun[cell["id"]] = time.perf_counter()

    def add(cell: nbformat.NotebookNode, cell_index: int, execute_reply: object) -> None:
        cells[cell["id"]] = time.perf_counter() - begun[cell["id"]]

    client = nbclient.NotebookClient(
        nbformat.read(path, as_version=4),
        timeout=1200,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=note,
        on_cell_executed=add,
    )
    cpu, start = children_cpu(), time.perf_counter()
    client.execute()
    wall = max(begun[name] + seconds for name, seconds in cells.items()) - start
    return Run(wall, children_cpu() - cpu, {"kernel": min(begun.values()) - start, **cells})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="such as part2; all notebooks if none is named")
    parser.add_argument("--cells", type=int, default=5, help="how many of the slowest cells to list")
    parser.add_argument("--rounds", type=int, default=1, help="the median of so many runs is printed")
    args = parser.parse_args()
    paths = [
        path
        for path in sorted(FOLDER.glob("part*.ipynb"))
        if not args.parts or path.stem.split("_")[0] in args.parts
    ]
    if not paths:
        parser.error(f"no notebook of {', '.join(args.parts)} in {FOLDER}")
    totals = [0.0, 0.0]
    for path in paths:
        runs = [run(path) for _ in range(args.rounds)]
        wall, cpu = (statistics.median(getattr(r, name) for r in runs) for name in ("wall", "cpu"))
        totals = [totals[0] + wall, totals[1] + cpu]
        print(f"{path.stem:32}{wall:7.1f} s{cpu:7.1f} s of CPU", flush=True)
        names = runs[0].cells
        cells = {name: statistics.median(r.cells[name] for r in runs) for name in names}
        for name, seconds in sorted(cells.items(), key=lambda item: -item[1])[: args.cells]:
            print(f"    {name:28}{seconds:7.1f} s")
    if len(paths) > 1:
        print(f"{'all':32}{totals[0]:7.1f} s{totals[1]:7.1f} s of CPU")


if __name__ == "__main__":
    main()
