"""Files that are replaced whole, or not at all."""

import contextlib
import subprocess
import sys

import pytest

from cs_helpers.whole_files import replacing

FULL_DISK = """
import resource, sys, torch
from cs_helpers import checkpoints, run_files
from cs_helpers.train_results import FitResult
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
folder = sys.argv[1]
content = {"weights": torch.zeros(5000).tolist(), "fit": FitResult(0, [], [], [], [])}
for write, name in ((checkpoints.save, "fit.pt"), (run_files.write_run, "run.json")):
    try:
        write(f"{folder}/{name}", content)
    except ValueError as error:
        print(type(error).__name__, error)
"""


def test_the_file_is_replaced_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "file.txt"
    for text in (b"first", b"second"):
        with replacing(path) as file:
            file.write(text)
    assert path.read_bytes() == b"second"
    assert [found.name for found in path.parent.iterdir()] == ["file.txt"]


def test_an_error_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(b"former")
    with contextlib.suppress(KeyError), replacing(path) as file:
        file.write(b"half")
        raise KeyError("in the middle")
    assert path.read_bytes() == b"former"
    assert [found.name for found in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited there")
def test_a_full_disk_is_a_clear_error_for_checkpoints_and_results(tmp_path):
    for name in ("fit.pt", "run.json"):
        (tmp_path / name).write_bytes(b"former")
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"CheckpointError cannot write the checkpoint {tmp_path}/fit.pt: File too large" in output
    assert f"RunFileError cannot write the result {tmp_path}/run.json: File too large" in output
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "fit.pt": b"former",
        "run.json": b"former",
    }
