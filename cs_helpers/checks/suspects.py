"""What each check knows about its own typical mistakes, and which freedoms it leaves.

A suspect is a tensor (or a text) that a known mistake would give, or a predicate of what was given instead,
with the sentence that names the mistake.
An alternative is a tensor that is as right as the expected one, where the contract leaves a choice. Both
are computed from the expected evidence and the trial's inputs, on the comparing side.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from cs_helpers.checks.evidence import Production

Tensors = Mapping[str, Tensor]
Suspect = Tensor | str | Callable[[Any], bool]
Suspects = Callable[[Tensors, Tensors], Iterator[tuple[str, Suspect, str]]]
Alternatives = Callable[[Tensors, Tensors], Iterator[tuple[str, Tensor]]]

_SUSPECTS: dict[str, list[Suspects]] = {}
_ALTERNATIVES: dict[str, Alternatives] = {}


def suspects_of(check_id: str) -> Callable[[Suspects], Suspects]:
    """Register a generator ``(expected, inputs) -> (evidence name, value or predicate, sentence), ...``.

    The first that matches is shown, so a sentence for whatever else may be wrong (``always``) comes last.
    """

    def register(function: Suspects) -> Suspects:
        _SUSPECTS.setdefault(check_id, []).append(function)
        return function

    return register


def alternatives_of(check_id: str) -> Callable[[Alternatives], Alternatives]:
    """Register a generator ``(expected, inputs) -> (evidence name, tensor), ...``."""

    def register(function: Alternatives) -> Alternatives:
        _ALTERNATIVES[check_id] = function
        return function

    return register


def always(got: Any) -> bool:
    """Match whatever was given: the predicate of a sentence that helps with any mistake there."""
    return True


def suspects(check_id: str, expected: Production) -> Iterator[tuple[str, Suspect, str]]:
    """Yield the suspects of a check: (evidence name, value or predicate, sentence)."""
    _load(check_id)
    for function in _SUSPECTS.get(check_id, []):
        yield from function(_tensors(expected), expected.inputs)


def alternatives(check_id: str, name: str, expected: Production) -> Iterator[Tensor]:
    """Yield the tensors that are accepted for a piece of evidence besides the expected one."""
    _load(check_id)
    if check_id in _ALTERNATIVES:
        for evidence_name, tensor in _ALTERNATIVES[check_id](_tensors(expected), expected.inputs):
            if evidence_name == name:
                yield tensor


def _load(check_id: str) -> None:
    importlib.import_module(f"cs_helpers.checks.suspects_part{check_id[1]}")


def _tensors(expected: Production) -> dict[str, Tensor]:
    return {
        name: item.tensor
        for name, item in expected.items.items()
        if item.kind != "text" and item.tensor is not None
    }
