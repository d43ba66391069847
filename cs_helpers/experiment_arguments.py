"""The arguments of ``cnn_experiment``: which are allowed, and whether two runs have the same ones."""

import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from numbers import Integral, Real
from typing import Any

from cs_helpers.data import default_name
from cs_helpers.tasks import suggestion

LEAST = {
    "seed": 0,
    "bs_train": 1,
    "bs_test": 1,
    "batches": 1,
    "epochs": 1,
    "early_stopping": 1,
    "layers_per_block": 1,
    "pool_every": 1,
    "print_every": 0,
}
"""Whole numbers, and how large they must be."""
OPTIONAL = ("seed", "bs_test", "early_stopping")
"""Those that may be None as well."""
LARGEST_SEED = 2**63 - 1
LISTS = {"filters_per_layer": 1, "hidden_dims": 0}
"""Lists of whole numbers from 1 on, and how many entries they must have."""


def refuse_bad_arguments(arguments: Mapping[str, Any], known: Mapping[str, Collection[str]]) -> None:
    """Raise unless all arguments are in range.

    Args:
        arguments: Those of ``cnn_experiment``, by name.
        known: For each argument that is a name, the names that there are.

    Raises:
        ValueError: If any is not; the message lists all problems, each with argument, value and what is
            allowed.
    """
    if problems := list(_problems(arguments, known)):
        raise ValueError("; ".join(problems))


def _problems(arguments: Mapping[str, Any], known: Mapping[str, Collection[str]]) -> Iterator[str]:
    for name, least in LEAST.items():
        value = arguments[name]
        if value is None and name in OPTIONAL:
            continue
        if not _is_whole(value) or value < least:
            none = " or None" if name in OPTIONAL else ""
            yield f"{name} must be a whole number of at least {least}{none}, got {value!r}"
        elif name == "seed" and value > LARGEST_SEED:
            yield f"seed must be at most {LARGEST_SEED}, got {value}"
    for name, least in LISTS.items():
        values = arguments[name]
        if isinstance(values, str) or not isinstance(values, Collection):
            yield f"{name} must be a list of whole numbers, got {values!r}"
        elif len(values) < least:
            yield f"{name} must have at least {least} entry, got none"
        else:
            bad = [value for value in values if not _is_whole(value) or value < 1]
            yield from (f"{name} must be whole numbers of at least 1, got {value!r}" for value in bad[:1])
    for name, allowed in (("lr", "larger than 0"), ("reg", "at least 0")):
        value = arguments[name]
        fits = _is_finite(value) and (value > 0 or (value == 0 and name == "reg"))
        if not fits:
            yield f"{name} must be a finite number {allowed}, got {value!r}"
    for name in ("augment", "compiled"):
        if not isinstance(arguments[name], bool):
            yield f"{name} must be True or False, got {arguments[name]!r}"
    if arguments["seed"] is None and arguments["checkpoints"] is not None:
        yield "seed must be given if there are checkpoints: a run goes on with the seed that it began with"
    for name, names in known.items():
        if arguments[name] not in names:
            yield f"unknown {name} {arguments[name]!r}{suggestion(str(arguments[name]), names)}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def complete(experiment: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments of an experiment by name: the given ones, and the defaults of the others.

    The data set is named as it will be in the result, and the model's own arguments are under ``kw``.

    Raises:
        TypeError: If a name is given twice, or ``run_name`` is not given.
    """
    bound = inspect.signature(experiment).bind(**given)
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    if arguments["data"] == "default":
        arguments["data"] = default_name()
    return arguments


def differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return what a recorded configuration has otherwise than a wanted one, such as "lr 0.1, not 0.01".

    A seed that is None is any.
    """
    if wanted.get("seed") is None:
        wanted = {**wanted, "seed": recorded.get("seed")}
    return [
        f"{name} {recorded.get(name)!r}, not {wanted.get(name)!r}"
        for name in dict.fromkeys([*wanted, *recorded])
        if recorded.get(name) != wanted.get(name)
    ]
