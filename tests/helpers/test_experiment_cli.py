"""``python -m hw.experiments run-exp``: every argument has an option, and every mistake is one line."""

import argparse
import inspect

import pytest

from cs_helpers.experiment_arguments import complete
from cs_helpers.experiment_cli import defaults_of, main
from cs_helpers.experiment_options import OPTIONS, Parser, add_options, to_arguments, to_command_line
from cs_helpers.run_files import read_run
from hw.experiments import cnn_experiment

QUICK = ["--data", "digits", "--batches", "2", "--epochs", "1", "-s", "1", "-d", "cpu"]
NET = ["-n", "test", "-K", "4", "8", "-L", "1", "-P", "2", "-H", "10"]


def test_every_argument_has_an_option() -> None:
    assert list(OPTIONS) == list(inspect.signature(cnn_experiment).parameters)[: len(OPTIONS)]


@pytest.mark.parametrize(
    "given",
    [
        {"run_name": "a"},
        {"run_name": "a", "seed": 5, "early_stopping": None, "bs_test": 7, "hidden_dims": []},
        {"run_name": "a", "filters_per_layer": [1, 2], "augment": True, "lr": 1e-30, "reg": 0.1 + 0.2},
        {"run_name": "a", "batchnorm": True, "dropout": 0.1, "activation_params": {"a": [1, "b c"]}},
    ],
)
def test_options_written_for_arguments_are_read_as_those_arguments(given) -> None:
    defaults = defaults_of(cnn_experiment)
    arguments = complete(cnn_experiment, given)
    parser = Parser()
    add_options(parser, defaults)
    read = to_arguments(parser.parse_args(to_command_line(arguments, defaults)))
    again = complete(cnn_experiment, read)
    lists = ("filters_per_layer", "hidden_dims")
    assert {**again, **{name: list(again[name]) for name in lists}} == {
        **arguments,
        **{name: list(arguments[name]) for name in lists},
    }


def test_a_run_writes_its_result_and_a_line(tmp_path, capsys) -> None:
    assert (
        main(["run-exp", *NET, *QUICK, "-o", str(tmp_path), "-M", "resnet", "--model-args", "batchnorm=true"])
        == 0
    )
    record = read_run(tmp_path / "test_L1_K4-8.json")
    assert record["config"]["batchnorm"] is True
    assert record["config"]["hidden_dims"] == [10]
    assert capsys.readouterr().out.splitlines()[-1].startswith("test_L1_K4-8: 1 epochs, validation")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-L", "0"], "layers_per_block must be a whole number of at least 1, got 0"),
        (["-P", "0"], "pool_every must be"),
        (["-M", "resnt"], "did you mean 'resnet'"),
        (["--lr", "nan"], "lr must be a finite number"),
        (["--lr", "fast"], "argument --lr: invalid float value: 'fast'"),
        (["--early-stopping", "x"], "invalid whole number or none value: 'x'"),
        (["-K"], "expected at least one argument"),
        (["--model-args", "batchnorm"], "expected NAME=VALUE, got 'batchnorm'"),
        (["--model-args", "lr=1"], "lr has an option of its own, --lr"),
        (["--model-args", "batchnrm=true"], "unexpected keyword argument 'batchnrm'"),
        (["--threads", "0"], "threads must be at least 1, got 0"),
        (["-K", "2", "-L", "9", "-P", "1"], "the feature map shrinks to nothing"),
        (["-o", "/proc/results"], "cannot write results to /proc/results"),
        (["--data", "cifar"], "no data set 'cifar'"),
        (["--unknown"], "unrecognized arguments: --unknown"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, monkeypatch, capsys, options, message) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = main(["run-exp", *NET, *QUICK, *options])
    except SystemExit as error:  # how argparse ends
        status = error.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_run_that_diverges_is_status_1(tmp_path, capsys) -> None:
    assert main(["run-exp", *NET, *QUICK, "-o", str(tmp_path), "--lr", "1e20", "--print-every", "0"]) == 1
    assert capsys.readouterr().err.startswith("hw.experiments: the run failed: the loss of batch")


def test_a_stub_is_named(monkeypatch, tmp_path, capsys) -> None:
    def stub(*_: object, **__: object) -> None:
        raise NotImplementedError("p5.experiment: _make_net")

    monkeypatch.setattr("hw.experiments._make_net", stub)
    assert main(["run-exp", *NET, *QUICK, "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "hw.experiments: not written yet: p5.experiment: _make_net\n"


def test_an_existing_result_is_kept_if_it_fits_and_refused_if_not(tmp_path, capsys) -> None:
    command = ["run-exp", *NET, *QUICK, "-o", str(tmp_path), "--print-every", "0"]
    assert main(command) == 0
    file = tmp_path / "test_L1_K4-8.json"
    before = file.read_bytes()
    assert main([*command, "--existing", "keep"]) == 0
    assert "is there already" in capsys.readouterr().out
    assert main([*command, "--existing", "keep", "--lr", "0.5"]) == 2
    assert "lr 0.001, not 0.5" in capsys.readouterr().err
    assert file.read_bytes() == before
    assert main([*command, "--existing", "replace", "--lr", "0.5"]) == 0
    assert read_run(file)["config"]["lr"] == 0.5


@pytest.mark.parametrize("command", ["run-exp", "run-grid"])
def test_help_lists_every_option(command, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    if command == "run-exp":
        flags = [flag for option in OPTIONS.values() for flag in option.flags]
        assert [flag for flag in flags if flag not in text] == []
    assert "exit status: 0" in text


def test_whole_usage_is_not_printed_for_a_mistake(capsys) -> None:
    parser: argparse.ArgumentParser = Parser(prog="p")
    with pytest.raises(SystemExit):
        parser.parse_args(["x"])
    assert capsys.readouterr().err == "p: unrecognized arguments: x\n"
