"""The stored expected evidence: tests/assets, one safetensors file a check, and a manifest.

A graded session's values are published in a folder of the same form, with their seed in the manifest.
"""

import hashlib
import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from cs_helpers.checks.evidence import EvidenceError, Production, from_file
from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.checks.trial import PUBLIC_SEED
from cs_helpers.tasks import suggestion

ASSETS = COURSE_ROOT / "tests" / "assets"
MANIFEST = "manifest.json"
MAX_FILE, MAX_TOTAL = 64 * 1024, 2 * 1024 * 1024  # bytes


class AssetError(RuntimeError):
    """A stored file is missing or was changed; the message names it and says what to do."""


@cache
def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found["checks"], dict):
            raise ValueError("it has no checks")
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssetError(f"{path} cannot be read ({error}). {_restore(path)}") from error


def _restore(path: Path) -> str:
    """Say how to get a damaged file back."""
    if path.parent == ASSETS:
        return f"Restore it: git checkout -- tests/assets/{path.name}"
    return "It is staff who publish this folder: get it again"


def seed(folder: Path = ASSETS) -> str:
    """Return the seed of the trials that the stored evidence belongs to."""
    return str(_manifest(folder).get("seed", PUBLIC_SEED))


def stored(folder: Path = ASSETS) -> list[str]:
    """Return the checks whose evidence is there.

    Raises:
        AssetError: If the folder has no manifest, or a damaged one.
    """
    return list(_manifest(folder)["checks"])


def guessable(check_id: str) -> frozenset[str]:
    """Return the names of a check's evidence that is the same in many trials, whatever their seeds."""
    evidence = _manifest(ASSETS)["checks"].get(check_id, {}).get("evidence", {})
    return frozenset(name for name, entry in evidence.items() if entry.get("guessable"))


def expected(check_id: str, folder: Path = ASSETS) -> Production:
    """Load the stored expected evidence of a check.

    Raises:
        AssetError: If there is none, or the file is not the one in the manifest.
    """
    entries = _manifest(folder)["checks"]
    if check_id not in entries:
        raise AssetError(f"no expected values are stored for {check_id!r}{suggestion(check_id, entries)}")
    return _load(folder / f"{check_id}.safetensors", entries[check_id]["sha256"])


@lru_cache(maxsize=64)
def _load(path: Path, sha256: str) -> Production:
    restore = _restore(path)
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise AssetError(f"{path} cannot be read ({error.strerror}). {restore}") from error
    if found != sha256:
        raise AssetError(
            f"{path} is not the file that the manifest lists (sha256 {found[:12]}...). {restore}"
        )
    try:
        return from_file(path)
    except EvidenceError as error:
        raise AssetError(f"{error}. {restore}") from error


def streams_agree(folder: Path = ASSETS) -> bool:
    """Whether torch's random stream on this machine is that of the machine that recorded the assets."""
    return stream_sample() == _manifest(folder)["torch_stream"]


@lru_cache(maxsize=1)
def stream_sample() -> list[str]:
    """Return the beginning of torch's normal stream for seed 42, rounded to hide float noise."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(42)
        small, large = torch.randn(3), torch.randn(400)
    return [f"{value:.3f}" for value in [*small.tolist(), *large[-3:].tolist()]]
