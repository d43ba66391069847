"""Grading one submission into a REPORT that has a session already, for engines that spread the work.

    python -m cs_helpers.grading.one REPORT SUBMISSION [--name NAME] [--sandbox bwrap]

Reads the session, the reference's evidence and the submission, and writes its record and nothing else.
Several may run at once, on machines that share the folder; ``course grade`` makes the table afterwards.
"""

import argparse
import sys
from pathlib import Path

from cs_helpers.grading.grader import Grader
from cs_helpers.grading.records import Report
from cs_helpers.grading.sandbox import SandboxError
from cs_helpers.grading.session import Wishes, expected_evidence, grade_one, open_session, prepared_sandbox
from cs_helpers.grading.unpack import entry_name
from cs_helpers.grading.worker import Worker


def main(argv: list[str] | None = None) -> int:
    """Grade; 0 if there is a record now, 1 if the sandbox failed, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m cs_helpers.grading.one", description="Grade one submission."
    )
    parser.add_argument("report", type=Path, help="REPORT, made by course grade")
    parser.add_argument("submission", type=Path, help="a zip file or a folder")
    parser.add_argument("--name", help="its name; that of the file if not given")
    parser.add_argument("--sandbox", default="bwrap", choices=["bwrap", "none"])
    args = parser.parse_args(argv)
    report = Report(args.report)
    if not report.session.exists() or not args.submission.exists():
        missing = args.submission if report.session.exists() else report.session
        print(f"course: {missing} is not there", file=sys.stderr)
        return 2
    try:
        rules = open_session(report, Wishes()).rules()
        with prepared_sandbox(args.sandbox) as box, Worker(box) as worker:
            grader = Grader(rules, expected_evidence(report, rules, worker), worker)
            grade_one(report, rules, grader, args.name or entry_name(args.submission), args.submission)
    except SandboxError as error:
        print(f"course: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"course: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
