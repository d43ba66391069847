"""What is run to check Part 4's networks; ``part4_training`` has the training.

Most evidence is about parameters that the trial sets, so it does not matter how they were drawn. The cases of
the text are the exception, on purpose: torch is seeded, the network draws its own parameters, and so the
order in which its layers are created must be the one that the contract fixes.
"""

import copy
from typing import Any

import torch
from torch import nn

from cs_helpers.checks import part4_training  # noqa: F401 - register what it holds
from cs_helpers.checks.part1 import Evidence, raised
from cs_helpers.checks.registry import produces
from cs_helpers.checks.structure import layers, message, modes, parts, run, shapes, statistics
from cs_helpers.checks.trial import Trial

SEED = 42  # of the cases of the text, in a public trial
INPUTS = ("ones", "a random image")
Settings = dict[str, Any]
Size = tuple[int, int, int]
IMAGE: Size = (3, 100, 100)

DRAWN = "random numbers after construction"


def _lrelu() -> Settings:
    return {"activation_type": "lrelu", "activation_params": {"negative_slope": 0.2}}


def _case(trial: Trial, title: str, make: Any, settings: Settings, size: Size) -> Evidence:
    """Build a network from a seed; yield what it makes of ones and of a random image, in evaluation mode."""
    trial.seed_torch(public=SEED)
    net = make(**copy.deepcopy(settings)).eval()  # the student may change lists
    image = trial.normal(f"image of {title}", 1, *size, stored=False)
    for name, x in zip(_names(title), (torch.ones(1, *size), image), strict=True):
        trial.seed_torch(public=SEED)
        yield name, run(net, x)


def _names(title: str) -> tuple[str, ...]:
    return tuple(f"{title}, on {name}" for name in INPUTS)


CNN_CASES: dict[str, Settings] = {
    "case a": {
        "out_classes": 10,
        "channels": [32] * 4,
        "pool_every": 2,
        "hidden_dims": [100] * 2,
        "conv_params": {"kernel_size": 3, "stride": 1, "padding": 1},
        "activation_type": "relu",
        "pooling_type": "max",
        "pooling_params": {"kernel_size": 2},
    },
    "case b": {
        "out_classes": 10,
        "channels": [32] * 4,
        "pool_every": 2,
        "hidden_dims": [100] * 2,
        "conv_params": {"kernel_size": 5, "stride": 2, "padding": 3},
        "activation_type": "lrelu",
        "activation_params": {"negative_slope": 0.05},
        "pooling_type": "avg",
        "pooling_params": {"kernel_size": 3},
    },
    "case c": {
        "out_classes": 3,
        "channels": [16] * 5,
        "pool_every": 3,
        "hidden_dims": [100],
        "conv_params": {"kernel_size": 2, "stride": 2, "padding": 2},
        "activation_type": "lrelu",
        "activation_params": {"negative_slope": 0.1},
        "pooling_type": "max",
        "pooling_params": {"kernel_size": 2},
    },
}


@produces(
    "p4.cnn",
    where={
        "": "CNN._make_feature_extractor",
        "out": "CNN.forward",
        "parts": "CNN.__init__",
        "layers of the MLP": "CNN._make_mlp",
        "mode after": "CNN._num_features",
        "shrinking": "CNN._num_features",
        "the layer": "CNN._num_features",
        DRAWN: "CNN._num_features",
    },
    streams=(DRAWN, *(name for title in CNN_CASES for name in _names(title))),
    seconds=60,
)
def cnn(hw: Any, trial: Trial) -> Evidence:
    """Look at how CNNs are built, run them on set weights, then build the three of the text from a seed."""
    make = hw.cnn.CNN
    channels, hidden, conv = [4, 6, 5, 3, 4], [7, 6], {"kernel_size": 3, "padding": 1}
    pooling = {"kernel_size": 2}
    net = make(
        (3, 13, 9), 5, channels, 2, hidden, conv, **_lrelu(), pooling_type="avg", pooling_params=pooling
    )
    yield "parts", parts(net)
    yield "extractor", layers(net.feature_extractor)
    yield "layers of the MLP", layers(net.mlp)
    yield "type of feature_extractor", _kind(net.feature_extractor)
    yield "the caller's lists afterwards", f"{channels}, {hidden}, {conv}, {pooling}"
    yield "shapes of the parameters", shapes(net)
    yield "mode after construction", modes(net)
    x = trial.normal("x", 2, 3, 13, 9)
    yield "out, leaky ReLU and average pooling", run(trial.set_in_order("net", net), x)

    tuples = {"conv_params": {"kernel_size": (3, 5), "stride": (2, 1), "padding": (1, 3), "bias": False}}
    other = make((2, 12, 10), 3, (3, 4), 2, (), **tuples, activation_type="tanh", pooling_type="max")
    yield "extractor, tuples", layers(other.feature_extractor)
    yield "layers of the MLP, none hidden", layers(other.mlp)
    x = trial.normal("other x", 2, 2, 12, 10)
    yield "out, tanh and max pooling", run(trial.set_in_order("other net", other), x)
    yield "extractor, P above N", layers(make((1, 4, 4), 2, [3, 2], 5, [4]).feature_extractor)
    deep = make((1, 4, 4), 2, [3] * 32, 16, [4])
    yield "parameters, 32 convolutions", sum(param.numel() for param in deep.parameters())

    trial.seed_torch()
    make((3, 8, 8), 4, [4, 4], 1, [5])
    yield DRAWN, torch.rand(4)
    yield "shrinking to nothing raises", raised(lambda: make((3, 8, 8), 4, [4] * 5, 1, [5]))
    yield "the layer it shrinks at is", message(lambda: make((3, 8, 8), 4, [4] * 5, 1, [5]), "MaxPool|11")
    for title, settings in CNN_CASES.items():
        yield from _case(trial, title, make, {"in_size": IMAGE, **settings}, IMAGE)


def _kind(module: Any) -> str:
    """Name a module's type; a subclass of nn.Sequential is one."""
    return "Sequential" if isinstance(module, nn.Sequential) else type(module).__name__


BLOCK_CASE: Settings = {
    "in_channels": 3,
    "channels": [6, 4] * 2,
    "kernel_sizes": [3, 5] * 2,
    "batchnorm": True,
    "dropout": 0.2,
}
STATISTICS = "running statistics"


def _modes(title: str, net: Any, x: Any) -> Evidence:
    """Run a network in training mode, look at what its batch norm has seen, and run it in evaluation mode."""
    yield f"out{title}, training mode", run(net.train(), x)
    yield f"{STATISTICS}{title} after it", statistics(net)
    yield f"out{title}, evaluation mode", run(net.eval(), x)


@produces(
    "p4.residual_block",
    where={"": "ResidualBlock.__init__", "out": "ResidualBlock.forward"},
    factors={"1-p": 0.75},
    streams=_names("case of the text"),
)
def residual_block(hw: Any, trial: Trial) -> Evidence:
    """Look at how residual blocks are built, run them on set weights, then build one from a seed."""
    make = hw.cnn.ResidualBlock
    channels, kernels = [4, 6, 5], [3, 5, 1]
    block = make(3, channels, kernels, batchnorm=True, dropout=0.25, **_lrelu())
    yield "parts", parts(block)
    yield "type of main_path", _kind(block.main_path)
    yield "main path", layers(block.main_path)
    yield "shortcut", layers(block.shortcut_path)
    yield "the caller's lists afterwards", f"{channels}, {kernels}"
    plain = make(4, (6, 4), (3, 5))
    yield "main path, plain", layers(plain.main_path)
    yield "main path, one convolution", layers(make(4, [6], [3], batchnorm=True, dropout=0.5).main_path)
    yield "shortcut, 4 to 4 channels", layers(plain.shortcut_path)
    yield "shortcut, 4 to 4 to 6 channels", layers(make(4, [4, 6], [3, 3]).shortcut_path)

    bent = make(3, [4, 5], [3, 5], activation_type="tanh")
    x = trial.normal("x", 2, 3, 7, 6)
    yield "out, tanh inside", run(trial.set_in_order("bent", bent, stored=True), x)
    x = trial.normal("second x", 2, 4, 5, 6)
    yield "out, 4 to 4 channels", run(trial.set_in_order("plain", plain), x)
    x = trial.normal("third x", 4, 3, 6, 5)
    yield from _modes(", batch norm", trial.set_in_order("norm", make(3, [4, 4], [3, 3], batchnorm=True)), x)
    yield "out, evaluation mode with dropout", run(trial.set_in_order("block", block).eval(), x)
    yield "an even kernel size raises", raised(lambda: make(3, [4, 4], [3, 2]))
    yield "lists of two lengths raise", raised(lambda: make(3, [4, 4], [3, 3, 3]))
    yield from _case(trial, "case of the text", make, BLOCK_CASE, (3, 32, 32))


BOTTLENECK_CASE: Settings = {
    "in_out_channels": 256,
    "inner_channels": [64, 32, 64],
    "inner_kernel_sizes": [3, 5, 3],
    "dropout": 0.1,
    "activation_type": "lrelu",
}


@produces(
    "p4.bottleneck_block",
    where={"": "ResidualBottleneckBlock.__init__"},
    streams=_names("case of the text"),
)
def bottleneck_block(hw: Any, trial: Trial) -> Evidence:
    """Look at how bottleneck blocks are built, run them on set weights, then build one from a seed."""
    make = hw.cnn.ResidualBottleneckBlock
    channels, kernels = [3, 4, 5], [3, 5, 1]
    block = make(8, channels, kernels, batchnorm=True, dropout=0.25, **_lrelu())
    yield "main path", layers(block.main_path)
    yield "shortcut", layers(block.shortcut_path)
    yield "is a ResidualBlock", "yes" if isinstance(block, hw.cnn.ResidualBlock) else "no"
    yield "the caller's lists afterwards", f"{channels}, {kernels}"
    yield "main path, one inner convolution", layers(make(6, (2,), (3,)).main_path)
    big = make(256, [64], [3])
    yield "parameters, 256 to 64 and back", sum(param.numel() for param in big.parameters())

    x = trial.normal("x", 2, 6, 7, 5)
    yield "out", run(trial.set_in_order("plain", make(6, [3, 2], [3, 5])), x)
    norm = trial.set_in_order("norm", make(6, [3, 2], [3, 5], batchnorm=True, activation_type="tanh"))
    yield from _modes(", batch norm", norm, x)
    built = _case(trial, "case of the text", make, BOTTLENECK_CASE, (256, 32, 32))
    for name, out in built:
        yield name, _thinned(out)


def _thinned(out: Any) -> Any:
    """Keep every 16th channel and every 4th row and column, as 4 MB are too many for a stored file."""
    return out[:, ::16, ::4, ::4].clone() if getattr(out, "ndim", 0) == 4 else out


RESNET_CASES: dict[str, Settings] = {
    "case a": {
        "out_classes": 10,
        "channels": [32, 64] * 3,
        "pool_every": 4,
        "hidden_dims": [100] * 2,
        "activation_type": "lrelu",
        "activation_params": {"negative_slope": 0.01},
        "pooling_type": "avg",
        "pooling_params": {"kernel_size": 2},
        "batchnorm": True,
        "dropout": 0.1,
    },
    "case b": {
        "out_classes": 5,
        "channels": [64, 16, 64] * 4,
        "pool_every": 3,
        "hidden_dims": [64],
        "activation_type": "tanh",
        "pooling_type": "max",
        "pooling_params": {"kernel_size": 2},
        "batchnorm": True,
        "dropout": 0.1,
        "bottleneck": True,
    },
}


def _groups(hw: Any, module: nn.Module) -> str:
    """List blocks, with their channels and kernel sizes, and the layers between them."""
    if not isinstance(module, hw.cnn.ResidualBlock):
        inside = [child for child in module._modules.values() if child is not None]
        return ", ".join(filter(None, (_groups(hw, child) for child in inside))) or _alone(module)
    convs = [layer for layer in module.main_path.modules() if isinstance(layer, nn.Conv2d)]
    channels = ">".join(str(count) for count in [convs[0].in_channels, *(c.out_channels for c in convs)])
    kernels = " ".join(str(c.kernel_size[0]) for c in convs)
    return f"{type(module).__name__} {channels} (kernels {kernels})"


def _alone(module: nn.Module) -> str:
    found = layers(module)
    return "" if found == "none" else found


@produces(
    "p4.resnet",
    where={
        "": "ResNet._make_feature_extractor",
        "inside": "ResNet._make_block",
        "mode after": "CNN._num_features",
        STATISTICS: "CNN._num_features",
        DRAWN: "CNN._num_features",
        "shrinking": "CNN._num_features",
    },
    streams=(DRAWN, *(name for title in RESNET_CASES for name in _names(title))),
    seconds=60,
)
def resnet(hw: Any, trial: Trial) -> Evidence:
    """Look at how ResNets are built, run them on set weights, then build the two of the text from a seed."""
    make = hw.cnn.ResNet
    channels, hidden, size = [4, 6, 4, 6, 5], [7], (3, 11, 9)
    net = make(size, 5, channels, 2, hidden, batchnorm=True, dropout=0.25, **_lrelu(), pooling_type="avg")
    yield "blocks", _groups(hw, net.feature_extractor)
    yield "inside the first block", layers(net.feature_extractor).split(", Conv2d 3>6")[0]
    yield "layers of the MLP", layers(net.mlp)
    yield "the caller's lists afterwards", f"{channels}, {hidden}"
    yield "mode after construction", modes(net)
    yield f"{STATISTICS} after construction", statistics(net)
    narrow = make(size, 3, (4, 2, 4) * 2 + (2, 3, 4, 2), 3, (), bottleneck=True)
    yield "blocks, bottleneck", _groups(hw, narrow.feature_extractor)
    yield "blocks, P above N", _groups(hw, make(size, 3, [4, 4], 3, [5]).feature_extractor)
    deep = make((1, 16, 16), 4, [3] * 32, 8, [5], batchnorm=True)
    yield "blocks, 32 convolutions", _groups(hw, deep.feature_extractor)

    trial.seed_torch()
    make(size, 5, [4, 4], 2, [7], dropout=0.5)
    yield DRAWN, torch.rand(4)
    trial.set_in_order("net", net).eval()
    yield "out, evaluation mode with dropout", run(net, _x(trial, "x", size))
    norm = make(size, 3, [4, 4, 6], 2, [5], batchnorm=True, activation_type="tanh")
    yield from _modes(", batch norm", trial.set_in_order("norm", norm), _x(trial, "second x", size))
    yield "out, bottleneck", run(trial.set_in_order("narrow", narrow), _x(trial, "third x", size))
    yield "shrinking to nothing raises", raised(lambda: make(size, 3, [4] * 5, 1, [5]))
    for title, settings in RESNET_CASES.items():
        yield from _case(trial, title, make, {"in_size": IMAGE, **settings}, IMAGE)


def _x(trial: Trial, name: str, size: Size) -> Any:
    return trial.normal(name, 4, *size)
