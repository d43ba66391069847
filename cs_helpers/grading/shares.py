"""Grading on a cluster: shares of the submissions, each graded by a command of its own on some node.

REPORT, the submissions and the course must be at the same place on every node. The engine is the one that
runs the experiments, ``cs_helpers.engine``: a lost node costs its share another try, which skips what is
graded.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.engine import Done, Resources, refuse_bad_resources, run
from cs_helpers.grading import records
from cs_helpers.grading.grader import Grader
from cs_helpers.grading.records import Report
from cs_helpers.grading.sandbox import Sandbox
from cs_helpers.grading.session import (
    Session,
    SessionError,
    Wishes,
    expected_evidence,
    find_submissions,
    grade_one,
    open_session,
    prepared_sandbox,
)
from cs_helpers.grading.table import write_table
from cs_helpers.grading.worker import Worker
from cs_helpers.run_lock import end_with_parent

OVERHEAD = 2048  # MiB that a share takes besides its submission: torch, the template, the comparison


class Shares:
    """One run over some submissions, as ``cs_helpers.grading.session.Run`` is, on other machines.

    Args:
        report: Where the results go; the caller holds its lock.
        session: What the submissions have in common.
        box: The sandbox in which the reference runs, on this machine.
        submissions: Folder of the submissions.
        kind: Kind of the sandbox on the nodes.
        jobs: Shares at a time.
        cluster: "slurm", the address of a dask scheduler, or None for processes on this machine.
        size: Submissions in a share.
        partition: Slurm's partition.
        time: Slurm's time limit of a worker.
    """

    def __init__(
        self,
        report: Report,
        session: Session,
        box: Sandbox,
        submissions: Path,
        kind: str,
        jobs: int,
        cluster: str | None,
        size: int = 20,
        partition: str | None = None,
        time: str = "8:00:00",
    ) -> None:
        memory = f"{session.limits.memory + OVERHEAD}MiB"
        logs = str(report.root.resolve() / "logs")
        self._report, self._session, self._box = report, session, box
        self._where = [str(report.root.resolve()), str(submissions.resolve()), "--sandbox", kind]
        self._jobs, self._cluster, self._size = jobs, cluster, size
        self._resources = Resources(partition, time, memory, logs=logs)
        refuse_bad_resources(jobs, self._resources)

    def __call__(
        self, named: Mapping[str, Path], again: bool, on_done: Callable[[dict[str, Any]], None]
    ) -> None:
        """Grade what is not graded yet, and write the table.

        Args:
            named: Submissions by name.
            again: Whether to grade even what is graded.
            on_done: Called with each record, also of those that were graded before.

        Raises:
            SessionError: If the reference fails, or a share did; what was graded is in the table.
            EngineError: If the cluster cannot be used.
        """
        worker = Worker(self._box)
        try:
            expected_evidence(self._report, self._session.rules(), worker)
        finally:
            worker.close()
        names = list(named)
        shares = [names[start : start + self._size] for start in range(0, len(names), self._size)]
        lost: list[str] = []

        def take(done: Done) -> None:
            share = shares[done.number]
            if done.status != 0:
                last = (done.output.strip().splitlines() or ["no output"])[-1]
                lost.append(f"a share of {len(share)} submissions failed: {last}")
                return
            for name in share:
                on_done(records.read(self._report.record(name)))

        with tempfile.TemporaryDirectory(prefix=".shares-", dir=self._report.root.resolve()) as folder:
            try:
                commands = [self._command(Path(folder), *item, again) for item in enumerate(shares)]
                run(
                    commands,
                    self._jobs,
                    self._cluster,
                    take,
                    resources=self._resources,
                    folder=COURSE_ROOT,
                    environment={"OMP_NUM_THREADS": "1"},
                )
            finally:
                write_table(self._report)
        if lost:
            raise SessionError(f"{lost[0]}. The same command goes on")

    def _command(self, folder: Path, number: int, share: list[str], again: bool) -> list[str]:
        file = folder / f"{number}.json"
        file.write_text(json.dumps(share), encoding="utf-8")
        command = [sys.executable, "-m", "cs_helpers.grading.shares", *self._where, "--names", str(file)]
        return [*command, "--again"] if again else command


def main(argv: Sequence[str] | None = None) -> int:
    """Grade one share; every error is one line."""
    parser = argparse.ArgumentParser(prog="python -m cs_helpers.grading.shares", description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("submissions", type=Path)
    parser.add_argument("--names", type=Path, required=True, help="JSON file of names")
    parser.add_argument("--sandbox", default="bwrap")
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args(argv)
    report = Report(options.report)
    try:
        named = find_submissions(options.submissions, json.loads(options.names.read_text(encoding="utf-8")))
        rules = open_session(report, Wishes()).rules()
        with prepared_sandbox(options.sandbox) as box:
            worker = Worker(box)
            try:
                grader = Grader(rules, expected_evidence(report, rules, worker), worker)
                for name, path in named.items():
                    grade_one(report, rules, grader, name, path, again=options.again)
            finally:
                worker.close()
    except (ValueError, OSError) as error:
        print(f"course: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main())
