"""Stored results: found in a sensible order, drawn, and listed."""

import json
import shutil

import matplotlib
import pytest

from cs_helpers.experiment_plots import NoResultsError, find_runs, plot_exp_results, results_table
from hw.experiments import cnn_experiment

matplotlib.use("agg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three results of one experiment, and one of another."""
    folder = tmp_path_factory.mktemp("results")
    own = {"seed": 1, "device": "cpu", "data": "digits", "batches": 1, "epochs": 2, "print_every": 0}
    for name, layers in (("exp1_1", 2), ("exp1_1", 10), ("exp2", 2)):
        sizes = {"filters_per_layer": [3], "layers_per_block": layers, "pool_every": 5, "hidden_dims": []}
        cnn_experiment(name, folder, **own, **sizes)
    return folder


def test_depths_are_in_the_order_of_numbers(folder) -> None:
    assert [run.label for run in find_runs("exp1_1_L*_K3*.json", folder)] == ["K=3, L=2", "K=3, L=10"]


def test_a_plot_has_every_run_and_says_data_and_device(folder) -> None:
    figure, (left, right) = plot_exp_results("exp1_1_*.json", folder)
    assert len(left.lines) == len(right.lines) == 4
    assert figure.get_suptitle().startswith("exp1_1: digits on ")


def test_runs_of_several_experiments_are_told_apart(folder) -> None:
    figure, _ = plot_exp_results("exp*.json", folder)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"exp2, K=3, L=2, train", "exp2, K=3, L=2, validation"} <= set(labels)


def test_a_table_has_a_row_for_each_run_in_text_and_html(folder) -> None:
    table = results_table("exp*.json", folder)
    lines = repr(table).splitlines()
    assert len(lines) == 4
    assert lines[0].split()[:3] == ["run", "validation", "%"]
    assert lines[1].startswith("exp1_1_L2_K3 ")
    assert table._repr_html_().count("<tr>") == 4


def test_a_pattern_that_nothing_matches_says_what_is_there(folder, tmp_path) -> None:
    with pytest.raises(NoResultsError, match=r"matches 'exp3\*'; there are: exp1_1, exp2\."):
        plot_exp_results("exp3*", folder)
    with pytest.raises(ValueError, match="there are: none"):
        results_table("*.json", tmp_path / "not there")


def test_a_damaged_result_is_named(folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "results")
    file = tmp_path / "results" / "exp2_L2_K3.json"
    record = json.loads(file.read_text())
    del record["data"]
    file.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"exp2_L2_K3.json is not a whole result: it has no data"):
        results_table("*.json", tmp_path / "results")
