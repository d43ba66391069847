"""The one writer of tests/assets: run every check on the reference solution and store what it produces.

    python -m cs_helpers.checks.record

The same solution gives the same bytes.
"""

import hashlib
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from cs_helpers.checks.assets import ASSETS, MANIFEST, MAX_FILE, MAX_TOTAL, stream_sample
from cs_helpers.checks.evidence import Item, Production, to_bytes
from cs_helpers.checks.measures import RAW, measured
from cs_helpers.checks.produce import INPUTS, UNTOUCHED, produce, store
from cs_helpers.checks.registry import Check, checks
from cs_helpers.checks.student import StudentPackage

OTHER_SEEDS = [f"another {number}" for number in range(10)]


def record(hw: Any, folder: Path = ASSETS) -> dict[str, int]:
    """Store the evidence of all checks, and remove files that no check owns.

    Args:
        hw: The reference solution.
        folder: Where to.

    Returns:
        Bytes by check.

    Raises:
        RuntimeError: If the reference fails to produce evidence, modifies an input, or the files are too
            large; nothing is written then.
    """
    files, entries = {}, {}
    for check in checks().values():
        production = produce(check, hw)
        same = guessable(check, hw, production)
        production = measured(check.id, production, production.inputs)
        _refuse_bad(check, production)
        files[check.id] = to_bytes(production)
        entries[check.id] = {
            "sha256": hashlib.sha256(files[check.id]).hexdigest(),
            "evidence": _describe(check, production, same),
        }
    sizes = {check_id: len(data) for check_id, data in files.items()}
    if max(sizes.values()) > MAX_FILE or sum(sizes.values()) > MAX_TOTAL:
        raise RuntimeError(f"assets too large (at most {MAX_FILE} bytes each, {MAX_TOTAL} in all): {sizes}")
    folder.mkdir(parents=True, exist_ok=True)
    for check_id, data in files.items():
        store(folder / f"{check_id}.safetensors", data)
    manifest = {"checks": entries, "torch_stream": stream_sample()}
    store(folder / MANIFEST, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    for path in folder.glob("*.safetensors"):
        if path.stem not in files:
            path.unlink()
    return sizes


def _refuse_bad(check: Check, production: Production) -> None:
    if production.failure is not None:
        raise RuntimeError(f"{check.id}: {production.failure.message} ({production.failure.where})")
    if production.items[INPUTS].text != UNTOUCHED:
        raise RuntimeError(f"{check.id}: the reference modified {production.items[INPUTS].text}")
    bad = [name for name, item in production.items.items() if item.kind == "other"]
    if bad:
        raise RuntimeError(f"{check.id}: evidence that cannot be compared: {bad}")


def guessable(check: Check, hw: Any, production: Production) -> set[str]:
    """Return the names of the evidence that is the same in a trial with another seed.

    Small numbers are so by chance, and are found in one of ten trials. Raw evidence of trainings never is so;
    for checks that have some, which take long, one other trial is enough.
    """
    raw = any(name.startswith(RAW) for name in production.items)
    others = [produce(check, hw, seed) for seed in OTHER_SEEDS[: 1 if raw else None]]
    return {
        name
        for name, item in production.items.items()
        if any(_same(item, other.items.get(name)) for other in others)
    }


def _same(a: Item, b: Item | None) -> bool:
    if b is None or a.tensor is None or b.tensor is None:
        return False
    return a.tensor.dtype == b.tensor.dtype and torch.equal(a.tensor, b.tensor)


def _describe(check: Check, production: Production, same: Collection[str]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for name, item in production.items.items():
        if item.kind == "text":
            described[name] = {"kind": "text", "value": item.text, "guessable": name in same}
            continue
        tolerance = check.tolerance(name)
        assert item.tensor is not None
        described[name] = {
            "kind": item.kind,
            "shape": list(item.tensor.shape),
            "dtype": str(item.tensor.dtype).removeprefix("torch."),
            "tolerance": tolerance.relative,
            "reason": tolerance.reason,
            "guessable": name in same,
        }
    return described


def main() -> int:
    """Record, and print the sizes."""
    try:
        sizes = record(StudentPackage())
    except RuntimeError as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    for check_id, size in sizes.items():
        print(f"{check_id:20} {size:7,} bytes")
    print(f"{'total':20} {sum(sizes.values()):7,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
