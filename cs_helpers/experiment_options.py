"""The options of ``run-exp``, one for every argument of ``cnn_experiment``, in both directions."""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Print the line, and exit with status 2."""
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(2)


def whole_or_none(text: str) -> int | None:
    """Read a whole number, or "none"."""
    return None if text.lower() == "none" else int(text)


whole_or_none.__name__ = "whole number or none"  # argparse names the type in its message


def setting(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; the value is JSON, or a text if it is none."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


class Option(NamedTuple):
    """How an argument of ``cnn_experiment`` is written on the command line."""

    flags: tuple[str, ...]
    how: dict[str, Any]
    help: str


def _one(kind: Any, metavar: str) -> dict[str, Any]:
    return {"type": kind, "metavar": metavar}


OPTIONS: dict[str, Option] = {
    "run_name": Option(("-n", "--run-name"), _one(str, "NAME"), "first part of the result's file name"),
    "out_dir": Option(("-o", "--out-dir"), _one(str, "FOLDER"), "folder of the result"),
    "seed": Option(("-s", "--seed"), _one(whole_or_none, "N"), "seed; drawn, and recorded, for none"),
    "device": Option(("-d", "--device"), _one(str, "NAME"), "cpu, cuda or cuda:N; a GPU if there is one"),
    "bs_train": Option(("--bs-train",), _one(int, "N"), "images per training batch"),
    "bs_test": Option(("--bs-test",), _one(whole_or_none, "N"), "images per test batch; none: as --bs-train"),
    "batches": Option(("--batches",), _one(int, "N"), "most batches of an epoch"),
    "epochs": Option(("--epochs",), _one(int, "N"), "most epochs"),
    "early_stopping": Option(
        ("--early-stopping",),
        _one(whole_or_none, "N"),
        "stop after so many epochs without improvement, or none",
    ),
    "checkpoints": Option(
        ("--checkpoints",),
        _one(str, "FILE"),
        "go on from this file if it is there; written after every epoch",
    ),
    "lr": Option(("--lr",), _one(float, "X"), "learning rate; the highest one under one-cycle"),
    "reg": Option(("--reg",), _one(float, "X"), "strength of the L2 regularisation"),
    "filters_per_layer": Option(
        ("-K", "--filters-per-layer"), {**_one(int, "K"), "nargs": "+"}, "filters of each block"
    ),
    "layers_per_block": Option(
        ("-L", "--layers-per-block"), _one(int, "L"), "convolutions with each of the K"
    ),
    "pool_every": Option(("-P", "--pool-every"), _one(int, "P"), "convolutions before each pooling layer"),
    "hidden_dims": Option(
        ("-H", "--hidden-dims"), {**_one(int, "H"), "nargs": "*"}, "units of the hidden layers; may be empty"
    ),
    "model_type": Option(("-M", "--model-type"), _one(str, "TYPE"), "cnn, resnet or ycn (YourCNN)"),
    "data": Option(
        ("--data",), _one(str, "NAME"), "data set; default: CIFAR-10 if it is there, else digits32"
    ),
    "optimizer": Option(("--optimizer",), _one(str, "NAME"), "adam, or sgd with Nesterov's momentum"),
    "schedule": Option(("--schedule",), _one(str, "NAME"), "constant or one-cycle"),
    "augment": Option(("--augment",), {"action": "store_true"}, "shift (and mirror) training images"),
    "compiled": Option(("--compiled",), {"action": "store_true"}, "let torch.compile take the model over"),
    "print_every": Option(("--print-every",), _one(int, "N"), "a line every so many epochs; none for 0"),
    "kw": Option(
        ("--model-args",),
        {**_one(setting, "NAME=VALUE"), "nargs": "+"},
        "the model's other arguments, values in JSON: batchnorm=true dropout=0.1",
    ),
}


def add_options(parser: argparse.ArgumentParser, defaults: Mapping[str, Any]) -> None:
    """Add an option for every argument.

    Args:
        parser: Where to.
        defaults: The arguments' default values; one without is required.
    """
    for name, (flags, how, text) in OPTIONS.items():
        if name == "kw":
            parser.add_argument(*flags, dest=name, default=[], help=text, **how)
        elif name in defaults:
            default = defaults[name]
            shown = f" (default: {_shown(default)})" if how.get("action") is None else ""
            parser.add_argument(*flags, dest=name, default=default, help=f"{text}{shown}", **how)
        else:
            parser.add_argument(*flags, dest=name, required=True, help=text, **how)


def _shown(default: Any) -> str:
    return " ".join(map(str, default)) if isinstance(default, tuple | list) else str(default).lower()


def to_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of ``cnn_experiment`` that parsed options stand for.

    Raises:
        ValueError: If one of the model's own arguments is an argument of the experiment, too.
    """
    arguments = {name: getattr(options, name) for name in OPTIONS if name != "kw"}
    if twice := [name for name, _ in options.kw if name in OPTIONS]:
        raise ValueError(f"--model-args: {twice[0]} has an option of its own, {OPTIONS[twice[0]].flags[-1]}")
    return {**arguments, **dict(options.kw)}


def to_command_line(arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Return options that stand for arguments: what is the default is left out.

    Args:
        arguments: Every argument of ``cnn_experiment``; the model's own are under "kw".
        defaults: The arguments' default values.
    """
    words = []
    for name, value in arguments.items():
        flag, how = OPTIONS[name].flags[0], OPTIONS[name].how
        if name == "kw":
            words += [flag, *(f"{key}={json.dumps(part)}" for key, part in value.items())] if value else []
        elif _plain(value) == _plain(defaults.get(name, ...)):
            continue
        elif how.get("action") == "store_true":
            words.append(flag)
        elif "nargs" in how:
            words += [flag, *map(str, value)]
        else:
            words += [flag, str(value)]
    return words


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
