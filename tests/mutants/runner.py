"""Running mutants: each one's check on it, all in one process."""

import dataclasses
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import torch

from cs_helpers.checks.compare import FAIL
from cs_helpers.checks.session import Checker
from tests.mutants.catalogue import Mutant, ready


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a mutant's check said about it.

    Attributes:
        mutant: The mutant.
        verdict: The check's verdict.
        text: Message and hint, as the student reads them.
    """

    mutant: Mutant
    verdict: str
    text: str

    @property
    def caught(self) -> bool:
        """Whether the check failed."""
        return self.verdict == FAIL

    @property
    def named(self) -> bool:
        """Whether the message names the mistake."""
        return self.caught and re.search(self.mutant.hint, self.text, re.IGNORECASE) is not None


def run(mutant: Mutant) -> Outcome:
    """Run a mutant's check on it, within the time that the check has."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        mutant.write(Path(folder))
        result = Checker(root=Path(folder)).result(mutant.check)
    return Outcome(mutant, result.verdict, f"{result.message} {result.hint}".strip())


def run_all(mutants: Iterable[Mutant]) -> list[Outcome]:
    """Run many mutants, in order; those of results that the reference has not made yet are left out."""
    torch.optim.SGD([torch.zeros(1)])  # what torch loads only now takes longer than a mutant may
    return [run(mutant) for mutant in ready(mutants)]
