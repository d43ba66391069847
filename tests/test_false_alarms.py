"""No check fails right code: not the reference, not code that keeps the contract by other means.

Runs with every torch the course supports and needs nothing beyond pytest, so that an older one can be tried
against the same stored assets.
"""

import contextlib
import importlib.util
import types
from pathlib import Path

import pytest
import torch

from cs_helpers.checks.assets import expected
from cs_helpers.checks.compare import PASS, compare
from cs_helpers.checks.produce import produce
from cs_helpers.checks.registry import checks
from cs_helpers.checks.student import StudentPackage

SEEDS = [f"seed {number}" for number in range(200)]
REFERENCE = StudentPackage()
PART1 = {check_id: check for check_id, check in checks().items() if check_id.startswith("p1.")}
LATER = [check_id for check_id in checks() if check_id not in PART1]
NETWORKS = ("p4.cnn", "p4.residual_block", "p4.bottleneck_block", "p4.resnet")


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OTHER = types.SimpleNamespace(layers=_load("other_layers"), cnn=_load("other_cnn"))


@contextlib.contextmanager
def threads(number):
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def alarm(check, want, production):
    """Return what is said against right code: nothing, if all is well."""
    result = compare(check, want, production)
    return "" if result.verdict == PASS else f"{check.id}: {result.message} {result.hint}"


@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize("hw", [REFERENCE, OTHER], ids=["reference", "other"])
@pytest.mark.parametrize("check", PART1.values(), ids=PART1)
def test_right_code_passes_against_the_stored_assets(check, hw, number):
    with threads(number):
        assert alarm(check, expected(check.id), produce(check, hw)) == ""


def _alarms_of(check, seeds):
    """Compare the reference with itself on other threads, with the other code, and the other way round."""
    for seed in seeds:
        with threads(1):
            want = produce(check, REFERENCE, seed)
            other = produce(check, OTHER, seed)
        with threads(2):
            again = produce(check, REFERENCE, seed)
        for first, second in ((want, again), (want, other), (other, want)):
            if said := alarm(check, first, second):
                yield f"{seed}: {said}"


@pytest.mark.parametrize("check_id", [check_id for check_id in PART1 if check_id != "p1.dropout"])
def test_right_code_passes_under_200_seeds(check_id):
    assert list(_alarms_of(checks()[check_id], SEEDS)) == []


def test_right_dropout_passes_under_8_seeds():
    assert list(_alarms_of(checks()["p1.dropout"], SEEDS[:8])) == []


@pytest.mark.slow
def test_right_dropout_passes_under_200_seeds():
    assert list(_alarms_of(checks()["p1.dropout"], SEEDS)) == []


@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize("hw", [REFERENCE, OTHER], ids=["reference", "other"])
@pytest.mark.parametrize("check_id", NETWORKS)
def test_right_networks_pass_against_the_stored_assets(check_id, hw, number):
    with threads(number):
        assert alarm(checks()[check_id], expected(check_id), produce(checks()[check_id], hw)) == ""


@pytest.mark.parametrize("check_id", NETWORKS)
def test_right_networks_pass_under_3_seeds(check_id):
    assert list(_alarms_of(checks()[check_id], SEEDS[:3])) == []


@pytest.mark.slow
@pytest.mark.parametrize("check_id", NETWORKS)
def test_right_networks_pass_under_40_seeds(check_id):
    assert list(_alarms_of(checks()[check_id], SEEDS[:40])) == []


@pytest.mark.parametrize("check_id", LATER)
def test_the_reference_of_later_parts_passes_under_another_seed(check_id):
    check = checks()[check_id]
    with threads(1):
        want = produce(check, REFERENCE, "another seed")
    with threads(2):
        again = produce(check, REFERENCE, "another seed")
    assert alarm(check, want, again) == ""
    assert alarm(check, expected(check_id), produce(check, REFERENCE)) == ""
