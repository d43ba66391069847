"""The comparing half: from evidence to a verdict, in a process that the student's code never ran in.

(In a notebook it is the same process, for fast feedback; grading keeps the two apart.)
"""

import dataclasses
from collections.abc import Collection

import torch
from torch import Tensor

from cs_helpers.checks import diagnose, failures
from cs_helpers.checks.evidence import NOT_DONE, Item, Production
from cs_helpers.checks.measures import measured
from cs_helpers.checks.produce import INPUTS
from cs_helpers.checks.registry import Check
from cs_helpers.checks.suspects import Suspect, alternatives, suspects
from cs_helpers.checks.trial import TWIST
from cs_helpers.tasks import TASKS

PASS, FAIL, UNDONE = "PASS", "FAIL", "NOT DONE"
MISSING = "missing"
NOTHING_EARNED = ". No points yet: what is right so far is right whatever the inputs are."


@dataclasses.dataclass(frozen=True)
class Line:
    """The verdict on one piece of evidence.

    Attributes:
        name: Its name.
        verdict: "PASS", "FAIL", or "missing" if the run ended before it.
        shape: Its shape as text; empty for numbers and texts.
        max_difference: Largest difference to the expected value, as a share of that tensor's typical value.
        message: What is wrong.
        hint: The likeliest cause.
    """

    name: str
    verdict: str
    shape: str = ""
    max_difference: float | None = None
    message: str = ""
    hint: str = ""


@dataclasses.dataclass(frozen=True)
class Result:
    """The verdict on one check; points are split evenly over its evidence, see ``compare``."""

    id: str
    verdict: str
    points: float
    max_points: int
    evidence: tuple[Line, ...]
    message: str = ""
    hint: str = ""
    printed: str = ""


def compare(
    check: Check,
    expected: Production,
    production: Production,
    streams_agree: bool = True,
    guessable: Collection[str] = (),
) -> Result:
    """Decide about one check.

    Each piece of evidence that is right earns an equal share of the points, if at least one of those is right
    that depend on the trial's inputs: names, counts and edge cases alone could have been copied.

    Args:
        check: The check.
        expected: What the reference solution produced on the same trial; measured or not.
        production: What the student's code produced.
        streams_agree: Whether torch's random stream is here what it was for ``expected``; if not, evidence
            that depends on it is left out.
        guessable: Names of the evidence that is the same for all inputs, or for many.

    Returns:
        The result.
    """
    inputs = expected.inputs  # never those of the other side
    expected = measured(check.id, expected, inputs, stored=True)
    production = measured(check.id, production, inputs)
    names = [name for name in expected.items if streams_agree or name not in check.streams]
    lines = tuple(_judge(check, name, expected, production) for name in names)
    passed = [line.name for line in lines if line.verdict == PASS]
    copied = set(passed) <= set(guessable) and not {line.name for line in lines} <= set(guessable)
    max_points, verdict = TASKS[check.id].points, _verdict(lines, production)
    points = 0.0 if copied else round(max_points * len(passed) / len(lines), 2)
    message, hint = _summary(check, lines, production)
    if passed and copied and verdict == FAIL:
        message = message.removesuffix(".") + NOTHING_EARNED
    return Result(check.id, verdict, points, max_points, lines, message, hint, _printed(production))


def _verdict(lines: tuple[Line, ...], production: Production) -> str:
    if all(line.verdict == PASS for line in lines) and production.failure is None:
        return PASS
    stub = production.failure is not None and production.failure.kind == NOT_DONE
    return UNDONE if stub and not any(line.verdict == FAIL for line in lines) else FAIL


def _summary(check: Check, lines: tuple[Line, ...], production: Production) -> tuple[str, str]:
    """Put into words the first thing that is wrong; modified inputs come first, as they spoil the rest."""
    failed = [line for line in lines if line.verdict == FAIL]
    failed.sort(key=lambda line: line.name != INPUTS)
    failure = production.failure
    if failed:
        line = failed[0]
        more = f" ({len(failed) - 1} more wrong.)" if len(failed) > 1 else ""
        stop = "" if line.message.endswith("?") else "."
        message = f"{line.name}: {line.message}{stop}" + (
            f" See {_place(check, line.name)}." if check.where else ""
        )
        # A check's own suspect may help from another line, too; a fact about that line's numbers would not.
        own = (other.hint for other in failed if other.hint not in other.message)
        return message + more + (f" Then: {failure.message}." if failure else ""), line.hint or next(own, "")
    missing = [line.name for line in lines if line.verdict == MISSING] or [""]
    if failure and failure.kind == NOT_DONE:
        return _still_to_write(check, failure.message), ""
    if failure:
        at = f" at {failure.where}" if failure.where else ""
        code = f" `{failure.code}`" if failure.code else ""
        return f"{failure.message}{at}{code}", failures.cause(check.id, failure.message, missing[0])
    return (f"{', '.join(missing)}: nothing that could be measured", "") if missing[0] else ("", "")


def _still_to_write(check: Check, message: str) -> str:
    """Turn a stub's message, such as "p1.linear: Linear.forward", into words."""
    task_id, _, code = message.partition(": ")
    if task_id not in TASKS or not code:
        return message or f"{check.id} is still to be written"
    where = f"{code} in {TASKS[task_id].file}"
    return f"not written yet: {where}" if task_id == check.id else f"needs {task_id} first: {where}"


def _place(check: Check, name: str) -> str:
    prefix = max((key for key in check.where if name.startswith(key)), key=len)
    return f"{TASKS[check.id].file}, {check.where[prefix]}"


def _printed(production: Production) -> str:
    if not production.printed_total:
        return ""
    rest = production.printed_total - len(production.printed)
    return production.printed + (f"... and {rest:,} more characters" if rest else "")


def _judge(check: Check, name: str, expected: Production, production: Production) -> Line:
    want, item = expected.items[name], production.items.get(name)
    if item is None:
        return Line(name, MISSING)
    shape = str(tuple(item.tensor.shape)) if item.kind == "tensor" and item.tensor is not None else ""
    if wrong := _wrong_type(want, item):
        return Line(name, FAIL, shape, None, *wrong)
    if want.kind == "text":
        return _judge_text(check, name, expected, item.text)
    assert want.tensor is not None
    assert item.tensor is not None
    got = item.tensor
    if got.shape != want.tensor.shape:
        message = f"expected shape {tuple(want.tensor.shape)}, got {tuple(got.shape)}"
        return Line(name, FAIL, shape, None, message, _hint(check, name, got, expected))
    if got.dtype != want.tensor.dtype:
        return Line(name, FAIL, shape, None, *_dtypes(want.tensor, got))
    if not bool(torch.isfinite(got).all()):
        return Line(name, FAIL, shape, None, *_not_finite(check, got, name, expected))
    return _judge_values(check, name, got, expected, shape)


def _judge_values(check: Check, name: str, got: Tensor, expected: Production, shape: str) -> Line:
    want = expected.items[name].tensor
    assert want is not None
    scale = diagnose.typical(want)
    difference = (got.double() - want.double()).abs().max().item() if got.numel() else 0.0
    relative = difference / scale if scale else difference
    if relative <= (check.tolerance(name).relative if scale else 1e-6):
        return Line(name, PASS, shape, relative)
    if any(diagnose.close(got.double(), other.double()) for other in alternatives(check.id, name, expected)):
        return Line(name, PASS, shape, 0.0)
    wanted, given, index = diagnose.first_difference(got, want)
    case = _case(check, name, got, expected)
    fact = diagnose.diagnose(case)
    message = f"expected {wanted:.4g}{index}, got {given:.4g}" + (f"; {fact}" if fact else "")
    own = _own_hint(check, name, got, expected)
    return Line(name, FAIL, shape, relative, message, own or fact)


def _case(check: Check, name: str, got: Tensor, expected: Production) -> diagnose.Case:
    others = {
        other: item.tensor.double()
        for other, item in expected.items.items()
        if other != name and item.kind == "tensor" and item.tensor is not None
    }
    want = expected.items[name].tensor
    assert want is not None
    inputs = {key: tensor.double() for key, tensor in expected.inputs.items() if key != TWIST}
    return diagnose.Case(name, got.double(), want.double(), others, inputs, check.factors)


def _own_hint(check: Check, name: str, got: Tensor | str, expected: Production) -> str:
    """Return the sentence of the first of the check's own suspects that matches."""
    relative = max(1e-3, check.tolerance(name).relative)
    for suspect, value, sentence in suspects(check.id, expected):
        if suspect == name and _matches(got, value, relative):
            return sentence
    return ""


def _matches(got: Tensor | str, value: Suspect, relative: float) -> bool:
    if isinstance(value, str):
        return got == value
    if isinstance(value, Tensor):
        return isinstance(got, Tensor) and diagnose.close(got.double(), value.double(), relative)
    return value(got)


def _hint(check: Check, name: str, got: Tensor, expected: Production) -> str:
    if got.is_complex() or not bool(torch.isfinite(got).all()):
        return ""  # nothing below can be computed
    own = _own_hint(check, name, got, expected)
    return own or diagnose.diagnose(_case(check, name, got, expected))


def _wrong_type(want: Item, item: Item) -> tuple[str, str] | None:
    if item.kind != want.kind:
        expected = {"tensor": "a torch.Tensor", "number": "a Python number", "text": "a str"}[want.kind]
        hints = {
            "NoneType": "is the return statement missing?",
            "ndarray": "stay with torch: no .numpy() on the way",
            "Tensor": "turn a one-element tensor into a number with .item()",
            "float": "keep it a tensor: no .item() here",
        }
        return f"expected {expected}, got {item.type_name}", hints.get(item.type_name, "")
    if item.on_graph and not want.on_graph:
        return (
            "the tensor is attached to an autograd graph",
            "layers work on plain tensors: create them without requires_grad",
        )
    if item.device != want.device:
        return f"expected a tensor on {want.device}, got one on {item.device}", "keep the device of the input"
    if want.kind == "number" and item.type_name != want.type_name:
        return f"expected {want.type_name}, got {item.type_name}", ""
    return None


def _dtypes(want: Tensor, got: Tensor) -> tuple[str, str]:
    hint = "a NumPy array or a float64 constant on the way? Keep the dtype of the input"
    return f"expected dtype {want.dtype}, got {got.dtype}", hint if got.dtype == torch.float64 else ""


def _judge_text(check: Check, name: str, expected: Production, got: str) -> Line:
    want = expected.items[name].text
    if got == want:
        return Line(name, PASS)
    if name == INPUTS:
        hint = (
            "operations ending in _ and assignments like x[...] = change the caller's tensor: work on a copy"
        )
        return Line(
            name, FAIL, message=f"{got} {'were' if ', ' in got else 'was'} modified in place", hint=hint
        )
    hint = _own_hint(check, name, got, expected)
    return Line(name, FAIL, message=f"expected {want!r}, got {got!r}", hint=hint)


def _not_finite(check: Check, got: Tensor, name: str, expected: Production) -> tuple[str, str]:
    bad = ~torch.isfinite(got)
    index = [int(i) for i in bad.nonzero()[0]] if got.ndim else []
    value = got[tuple(index)].item()
    same = [n for n, t in expected.inputs.items() if t.shape == got.shape]
    at = "".join(f" (there {n} is {expected.inputs[n][tuple(index)].item():g})" for n in same[:1])
    where = f" at {index}" if index else ""
    hint = "overflow: exp of a large number is inf, and inf - inf is nan; use a form that stays finite"
    return f"got {value}{where}{at}, {int(bad.sum())} of {bad.numel()} entries are not finite", (
        _own_hint(check, name, got, expected) or hint
    )
