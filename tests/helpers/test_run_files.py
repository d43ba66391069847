"""Result files: whole or refused in one line, and where they lie."""

import json
from pathlib import Path

import pytest
import torch

from cs_helpers.run_files import RunFileError, provenance, read_run, require_writable, run_path, write_run
from cs_helpers.train_results import FitResult

FIT = FitResult(2, [2.0, 1.0], [10.0, 20.0], [2.1, 1.1], [11.0, 21.0])
CONTENT = {
    "config": {"run_name": "a"},
    "fit": FIT,
    "test": {"accuracy": 20.0},
    "data": {"name": "digits"},
    "model": {"parameters": 3},
    "time": {"epochs": [0.1, 0.1]},
    "provenance": {},
}


@pytest.fixture
def file(tmp_path) -> Path:
    """A whole result."""
    write_run(tmp_path / "results" / "a_L1_K2.json", CONTENT)
    return tmp_path / "results" / "a_L1_K2.json"


def test_a_result_comes_back_as_it_was_written(file) -> None:
    assert read_run(file) == {"format": 1, **CONTENT}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:100], "damaged or no JSON"),
        (lambda text: "", "damaged or no JSON"),
        (lambda text: "[1]", "does not say format 1"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "does not say format 1"),
        (lambda text: text.replace('"time"', '"tme"'), "has no time"),
        (lambda text: text.replace('"num_epochs": 2', '"num_epochs": 3'), "train_loss must be 3 finite"),
        (lambda text: text.replace("2.1", "NaN"), "test_loss must be 2 finite"),
        (lambda text: text.replace("2.1", '"2.1"'), "test_loss must be 2 finite"),
        (lambda text: text.replace('"train_acc"', '"trainacc"'), "fit has"),
        (lambda text: "[" * 100_000, "damaged or no JSON"),
    ],
)
def test_a_file_that_is_no_whole_result_is_refused(file, change, message) -> None:
    file.write_text(change(file.read_text()))
    with pytest.raises(RunFileError, match=message) as raised:
        read_run(file)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_bytes_that_are_no_text_are_refused(file) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(RunFileError, match="damaged or no JSON"):
        read_run(file)


def test_a_file_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(RunFileError, match=r"cannot read the result .*none.json: No such file"):
        read_run(tmp_path / "none.json")


def test_a_number_that_json_has_not_is_not_written(tmp_path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_run(tmp_path / "a.json", {**CONTENT, "test": {"accuracy": float("nan")}})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFileError, match=r"cannot write results to .*results: Not a directory"):
        require_writable(tmp_path / "file" / "results")


def test_the_name_of_a_result_tells_run_depth_and_filters() -> None:
    assert run_path("results", "exp1_3", 4, [64, 128]) == Path("results/exp1_3_L4_K64-128.json")


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "a\n"])
def test_a_name_that_could_lead_elsewhere_is_refused(name) -> None:
    with pytest.raises(ValueError, match="run_name must be of letters"):
        run_path("results", name, 1, [2])


def test_provenance_names_versions_and_processor() -> None:
    said = provenance(torch.device("cpu"))
    assert said["torch"] == torch.__version__
    assert set(said) == {"torch", "torchvision", "python", "system", "device"}
    assert all(said.values())
    json.dumps(said)
