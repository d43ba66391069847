"""What each check knows about its own typical mistakes, and which freedoms it leaves.

A suspect is a tensor (or a text) that a known mistake would give, with the sentence that names the mistake.
An alternative is a tensor that is as right as the expected one, where the contract leaves a choice. Both
are computed from the expected evidence and the trial's inputs, on the comparing side.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

from cs_helpers.checks.evidence import Production

Tensors = Mapping[str, Tensor]
Suspects = Callable[[Tensors, Tensors], Iterator[tuple[str, Tensor | str, str]]]
Alternatives = Callable[[Tensors, Tensors], Iterator[tuple[str, Tensor]]]

_SUSPECTS: dict[str, Suspects] = {}
_ALTERNATIVES: dict[str, Alternatives] = {}


def suspects_of(check_id: str) -> Callable[[Suspects], Suspects]:
    """Register a generator ``(expected, inputs) -> (evidence name, tensor, sentence), ...``."""

    def register(function: Suspects) -> Suspects:
        _SUSPECTS[check_id] = function
        return function

    return register


def alternatives_of(check_id: str) -> Callable[[Alternatives], Alternatives]:
    """Register a generator ``(expected, inputs) -> (evidence name, tensor), ...``."""

    def register(function: Alternatives) -> Alternatives:
        _ALTERNATIVES[check_id] = function
        return function

    return register


def suspects(check_id: str, expected: Production) -> Iterator[tuple[str, Tensor | str, str]]:
    """Yield the suspects of a check: (evidence name, tensor, sentence)."""
    _load(check_id)
    if check_id in _SUSPECTS:
        yield from _SUSPECTS[check_id](_tensors(expected), expected.inputs)


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
