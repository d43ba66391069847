"""The one writer of tests/assets: run every check on the reference solution and store what it produces.

    python -m cs_helpers.checks.record

The same solution gives the same bytes.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cs_helpers.checks.assets import ASSETS, MANIFEST, MAX_FILE, MAX_TOTAL, stream_sample
from cs_helpers.checks.evidence import Production, to_bytes
from cs_helpers.checks.measures import measured
from cs_helpers.checks.produce import INPUTS, UNTOUCHED, produce, store
from cs_helpers.checks.registry import Check, checks
from cs_helpers.checks.student import StudentPackage


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
        production = measured(check.id, production, production.inputs)
        _refuse_bad(check, production)
        files[check.id] = to_bytes(production)
        entries[check.id] = {
            "sha256": hashlib.sha256(files[check.id]).hexdigest(),
            "evidence": _describe(check, production),
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


def _describe(check: Check, production: Production) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for name, item in production.items.items():
        if item.kind == "text":
            described[name] = {"kind": "text", "value": item.text}
            continue
        tolerance = check.tolerance(name)
        assert item.tensor is not None
        described[name] = {
            "kind": item.kind,
            "shape": list(item.tensor.shape),
            "dtype": str(item.tensor.dtype).removeprefix("torch."),
            "tolerance": tolerance.relative,
            "reason": tolerance.reason,
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
