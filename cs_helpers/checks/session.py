"""The call that students make: ``check("p1.linear")``."""

import inspect
from collections.abc import Callable
from pathlib import Path

from cs_helpers.checks.assets import ASSETS, expected, guessable, seed, streams_agree
from cs_helpers.checks.compare import Result, compare
from cs_helpers.checks.produce import produce
from cs_helpers.checks.registry import find
from cs_helpers.checks.report import Source, Verdict
from cs_helpers.checks.runs import Runs
from cs_helpers.checks.student import COURSE_ROOT, StudentPackage


class Checker:
    """Runs checks against the stored expected evidence.

    ``check("p1.linear")`` runs one and returns its verdict, which a notebook shows as a table.
    ``check.source("p1.linear")`` shows the lines that are run.

    Args:
        root: The folder that ``hw/`` is in.
        assets: The folder of the expected evidence; its manifest may name another seed than the public one.

    Attributes:
        hw: The student's package.
        runs: Remembers trainings: a check judges those that a demonstration has just run, see ``Runs``.
    """

    def __init__(self, root: Path = COURSE_ROOT, assets: Path = ASSETS) -> None:
        self.hw = StudentPackage(root)
        self.runs = Runs(root)
        self._root, self._assets = root, assets

    def __call__(self, check_id: str, *, seconds: float | None = None) -> Verdict:
        """Run one check on the student's code as it is on disk now.

        Args:
            check_id: Such as ``p1.linear``.
            seconds: Time limit; the check's own if not given.

        Raises:
            ValueError: If there is no such check.
        """
        return Verdict(self.result(check_id, seconds))

    def result(self, check_id: str, seconds: float | None = None) -> Result:
        """Run one check and return the bare result."""
        check = find(check_id)
        want = expected(check_id, self._assets)
        production = produce(
            check, self.hw, seed(self._assets), root=self._root, seconds=seconds, runs=self.runs
        )
        return compare(check, want, production, streams_agree(self._assets), guessable(check_id))

    def source(self, check_id: str) -> Source:
        """Show the lines that a check runs."""
        function: Callable[..., object] = find(check_id).produce
        lines = inspect.getsource(function).splitlines(keepends=True)
        first = next(i for i, line in enumerate(lines) if line.startswith("def "))
        return Source("".join(lines[first:]))
