"""Every mutant of the catalogue is caught by its check, and nearly every verdict names the mistake."""

import copy
import re
import sys
from collections import Counter

import pytest

from cs_helpers.checks.registry import checks
from cs_helpers.checks.student import COURSE_ROOT
from tests.mutants.__main__ import LEAST_NAMED, main
from tests.mutants.catalogue import Patch, load, ready, right
from tests.mutants.runner import run, run_all

MUTANTS = load()
READY = ready(MUTANTS)
BLAND = (
    "",
    "out: expected 0.5 at [0, 1], got 0.25. See hw/layers.py, Linear.forward. (3 more wrong.)",
    "dx: expected shape (8, 5), got (8, 3). See hw/layers.py, Linear.backward. Then: ValueError: no.",
    "RuntimeError: something is wrong at hw/layers.py:90, in forward `return x`",
)


def constants():
    """Return every list and mapping that the modules of checks hold, by name."""
    modules = [module for name, module in sys.modules.items() if name.startswith("cs_helpers.checks.part")]
    return {
        f"{module.__name__}.{name}": copy.deepcopy(value)
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, (list, dict))
    }


@pytest.fixture(scope="module")
def outcomes():
    """Run all mutants once."""
    checks()
    before = constants()
    assert before
    done = run_all(MUTANTS)
    assert constants() == before, "a mutant changed what the checks of others are made with"
    return done


def test_every_mutant_is_caught(outcomes):
    assert [o.mutant.name for o in outcomes if not o.caught] == []


def test_nine_in_ten_verdicts_name_the_mistake(outcomes):
    unnamed = [(o.mutant.name, o.text) for o in outcomes if not o.named]
    assert len(unnamed) <= (1 - LEAST_NAMED) * len(outcomes), unnamed


def test_the_catalogue_is_large_and_covers_every_check():
    count = Counter(mutant.check for mutant in MUTANTS)
    assert len(MUTANTS) >= 60
    assert {check_id for check_id in checks() if count[check_id] < 3} == set()


def test_names_are_unique_within_a_check():
    count = Counter((mutant.check, mutant.name) for mutant in MUTANTS)
    assert [key for key, times in count.items() if times > 1] == []


@pytest.mark.parametrize("check_id", dict.fromkeys(mutant.check for mutant in MUTANTS))
def test_what_mutants_are_made_from_passes(check_id):
    """A base rewrites the solution in a plain form: were it wrong, all mutants would be caught for that."""
    outcome = run(right(check_id))
    assert (outcome.verdict, outcome.text) == ("PASS", "")


def test_every_patch_changes_the_program(outcomes):
    source = {m.file: (COURSE_ROOT / m.file).read_text(encoding="utf-8") for m in READY}
    patched = Counter(mutant.patched(source[mutant.file]) for mutant in READY)
    assert max(patched.values()) == 1, "two mutants are the same program"


def test_hints_do_not_match_bland_messages():
    loose = [m.name for m in MUTANTS for text in BLAND if re.search(m.hint, text, re.IGNORECASE)]
    assert loose == []


def test_hints_tell_a_mistake_from_the_others_of_its_check(outcomes):
    """A pattern that fits half of a check's verdicts names nothing."""
    for mutant in MUTANTS:
        others = [o for o in outcomes if o.mutant.check == mutant.check]
        hits = sum(re.search(mutant.hint, o.text, re.IGNORECASE) is not None for o in others)
        assert hits <= len(others) / 2, (
            f"{mutant.check}, {mutant.name!r}: {mutant.hint!r} fits {hits} verdicts"
        )


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (Patch(old="absent", new="x"), "found 0 times"),
        (Patch(old="a", new="b"), "found 2 times"),
        (Patch(old="b = 1", new="b = 1"), "nothing changes"),
        (Patch(region="Linear.forward", new="x"), "the solution in Linear.forward"),
    ],
)
def test_a_patch_that_does_not_apply_is_refused(patch, message):
    with pytest.raises(ValueError, match=message):
        patch.apply("a = a\nb = 1\n")


def test_the_table_ends_with_the_totals(capsys):
    assert main(["-k", "p1.tanh"]) == 0
    assert re.search(r"\n\d+ mutants, \d+ caught, \d+ named \(.*%\)\n$", capsys.readouterr().out)


def test_the_table_says_so_when_nothing_fits(capsys):
    assert main(["-k", "no such mutant"]) == 1
    assert "no mutant has 'no such mutant'" in capsys.readouterr().err
