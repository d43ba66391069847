"""Typical mistakes in Part 4's networks, most of them seen in the list of layers."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from torch.nn.functional import conv2d

from cs_helpers.checks.measures_part4 import STANDS_OUT
from cs_helpers.checks.part4 import CNN_CASES, DRAWN, INPUTS, RESNET_CASES, STATISTICS
from cs_helpers.checks.suspects import Suspect, Tensors, always, suspects_of

Suspects = Iterator[tuple[str, Suspect, str]]
Named = Iterator[tuple[Suspect, str]]

LETTERS = {"Conv2d": "C", "MaxPool2d": "P", "AvgPool2d": "P", "BatchNorm2d": "B", "Linear": "L"}
LETTERS |= {"Dropout2d": "D", "ResidualBlock": "R", "ResidualBottleneckBlock": "R"}


def letters(listed: str) -> str:
    """Write a list of layers as letters, A for whatever is not in the table: activations, mostly."""
    return "".join(LETTERS.get(entry.split(" ")[0], "A") for entry in listed.split(", "))


def in_order(pattern: str) -> Callable[[Any], bool]:
    """Match a list of layers whose letters fit a pattern, all of them."""
    return lambda got: isinstance(got, str) and re.fullmatch(pattern, letters(got)) is not None


def has(pattern: str) -> Callable[[Any], bool]:
    """Match a text in which a pattern is found."""
    return lambda got: isinstance(got, str) and re.search(pattern, got) is not None


def lacks(pattern: str) -> Callable[[Any], bool]:
    """Match a text in which a pattern is not found."""
    return lambda got: isinstance(got, str) and re.search(pattern, got) is None


LISTS = "the caller's list or dictionary was changed: work on a copy"
TRAIN_AGAIN = "the network is left in evaluation mode: after probing the feature size, call train() again"
PROBED = (
    "constructing the network moves torch's random state: probe with zeros, in evaluation mode, and create "
    "nothing that is not used"
)
ORDER = (
    "the layers do not draw the weights that they should: create them in the order in which they apply, each "
    "once, and none that is not used"
)
SHRINKS = "turn torch's RuntimeError into a ValueError: raise ValueError(...) from error"


@suspects_of("p4.cnn")
def cnn_layers(e: Tensors, i: Tensors) -> Suspects:
    """Which layers a CNN has: five convolutions, P = 2."""
    yield "parts", "mlp, feature_extractor", "create feature_extractor first, and mlp after it"
    yield "parts", has("feature_extractor, mlp."), "something with parameters is there that nothing uses"
    yield "parts", always, "the parameters must be in self.feature_extractor and self.mlp"
    for pattern, sentence in (
        ("CACAPCACAP", "the last group is missing: N need not be a multiple of P, a rest is a group as well"),
        ("CACAPCACAPCAP", "the last group is shorter than P, so there is no pooling layer after it"),
        ("(CAP)+", "there is a pooling layer after every convolution: one after every P of them"),
        ("(CA)+", "the pooling layers are missing: one after every P convolutions"),
        ("(CACPA)+CA", "pooling comes before the activation: CONV, ACT, CONV, ACT, POOL"),
        ("(CCP?)+C", "there are no activations: one after each convolution"),
        ("(CCAP)+C?A", "each convolution has an activation of its own, not each group"),
        ("(CACP)+(CA?)", "the last convolution of a group has no activation: each has one"),
        ("(ACACP)+AC", "the activation comes before its convolution: CONV, then ACT"),
    ):
        yield "extractor", in_order(pattern), sentence
    for test, sentence in (
        (has("MaxPool"), "pooling_type is ignored: look it up in POOLINGS"),
        (lacks("LeakyReLU"), "activation_type is ignored: look it up in ACTIVATIONS"),
        (lacks("LeakyReLU 0.2"), "activation_params do not reach the activations: negative_slope is 0.2"),
        (lacks("Conv2d 3>4 3 pad 1, "), "conv_params do not reach the convolutions, or in_channels is wrong"),
        (always, "the layers, their settings or their order differ: [(CONV -> ACT) * P -> POOL] * (N / P)"),
    ):
        yield "extractor", test, sentence
    yield "extractor, tuples", lacks("3x5"), "conv_params do not reach the convolutions: pass all of them on"
    yield "extractor, tuples", lacks("no bias"), "conv_params do not reach the convolutions: pass all of them"
    yield "extractor, tuples", always, "channels may be a tuple, and kernel sizes pairs: nothing else changes"
    yield "extractor, P above N", always, "fewer than P convolutions are one group, with no pooling layer"
    yield "type of feature_extractor", always, "self.feature_extractor must be an nn.Sequential"


@suspects_of("p4.cnn")
def cnn_rest(e: Tensors, i: Tensors) -> Suspects:
    """The MLP, what construction leaves behind, and forward."""
    mlp = "layers of the MLP"
    yield mlp, has("Linear 6>5, ."), "the last Linear gives the scores: its nonlinearity is none"
    yield mlp, lacks("Linear 7>6"), "the hidden layers are not those of hidden_dims, in their order"
    yield mlp, lacks("LeakyReLU"), "the hidden layers have another activation than the convolutions"
    slope = "activation_params do not reach the MLP: make the modules yourself, and give them to it"
    yield mlp, lacks("LeakyReLU 0.2"), slope
    yield mlp, always, "the MLP takes all features of one image, then hidden_dims, then out_classes"
    yield f"{mlp}, none hidden", always, "hidden_dims may be empty: the MLP is the last Linear alone"
    yield "the caller's lists afterwards", always, LISTS
    yield "mode after construction", always, TRAIN_AGAIN
    yield DRAWN, always, PROBED
    yield "shrinking to nothing raises", "nothing", "a feature map of no pixels is accepted in silence"
    yield "shrinking to nothing raises", always, SHRINKS
    yield "the layer it shrinks at is", always, "the message must name the layer that fails: number and layer"
    for name in ("out, leaky ReLU and average pooling", "out, tanh and max pooling"):
        soft = "no softmax here: the network returns scores, and the loss applies its own"
        yield name, lambda got: got.ndim == 2 and bool((got.sum(1) - 1).abs().max() < 1e-4), soft
        flat = "the layers are right, so it is forward: features.flatten(start_dim=1), then the MLP, no more"
        yield name, always, flat
    yield from _cases(CNN_CASES)


def _cases(titles: Any) -> Suspects:
    for title in titles:
        for name in INPUTS:
            yield f"{title}, on {name}", always, ORDER


@suspects_of("p4.residual_block")
def residual_layers(e: Tensors, i: Tensors) -> Suspects:
    """Which layers a residual block has: three convolutions with dropout and batch norm."""
    yield "parts", "shortcut_path, main_path", "create main_path first, and shortcut_path after it"
    yield "parts", "main_path", "a shortcut_path with a convolution is missing where channels differ"
    yield "parts", always, "the parameters must be in self.main_path and self.shortcut_path"
    for test, sentence in main_path("CDBACDBAC"):
        yield "main path", test, sentence
    yield "main path, plain", has("Dropout"), "no Dropout2d for dropout=0: it would be there for nothing"
    yield "main path, plain", has("BatchNorm"), "no BatchNorm2d unless batchnorm is on"
    yield "main path, plain", always, "channels and kernel sizes may be tuples; the activation is ReLU"
    nothing = "after the last convolution there is nothing, and here the last is the first as well"
    yield "main path, one convolution", always, nothing
    for name in ("shortcut", "shortcut, 4 to 4 to 6 channels"):
        for test, sentence in (
            (lambda got: got.startswith("Conv2d") and "no bias" not in got, "the shortcut has no bias"),
            ("none", "the channels differ: in_channels against the last of channels needs a 1x1 convolution"),
            (has("BatchNorm"), "no batch norm in the shortcut: it is a single 1x1 convolution"),
            (has("> ?[0-9]+ [23579]"), "the kernel of the shortcut is 1x1"),
            (always, "the shortcut is one 1x1 convolution without bias, to channels[-1] channels"),
        ):
            yield name, test, sentence
    identity = "input and output have the same channels: the shortcut is the identity, without parameters"
    yield "shortcut, 4 to 4 channels", always, identity
    yield "the caller's lists afterwards", always, LISTS
    yield "type of main_path", always, "self.main_path must be an nn.Sequential"
    for name in ("an even kernel size raises", "lists of two lengths raise"):
        yield name, always, "keep the tests of the arguments: they raise ValueError"


def main_path(right: str) -> Named:
    """Yield what may be wrong with a main path whose letters should be these."""
    last = "after the last convolution of the main path comes nothing: the activation follows the sum"
    for change, sentence in (
        (f"{right}A", f"there is an activation too many: {last}"),
        (f"{right}DBA", f"there are layers too many: {last}"),
        (f"{right}B", f"there is a batch norm too many: {last}"),
        (f"{right}BA", f"there are layers too many: {last}"),
        (right.replace("DB", "BD"), "Dropout2d comes before BatchNorm2d"),
        (right.replace("DBA", "ADB"), "the activation comes last, after Dropout2d and BatchNorm2d"),
        (right.replace("DBA", "DAB"), "batch norm comes before the activation"),
        (right.replace("DBA", "BAD"), "dropout comes first: CONV, Dropout2d, BatchNorm2d, ACT"),
        (right.replace("B", ""), "batchnorm=True is ignored: BatchNorm2d between convolutions"),
        (right.replace("D", ""), "dropout is ignored: Dropout2d between convolutions"),
        (right.replace("DB", ""), "batchnorm and dropout are ignored"),
        (right.replace("D", "A"), "dropout of whole maps is nn.Dropout2d, with the given probability"),
        ("C+", "there is nothing between the convolutions"),
    ):
        yield in_order(change), sentence
    yield (
        lambda got: got.count("Conv2d") < right.count("C"),
        "a convolution is missing: the main path has one for each kernel size",
    )
    yield has("Conv2d [^,]*no bias"), "the convolutions of the main path have a bias"
    yield lacks("Dropout2d 0.25"), "dropout is a probability: give it to Dropout2d"
    yield lacks("LeakyReLU 0.2"), "activation_type or activation_params do not reach the activations"
    half = "padding must keep height and width: half of the kernel size, rounded down"
    yield has("Conv2d [0-9>]+ ([35](,|$)|1 pad|3 pad [^1]|5 pad [^2])"), half
    yield always, "the convolutions do not have the channels or the kernel sizes asked for, in their order"


@suspects_of("p4.residual_block")
def residual_values(e: Tensors, i: Tensors) -> Suspects:
    """What forward makes of the two paths."""
    w1, b1, w2, b2, w3 = (i[f"bent, parameter {number}"] for number in range(5))
    main = conv2d(conv2d(i["x"], w1, b1, padding=1).tanh(), w2, b2, padding=2)
    shortcut = conv2d(i["x"], w3)
    bent = "out, tanh inside"
    yield bent, main + shortcut, "the ReLU of the sum is missing: relu(main + shortcut)"
    yield bent, (main + shortcut).tanh(), "the sum always goes through ReLU, whatever is inside"
    yield bent, main.relu() + shortcut, "the ReLU belongs after the sum, not before it"
    yield bent, main.relu(), "the shortcut is not added"
    yield bent, main.relu() + shortcut.relu(), "add first, then one ReLU of the sum"
    yield bent, shortcut.relu(), "the main path is not added"
    yield bent, (main - shortcut).relu(), "the shortcut is subtracted: add it"
    yield bent, (main * shortcut).relu(), "the two paths are multiplied: add them"
    yield bent, always, "the layers are right, so it is forward: relu(main_path(x) + shortcut_path(x))"
    yield "out, 4 to 4 channels", always, "with an identity shortcut, too: relu(main_path(x) + x)"
    yield from _cases(["case of the text"])


@suspects_of("p4.bottleneck_block")
def bottleneck(e: Tensors, i: Tensors) -> Suspects:
    """Which layers a bottleneck has: 1x1 down, three inner convolutions, 1x1 up."""
    channels = "the channels must be in_out > inner[0] > inner ... > in_out"
    for test, sentence in (
        (has("^Conv2d 8>[^3]"), f"the first 1x1 convolution goes down to inner_channels[0]: {channels}"),
        (has("^Conv2d 8>3 [35]"), "the first convolution is a 1x1 one, before all inner ones"),
        (lacks(">8 [^,]*$"), f"the last 1x1 convolution must lead back to in_out_channels: {channels}"),
        (has("Conv2d 5>8 [35][^,]*$"), "the last convolution is a 1x1 one, after all inner ones"),
    ):
        yield "main path", test, sentence
    for suspect, sentence in main_path("CDBACDBACDBACDBAC"):
        yield "main path", suspect, sentence
    identity = "input and output have the same channels: the shortcut is the identity, without parameters"
    yield "shortcut", always, identity
    yield "is a ResidualBlock", always, "a bottleneck is a subclass of ResidualBlock"
    yield "the caller's lists afterwards", always, LISTS
    yield "main path, one inner convolution", always, "one inner convolution, in tuples, must work, too"
    yield "parameters, 256 to 64 and back", always, f"a wrong number of weights: {channels}"
    yield from _cases(["case of the text"])


@suspects_of("p4.resnet")
def resnet_blocks(e: Tensors, i: Tensors) -> Suspects:
    """Which blocks a ResNet has: five convolutions, P = 2."""
    for pattern, sentence in (
        ("RPRP", "the last group is missing: N need not be a multiple of P, a rest is a block as well"),
        ("RPRPRP", "the last group is shorter than P, so there is no pooling layer after it"),
        ("R+", "the pooling layers are missing: one after each whole block"),
        ("(RP){5}|(RP){4}R|R{2}PR{2}PR", "a block holds P convolutions: one block for a group, not for each"),
        ("PRPRP?R", "pooling comes after its block"),
        ("[CAPDB]+", "the convolutions are not in ResidualBlocks"),
    ):
        yield "blocks", in_order(pattern), sentence
    for test, sentence in (
        (has("Bottleneck"), "bottleneck=False: all blocks are ResidualBlocks"),
        (has("MaxPool"), "pooling_type is ignored"),
        (has("kernels [^)]*[^ 3)]"), "all convolutions have 3x3 kernels"),
        (has("3>[0-9>]* .*Block 3>"), "each block takes the channels that the one before gives"),
        (always, "the blocks are not the groups of P channels, each followed by a pooling layer"),
    ):
        yield "blocks", test, sentence
    for suspect, sentence in main_path("CDBAC"):
        yield "inside the first block", suspect, sentence
    narrow = "blocks, bottleneck"
    yield narrow, lacks("Bottleneck"), "bottleneck=True is ignored"
    wide = "a bottleneck needs equal channels at its two ends: in_channels against the last of the group"
    yield narrow, has("BottleneckBlock (3>|[0-9>]*>2 )"), wide
    inner = "a bottleneck's inner channels are those between the first and the last of the group: group[1:-1]"
    yield narrow, has("BottleneckBlock 4>4"), inner
    yield narrow, always, "groups with equal channels at both ends are bottlenecks, the others are not"
    yield "blocks, P above N", always, "fewer than P convolutions are one block, with no pooling layer"
    yield "blocks, 32 convolutions", always, "the blocks of a deep network are not its groups of P channels"


@suspects_of("p4.resnet")
def resnet_rest(e: Tensors, i: Tensors) -> Suspects:
    """What construction leaves behind, and values."""
    yield "the caller's lists afterwards", always, LISTS
    yield "mode after construction", always, TRAIN_AGAIN
    probed = "batch norm has seen the probe: find the feature size in evaluation mode"
    yield f"{STATISTICS} after construction", always, probed
    yield DRAWN, always, PROBED
    yield "shrinking to nothing raises", always, SHRINKS
    yield from _cases(RESNET_CASES)


HYPERPARAMETERS = {
    "loss_fn": "loss_fn is not cross-entropy: scores go in, so it is torch.nn.CrossEntropyLoss()",
    "weight_decay": "weight_decay is very strong: it keeps the weights near zero",
    "momentum": "momentum is very close to 1: old gradients hardly ever fade",
    "lr low": "lr is very low: the weights have hardly moved after 25 epochs",
    "lr high": "lr is very high for batches of two (momentum makes steps longer still): units die at once",
}


@suspects_of("p4.overfit")
def overfit(e: Tensors, i: Tensors) -> Suspects:
    """Hyperparameters out of the ordinary."""
    for name, sentence in HYPERPARAMETERS.items():
        yield STANDS_OUT, name, sentence
    yield "keys of part4_optim_hp()", always, "the dictionary's keys must be these, in this order"
