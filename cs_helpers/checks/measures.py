"""The comparing half of checks whose raw evidence is random: what can be measured of it.

A measurement runs where the verdict is made, on the raw evidence of the reference and of the student
alike; the results replace the raw items (those whose names start with ``raw:``).
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from cs_helpers.checks import measures_part2, measures_part3, measures_part4, measures_part5
from cs_helpers.checks.evidence import Production, snapshot
from cs_helpers.checks.part1 import ANOTHER_MASK, DROPOUT_MEASURES, DROPOUT_RATES, DROPOUT_SIDE

RAW = "raw:"
Tensors = Mapping[str, Tensor]
Measure = Callable[[Tensors, Tensors], Iterator[tuple[str, Any]]]
"""From raw evidence and the trial's inputs to measurements."""


def measured(check_id: str, production: Production, inputs: Tensors, *, stored: bool = False) -> Production:
    """Replace raw evidence by measurements of it; anything else stays.

    Raw evidence that cannot be measured (missing, of a wrong shape or type) is dropped, and so is missing
    from the result.

    Args:
        check_id: The check.
        production: Its evidence.
        inputs: The trial's tensors, as the side that decides knows them.
        stored: Whether this is the expected evidence, which is stored as measurements. From anywhere else
            a ready-made measurement is forged, and dropped.
    """
    if not stored:
        forged = _NAMES.get(check_id, ())
        honest = {name: item for name, item in production.items.items() if name not in forged}
        production = dataclasses.replace(production, items=honest)
    raw = {name: item for name, item in production.items.items() if name.startswith(RAW)}
    if not raw:
        return production
    items = {name: item for name, item in production.items.items() if name not in raw}
    tensors = {
        name: item.tensor for name, item in raw.items() if item.kind == "tensor" and item.tensor is not None
    }
    try:
        for name, value in _MEASURES[check_id](tensors, inputs):
            items[name] = snapshot(value)
    except (KeyError, ValueError, RuntimeError, TypeError, IndexError):
        pass  # what was measured until here counts; the rest is missing evidence
    return dataclasses.replace(production, items=items)


def dropout(raw: Tensors, inputs: Tensors) -> Iterator[tuple[str, Any]]:
    """Measure Dropout's masks on an input of ones: rates, scale, independence, the gradient's mask."""
    out = _square(raw, "raw:out")
    kept = out != 0
    share = _share(kept)
    yield DROPOUT_RATES[0], share
    values = out[kept] if share else out.flatten()
    yield "smallest value of a kept unit", values.min().double().item()
    yield "largest value of a kept unit", values.max().double().item()
    yield DROPOUT_RATES[1], _together(kept[:-1], kept[1:], share, share)
    yield DROPOUT_RATES[2], _together(kept[:, :-1], kept[:, 1:], share, share)
    dx = _square(raw, "raw:dx")
    yield ANOTHER_MASK, _share((dx - out).abs() > 1e-3)
    again = _square(raw, "raw:out, second call") != 0
    yield DROPOUT_RATES[3], _together(kept, again, share, _share(again))


def _share(true: Tensor) -> float:
    return int(true.count_nonzero()) / true.numel()


def _together(a: Tensor, b: Tensor, share_a: float, share_b: float) -> float:
    """Return how often both are kept, relative to independent draws: 1 if they are independent."""
    return _share(a & b) / (share_a * share_b) if share_a * share_b else 0.0


def _square(raw: Tensors, name: str) -> Tensor:
    tensor = raw[name]
    if (
        tensor.shape != (DROPOUT_SIDE, DROPOUT_SIDE)
        or not tensor.is_floating_point()
        or not bool(torch.isfinite(tensor).all())
    ):
        raise ValueError(f"{name}: expected finite floats of shape {(DROPOUT_SIDE,) * 2}")
    return tensor


_PARTS = (measures_part2, measures_part3, measures_part4, measures_part5)
_MEASURES: dict[str, Measure] = {"p1.dropout": dropout}
_NAMES = {"p1.dropout": DROPOUT_MEASURES}
for _part in _PARTS:
    _MEASURES |= _part.MEASURES
    _NAMES |= _part.NAMES
