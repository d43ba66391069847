"""Results of experiments as JSON files: whole or not there, with all that it takes to run them again."""

import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from cs_helpers.devices import describe_device
from cs_helpers.train_results import FitResult
from cs_helpers.whole_files import replacing

FORMAT = 1
PARTS = ("config", "fit", "test", "data", "model", "time", "provenance")


class RunFileError(ValueError):
    """A result cannot be written or read; the message names the file and says why."""


def run_path(
    out_dir: str | os.PathLike[str], run_name: str, layers_per_block: int, filters_per_layer: Sequence[int]
) -> Path:
    """Return the file of a run's result, such as ``results/exp1_1_L4_K32-64.json``.

    Raises:
        ValueError: If the name could not be a file's.
    """
    if not run_name or not all(char.isalnum() or char in "._-" for char in run_name) or run_name[0] == ".":
        raise ValueError(f"run_name must be of letters, digits, dots, - and _, got {run_name!r}")
    filters = "-".join(map(str, filters_per_layer))
    return Path(out_dir) / f"{run_name}_L{layers_per_block}_K{filters}.json"


def write_run(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a result; a process killed at any moment leaves no half-written file of this name.

    Args:
        path: The file; its folder is made if need be.
        content: One entry for each of ``PARTS``; ``fit`` is a FitResult.

    Raises:
        RunFileError: If it cannot be written.
    """
    record = {"format": FORMAT, **content, "fit": content["fit"]._asdict()}
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    try:
        with replacing(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise RunFileError(f"cannot write the result {path}: {error.strerror or error}") from error


def require_writable(folder: str | os.PathLike[str]) -> None:
    """Make a folder if need be, and try to write there: before hours of training, not after them.

    Raises:
        RunFileError: If that fails.
    """
    probe = Path(folder) / f".probe.{os.getpid()}"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RunFileError(f"cannot write results to {folder}: {error.strerror or error}") from error


def read_run(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a result; ``fit`` comes back as a FitResult.

    Raises:
        RunFileError: If the file is not there, or is no result of an experiment.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise RunFileError(f"cannot read the result {path}: {error.strerror or error}") from error
    return parse_run(content, path)


def parse_run(content: bytes, path: object) -> dict[str, Any]:
    """Read a result from its file's content; nothing about it is trusted.

    Args:
        content: The bytes of the file.
        path: What to call it in messages.

    Raises:
        RunFileError: If it is no result of an experiment.
    """
    try:
        record = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"{path} is not a result: it is damaged or no JSON ({error})") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunFileError(f"{path} is not a result of an experiment: it does not say format {FORMAT}")
    missing = [part for part in PARTS if not isinstance(record.get(part), dict)]
    if missing:
        raise RunFileError(f"{path} is not a whole result: it has no {', '.join(missing)}")
    record["fit"] = _fit_result(record["fit"], path)
    return record


def _fit_result(fields: Mapping[str, Any], path: object) -> FitResult:
    if set(fields) != set(FitResult._fields):
        raise RunFileError(f"{path} is not a whole result: fit has {sorted(fields)}")
    fit = FitResult(**fields)
    for name, values in zip(fit._fields[1:], fit[1:], strict=True):
        good = isinstance(values, list) and all(
            isinstance(value, float | int) and math.isfinite(value) for value in values
        )
        if not good or len(values) != fit.num_epochs:
            raise RunFileError(f"{path}: fit.{name} must be {fit.num_epochs} finite numbers, one per epoch")
    return fit


def provenance(device: torch.device) -> dict[str, str]:
    """Return where a result comes from: versions of the libraries, and the processor."""
    return {
        "torch": torch.__version__,
        "torchvision": importlib.metadata.version("torchvision"),  # to import it takes seconds
        "python": platform.python_version(),
        "system": platform.system(),
        "device": describe_device(device),
    }
