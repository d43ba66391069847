"""The check mechanism: trials, evidence, recording, comparison, diagnosis."""

import dataclasses
import hashlib
import json
import re
import shutil
import types

import pytest
import torch

from cs_helpers.checks import assets, diagnose, record
from cs_helpers.checks.compare import FAIL, MISSING, PASS, UNDONE, compare
from cs_helpers.checks.diagnose import RELATIONS, Case
from cs_helpers.checks.evidence import (
    MAX_ELEMENTS,
    NOT_DONE,
    RAISED,
    EvidenceError,
    Failure,
    Production,
    from_file,
    snapshot,
    to_bytes,
)
from cs_helpers.checks.failures import cause
from cs_helpers.checks.produce import produce
from cs_helpers.checks.registry import Tolerance, checks, find, select
from cs_helpers.checks.report import as_html, as_text
from cs_helpers.checks.student import StudentPackage
from cs_helpers.checks.trial import Trial

HW = StudentPackage()
CHECK = dataclasses.replace(
    find("p1.tanh"), where={"": "TanH.forward", "dx": "TanH.backward"}, factors={"N": 8}
)
X = Trial("p1.tanh", "made up").normal("x", 4, 6).double()
Y = Trial("p1.tanh", "made up").normal("y", 4, 6).double()
Z = Trial("p1.tanh", "made up").normal("z", 4, 6).double()


def items(**values):
    """Make evidence, with the inputs that the suspects of p1.tanh ask for."""
    inputs = {name: Z.float() for name in ("x", "dout", "second x")}
    return Production({name: snapshot(value) for name, value in values.items()}, inputs)


# Trials


def test_a_trial_gives_the_same_bytes_on_every_machine():
    tensor = Trial("p1.linear", "42").normal("x", 8, 5)
    assert tensor.dtype == torch.float32
    digest = hashlib.sha256(tensor.numpy().astype("<f4").tobytes()).hexdigest()
    assert digest == "9ab9b452932b28b98a7660f3450d4a9ef4f951a67c720997395fc9d761dab936"
    labels = Trial("p1.cross_entropy", "42").integers("y", 100, below=5)
    assert (
        hashlib.sha256(labels.numpy().astype("<i8").tobytes()).hexdigest()
        == "81cc1f525847da96d446da3784dc09706b228bf1cc8c211af6bdea69001b2d39"
    )


def test_a_trial_differs_by_check_seed_and_name():
    drawn = [
        Trial("p1.linear", "42").normal("x", 50),
        Trial("p1.tanh", "42").normal("x", 50),
        Trial("p1.linear", "43").normal("x", 50),
        Trial("p1.linear", "42").normal("y", 50),
    ]
    assert all(not torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


def test_what_is_written_down_in_checks_is_twisted_in_trials_that_are_not_public():
    assert Trial("p2.fit", "42").twist() == 0
    twists = {Trial("p2.fit", f"seed {number}").twist() for number in range(100)}
    assert twists == {1, 2, 3, 4}


def test_trial_numbers_are_roughly_normal_and_never_zero():
    x = Trial("p1.linear", "42").normal("x", 10_000)
    assert x.mean().abs() < 0.05
    assert x.std().item() == pytest.approx(1, abs=0.03)
    assert x.all()
    assert set(Trial("p1.linear").integers("y", 1000, below=7).tolist()) == set(range(7))


def test_a_trial_does_not_touch_the_random_stream_and_hands_a_name_out_once():
    state = torch.get_rng_state()
    trial = Trial("p1.linear")
    trial.normal("x", 3)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match="'x' already"):
        trial.normal("x", 3)


def test_a_trial_knows_what_was_written_into():
    trial = Trial("p1.linear")
    x, y = trial.normal("x", 3), trial.normal("y", 3)
    x += 0
    assert trial.written_into() == []
    y[1] = 7
    assert trial.written_into() == ["y"]


# Recording


def test_recording_again_gives_the_stored_bytes(tmp_path):
    record.record(HW, tmp_path)
    stored = {path.name: path.read_bytes() for path in assets.ASSETS.iterdir()}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == stored


def test_the_assets_are_small_and_the_manifest_describes_them_all():
    manifest = json.loads((assets.ASSETS / assets.MANIFEST).read_text())
    files = sorted(assets.ASSETS.glob("*.safetensors"))
    assert [file.stem for file in files] == sorted(manifest["checks"]) == sorted(checks())
    assert max(file.stat().st_size for file in files) <= 64 * 1024
    assert sum(file.stat().st_size for file in files) <= 2 * 1024**2
    for check_id, entry in manifest["checks"].items():
        assert set(entry["evidence"]) == set(assets.expected(check_id).items)
        for described in entry["evidence"].values():
            assert "value" in described or {"shape", "dtype", "tolerance", "reason"} <= described.keys()


def test_a_tampered_asset_is_refused_by_name(tmp_path, monkeypatch):
    folder = tmp_path / "assets"
    shutil.copytree(assets.ASSETS, folder)
    monkeypatch.setattr(assets, "ASSETS", folder)
    path = folder / "p1.tanh.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(assets.AssetError, match=r"p1\.tanh\.safetensors is not the file .*git checkout"):
        assets.expected("p1.tanh", folder)
    monkeypatch.undo()
    with pytest.raises(assets.AssetError, match="It is staff who publish this folder"):
        assets.expected("p1.tanh", folder)
    path.unlink()
    with pytest.raises(assets.AssetError, match=r"p1\.tanh\.safetensors cannot be read"):
        assets.expected("p1.tanh", folder)
    (folder / assets.MANIFEST).write_text("{")
    assets._manifest.cache_clear()
    with pytest.raises(assets.AssetError, match=r"manifest\.json cannot be read"):
        assets.expected("p1.tanh", folder)
    assets._manifest.cache_clear()


def test_a_reference_that_is_not_done_is_not_recorded(tmp_path):
    def stub(*args, **kw):
        raise NotImplementedError("p1.leaky_relu: LeakyReLU")

    with pytest.raises(RuntimeError, match=r"p1\.leaky_relu"):
        record.record(types.SimpleNamespace(layers=types.SimpleNamespace(LeakyReLU=stub)), tmp_path)
    assert list(tmp_path.iterdir()) == []


# Evidence


def test_evidence_survives_the_way_through_a_file(tmp_path):
    production = produce(find("p1.linear"), HW)
    path = tmp_path / "evidence"
    path.write_bytes(to_bytes(production))
    again = from_file(path)
    assert list(again.items) == list(production.items)
    assert to_bytes(again) == to_bytes(production)
    assert compare(find("p1.linear"), production, again).verdict == PASS


def test_garbage_is_refused_with_the_file_named(tmp_path):
    good = to_bytes(produce(find("p1.relu"), HW))
    path = tmp_path / "evidence.safetensors"
    header = b"\xff\xff\xff\xff\xff\xff\xff\x7f"
    for garbage in (b"", b"\x00", b"\x00" * 100, b"garbage" * 100, good[: len(good) // 2], header + good[8:]):
        path.write_bytes(garbage)
        with pytest.raises(EvidenceError, match=r"evidence\.safetensors: not a file of evidence"):
            from_file(path)
    path.write_bytes(good)
    with pytest.raises(EvidenceError, match="at most 10"):
        from_file(path, max_bytes=10)
    with pytest.raises(EvidenceError, match="absent"):
        from_file(tmp_path / "absent")


def test_flipped_bytes_give_evidence_or_a_clear_refusal(tmp_path):
    good = to_bytes(produce(find("p1.relu"), HW))
    path, want = tmp_path / "evidence", assets.expected("p1.relu")
    for position in range(0, len(good), 7):
        data = bytearray(good)
        data[position] ^= 0x55
        path.write_bytes(data)
        try:
            production = from_file(path)
        except EvidenceError:
            continue
        assert compare(find("p1.relu"), want, production).verdict in (PASS, FAIL, UNDONE)


def test_snapshots_do_not_follow_later_changes():
    x = torch.zeros(3)
    item = snapshot(x)
    x += 1
    assert not item.tensor.any()
    assert snapshot(torch.zeros(MAX_ELEMENTS + 1)).kind == "other"
    assert snapshot(10**30).kind == "other"
    assert snapshot(True).type_name == "bool"


# Comparison


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "expected a torch.Tensor, got NoneType"),
        (X.float()[:3].double(), "expected shape (4, 6), got (3, 6)"),
        (X, "expected dtype torch.float32, got torch.float64"),
        (X.float() / 0, "got "),
        (2 * X.float(), "every entry is 2x the expected value"),
    ],
    ids=["type", "shape before dtype", "dtype before value", "finite", "value"],
)
def test_the_first_thing_that_is_wrong_is_said(value, message):
    result = compare(CHECK, items(out=X.float(), dx=Y.float()), items(out=value, dx=Y.float()))
    assert result.verdict == FAIL
    assert message in result.evidence[0].message
    assert result.points == result.max_points / 2
    assert "hw/layers.py, TanH.forward" in result.message


def test_a_run_that_ended_leaves_the_rest_missing():
    ended = items(out=X.float())
    ended.failure = Failure(RAISED, "ValueError: no", "hw/layers.py:7, in backward", "raise")
    result = compare(CHECK, items(out=X.float(), dx=Y.float()), ended)
    assert [line.verdict for line in result.evidence] == [PASS, MISSING]
    assert result.verdict == FAIL
    assert result.message.startswith("ValueError: no")
    assert "hw/layers.py:7" in result.message


@pytest.mark.parametrize(
    ("out", "kind", "verdict"),
    [(X, None, PASS), (X, NOT_DONE, UNDONE), (X, RAISED, FAIL), (Y, None, FAIL), (Y, NOT_DONE, FAIL)],
)
def test_three_outcomes(out, kind, verdict):
    production = items(out=out.float())
    production.failure = Failure(kind, "p1.tanh: TanH.backward") if kind else None
    assert compare(CHECK, items(out=X.float()), production).verdict == verdict


def test_points_are_split_over_the_evidence():
    want = items(a=X, b=Y, c=Z)
    for right, share in ((3, 1), (2, 2 / 3), (1, 1 / 3), (0, 0)):
        values = [X, Y, Z][:right] + [torch.zeros_like(X)] * (3 - right)
        result = compare(CHECK, want, items(**dict(zip("abc", values, strict=True))))
        assert result.points == pytest.approx(result.max_points * share, abs=0.01)


def test_what_is_the_same_for_all_inputs_earns_nothing_by_itself():
    want = items(a=X, b=Y, c=Z)
    only_c = items(a=Y, b=X, c=Z)
    result = compare(CHECK, want, only_c, guessable={"c"})
    assert (result.verdict, result.points) == (FAIL, 0)
    assert result.message.endswith(". No points yet: what is right so far is right whatever the inputs are.")
    assert compare(CHECK, want, only_c).points == 2
    assert compare(CHECK, want, items(a=X, b=X, c=Z), guessable={"c"}).points == 4
    assert compare(CHECK, want, want, guessable={"c"}).points == 6
    assert compare(CHECK, want, only_c, guessable={"a", "b", "c"}).points == 2  # nothing else is asked for


MEASURED = {"p2.overfit", "p2.optim", "p2.dropout", "p3.train", "p3.experiment", "p4.overfit"}
STORED = {
    check_id: c for check_id, c in checks().items() if check_id not in MEASURED and check_id[:2] != "p5"
}


@pytest.mark.parametrize("check", STORED.values(), ids=STORED)
def test_what_is_stored_earns_nothing_under_another_seed(check):
    stored = assets.expected(check.id)
    want = produce(check, HW, "secret")
    result = compare(check, want, stored, guessable=assets.guessable(check.id))
    assert (result.verdict, result.points) == (FAIL, 0)


def test_float_noise_passes_and_a_thousandth_does_not():
    want = items(out=X.float())
    assert compare(CHECK, want, items(out=(X * (1 + 1e-6)).float())).verdict == PASS
    assert compare(CHECK, want, items(out=(X * 1.001).float())).verdict == FAIL


def test_a_tolerance_is_one_percent_at_most():
    with pytest.raises(ValueError, match=r"got 0\.02"):
        Tolerance(0.02, "too much")


def test_evidence_from_another_random_stream_is_left_out():
    check = dataclasses.replace(CHECK, streams=frozenset({"out"}))
    result = compare(check, items(out=X, dx=Y), items(out=Z, dx=Y), streams_agree=False)
    assert (result.verdict, result.points) == (PASS, result.max_points)
    assert len(result.evidence) == 1


def test_an_input_that_was_modified_is_said_first():
    want = items(out=X, inputs="as they were")
    result = compare(CHECK, want, items(out=Y, inputs="x, dout"))
    assert result.message.startswith("inputs: x, dout were modified in place")


def test_a_verdict_in_plain_text():
    good = compare(CHECK, items(out=X), items(out=X))
    assert as_text(good) == "PASS     p1.tanh  6/6 points, 1 values as expected"
    text = as_text(compare(CHECK, items(out=X, dx=Y), items(out=2 * X, dx=Y)))
    assert text.startswith("FAIL     p1.tanh  3/6 points\n    out: expected ")
    assert max(map(len, text.split("\n"))) <= 100


def test_a_verdict_in_html_escapes_what_the_student_wrote():
    production = Production(
        failure=Failure(RAISED, "<script>alert()</script>"), printed="<b>", printed_total=3
    )
    html = as_html(compare(CHECK, items(out=X), production))
    assert "<script>" not in html
    assert "&lt;b&gt;" in html


def test_checks_are_selected_by_id_and_part():
    assert [check.id for check in select(["p1.tanh"])] == ["p1.tanh"]
    assert select([]) == list(checks().values())
    assert select(["part1"]) == select(["p1"]) == [c for c in checks().values() if c.id.startswith("p1.")]
    with pytest.raises(ValueError, match=r"did you mean 'p1\.linear'"):
        select(["p1.liner"])
    with pytest.raises(ValueError, match=r"did you mean 'p1\.linear'"):
        find("p1.liner")


# Diagnosis: (relation, got, want, inputs, others, what is said)

EDGE = torch.tensor([-1e4, -1.0, 0.5, 2.0, 3.0, 1e4], dtype=torch.float64)
BIAS = X[0]
FIRES = {
    "zero": (0 * X, X, {}, {}, "every entry is zero"),
    "transposed": (X.T, X, {}, {}, "dimensions 0 and 1 are swapped"),
    "reshaped": (X.flatten(), X, {}, {}, r"reshape to \(4, 6\)"),
    "not_reduced": (X, X.mean(0), {}, {}, "a mean over dimension 0 is missing"),
    "constant_factor": (8 * X, X, {}, {}, r"8x the expected value \(that is N, N = 8\)"),
    "another_tensor": (X, Y, {"x": X}, {}, "values of x, which went in"),
    "accumulated": (X + Y, X, {}, {"dw": Y}, "value of 'dw' was added"),
    "missing_product": (X, X * Y, {"dout": Y}, {}, "the factor dout is missing"),
    "missing_term": (X, X + BIAS, {"b": BIAS}, {}, r"off by -1 x b"),
    "constant_offset": (X + 1, X, {}, {}, r"off by \+1"),
    "function_of_expected": (torch.softmax(X, 1), X, {}, {}, "softmax over dimension 1 is applied once too"),
    "other_order": (X.flip(0), X, {}, {}, "reverse order along dimension 0"),
    "only_for_some_inputs": (torch.where(X < 0, Y, X), X, {"x": X}, {}, "exactly where x is negative"),
    "only_some_rows": (torch.cat([X[:3], Y[3:]]), X, {}, {}, "only at index 3 of dimension 0"),
}


def case(got, want, inputs, others):
    return Case("out", got, want, others, inputs, {"N": 8.0})


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.__name__)
def test_a_relation_fires_on_its_own_case_and_on_no_right_or_unrelated_one(relation):
    got, want, inputs, others, said = FIRES[relation.__name__]
    assert relation(case(got, want, inputs, others)) is not None
    assert re.search(said, diagnose.diagnose(case(got, want, inputs, others)))
    surroundings = {"x": Y, "b": Z[0]}, {"dw": Z}
    assert diagnose.diagnose(case(X, X, *surroundings)) == ""
    assert relation(case(X.sin() + Y.cos() * Z, X, *surroundings)) is None


@pytest.mark.parametrize(
    ("got", "said"),
    [(-X, "the sign is flipped"), (X / 8, r"1/\(N\)|1/N"), (X / 64, "squared"), (-2 * X, "flipped, too")],
)
def test_factors_are_named(got, said):
    assert re.search(said, diagnose.diagnose(case(got, X, {}, {})))


def test_large_inputs_are_suspected_of_overflow():
    got = torch.where(EDGE.abs() > 100, 0.5, EDGE.tanh())
    assert "only for large values of edges" in diagnose.diagnose(case(got, EDGE.tanh(), {"edges": EDGE}, {}))


SHAPES = [(), (1,), (3,), (5,), (3, 5), (5, 3), (1, 5), (3, 1), (2, 3, 5), (0,), (0, 5)]


def test_no_shape_makes_a_relation_stumble():
    """A diagnosis must not end in an error: every pair of shapes, with and without company."""
    for got in SHAPES:
        for want in SHAPES:
            for other in SHAPES:
                company = {"other": torch.ones(other, dtype=torch.float64)}
                tensors = torch.full(got, 2.0).double(), torch.full(want, 3.0).double()
                assert isinstance(diagnose.diagnose(case(*tensors, company, company)), str)


@pytest.mark.parametrize(
    ("message", "on_its_way", "said"),
    [
        ("still running after 1 s, stopped", "out", "loop that never ends"),
        ("RuntimeError: mat1 and mat2 shapes cannot be multiplied", "dx", "transpose"),
        ("RuntimeError: mat1 and mat2 shapes cannot be multiplied", "out, 3-D input", "two dimensions"),
        ("AttributeError: 'ReLU' object has no attribute 'grad_cache'", "out", "super"),
        ("ValueError: something else", "out", "^$"),
    ],
)
def test_exceptions_have_likely_causes(message, on_its_way, said):
    assert re.search(said, cause("p1.linear", message, on_its_way))
