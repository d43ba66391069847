"""The table of mutants: ``python -m tests.mutants [-k TEXT] [--json]``."""

import argparse
import dataclasses
import json
import sys
import textwrap

from tests.mutants.catalogue import load
from tests.mutants.runner import Outcome, run_all

LEAST_NAMED = 0.9


def main(argv: list[str] | None = None) -> int:
    """Run mutants and print what became of them; 1 if one is not caught or too few are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("-k", metavar="TEXT", default="", help="only mutants with TEXT in check or name")
    parser.add_argument("--json", action="store_true", help="a list of objects instead of a table")
    args = parser.parse_args(argv)
    outcomes = run_all(m for m in load() if args.k in f"{m.check} {m.name}")
    if not outcomes:
        print(f"no mutant has {args.k!r} in its check or name", file=sys.stderr)
        return 1
    caught, named = sum(o.caught for o in outcomes), sum(o.named for o in outcomes)
    if args.json:
        print(json.dumps([_as_dict(outcome) for outcome in outcomes], indent=1))
    else:
        _print_table(outcomes)
        print(f"\n{len(outcomes)} mutants, {caught} caught, {named} named ({named / len(outcomes):.1%})")
    return int(caught < len(outcomes) or named < LEAST_NAMED * len(outcomes))


def _as_dict(outcome: Outcome) -> dict[str, object]:
    described = dataclasses.asdict(outcome)
    return {"caught": outcome.caught, "named": outcome.named, **described.pop("mutant"), **described}


def _print_table(outcomes: list[Outcome]) -> None:
    check = ""
    for outcome in outcomes:
        if outcome.mutant.check != check:
            check = outcome.mutant.check
            print(f"\n{check:60} verdict  caught  named")
        marks = f"{outcome.verdict:8} {_mark(outcome.caught)}     {_mark(outcome.named)}"
        print(f"  {outcome.mutant.name[:57]:58} {marks}")
        print(textwrap.fill(outcome.text, 110, initial_indent="      ", subsequent_indent="      "))


def _mark(value: bool) -> str:
    return "yes" if value else "NO "


if __name__ == "__main__":
    sys.exit(main())
