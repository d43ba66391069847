"""What the course's own code costs beside torch: importing it, and running one check.

    python benchmarks/start_up.py [--rounds 7]

Each import is timed in a process of its own; the two take turns. Times are medians.
"""

import argparse
import statistics
import subprocess
import sys

TORCH = "import torch"
COURSE = "from cs_helpers.notebook import attempt, check, display_answer, hw, start"
CHECKS = """
import time
from cs_helpers.checks.registry import checks
from cs_helpers.checks.session import Checker
check = Checker()
for check_id in checks():
    start = time.perf_counter()
    check(check_id)
    print(check_id, time.perf_counter() - start)
"""


def timed(statement: str) -> float:
    """Return the seconds that a statement takes in a fresh interpreter, its start-up not counted."""
    code = f"import time; s = time.perf_counter(); {statement}; print(time.perf_counter() - s)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    pairs = [(timed(TORCH), timed(COURSE)) for _ in range(rounds + 1)][1:]  # the first warms the disk cache
    alone = statistics.median(torch for torch, _ in pairs)
    extra = statistics.median(course - torch for torch, course in pairs)
    print(f"import torch              {alone:.2f} s")
    print(f"import cs_helpers on top  {extra:+.2f} s")
    done = subprocess.run([sys.executable, "-c", CHECKS], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        check_id, seconds = line.split()
        print(f"check {check_id:20}{float(seconds):.3f} s")


if __name__ == "__main__":
    main()
