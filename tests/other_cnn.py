"""The networks of Part 4 by other means: for proving that the checks tolerate what the contract leaves open.

Groups nested and named, padding="same", one activation object for all layers, functions instead of modules
where no attribute is promised, empty shortcuts, sizes worked out on the meta device.
"""

import copy
import itertools
from collections import OrderedDict

import torch
from torch import nn

from hw.mlp import MLP

ACTIVATIONS = {
    "relu": lambda **kw: nn.ReLU(inplace=True, **kw),
    "lrelu": lambda **kw: nn.LeakyReLU(inplace=True, **kw),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "none": nn.Identity,
}
POOLINGS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}


class CNN(nn.Module):
    """Groups are Sequentials with names of their own."""

    def __init__(
        self,
        in_size,
        out_classes,
        channels,
        pool_every,
        hidden_dims,
        conv_params=None,
        activation_type="relu",
        activation_params=None,
        pooling_type="max",
        pooling_params=None,
    ):
        super().__init__()
        self.conv_params = conv_params or {"kernel_size": 3, "padding": 1}
        self.pooling_params = pooling_params or {"kernel_size": 2}
        self.make_activation = lambda: ACTIVATIONS[activation_type](**(activation_params or {}))
        self.settings = {"activation_type": activation_type, "activation_params": activation_params}
        self.pooling = POOLINGS[pooling_type]
        self.feature_extractor = nn.Sequential(OrderedDict(self.stages(in_size[0], channels, pool_every)))
        features = self.measure(in_size)
        activations = [self.make_activation() for _ in hidden_dims]
        self.mlp = MLP(features, (*hidden_dims, out_classes), (*activations, nn.Identity()))

    def stages(self, c_in, channels, pool_every):
        activation = self.make_activation()
        group = nn.Sequential()
        for number, (a, b) in enumerate(itertools.pairwise((c_in, *channels)), start=1):
            group.add_module(f"convolution_{number}", nn.Conv2d(a, b, **self.conv_params))
            group.add_module(f"bend_{number}", activation)
            if number % pool_every == 0:
                group.add_module("pool", self.pooling(**self.pooling_params))
            if number % pool_every == 0 or number == len(channels):
                yield f"group_{number}", group
                group = nn.Sequential()

    def measure(self, in_size):
        ghost = copy.deepcopy(self.feature_extractor).eval().to("meta")
        try:
            return ghost(torch.zeros(1, *in_size, device="meta")).numel()
        except RuntimeError as error:
            raise ValueError(f"some MaxPool2d or Conv2d has nothing left to work on: {error}") from error

    def forward(self, x):
        features = self.feature_extractor(x)
        return self.mlp(features.reshape(features.shape[0], -1))


class ResidualBlock(nn.Module):
    """The main path as one nested Sequential after the other; the shortcut may be empty."""

    def __init__(
        self,
        in_channels,
        channels,
        kernel_sizes,
        batchnorm=False,
        dropout=0.0,
        activation_type="relu",
        activation_params=None,
    ):
        super().__init__()
        if len(channels) != len(kernel_sizes):
            raise ValueError("lengths differ")
        if any(k % 2 == 0 for k in kernel_sizes):
            raise ValueError("even kernel size")
        bend = ACTIVATIONS[activation_type](**(activation_params or {}))
        widths = (in_channels, *channels)
        stages = []
        for number, k in enumerate(kernel_sizes):
            stage = [nn.Conv2d(widths[number], widths[number + 1], (k, k), padding="same")]
            if number < len(channels) - 1:
                if dropout:
                    stage.append(nn.Dropout2d(p=dropout))
                if batchnorm:
                    stage.append(nn.BatchNorm2d(widths[number + 1]))
                stage.append(bend)
            stages.append(nn.Sequential(*stage))
        self.main_path = nn.Sequential(*stages)
        self.shortcut_path = nn.Sequential()
        if in_channels != channels[-1]:
            self.shortcut_path.append(nn.Conv2d(in_channels, channels[-1], kernel_size=1, bias=False))

    def forward(self, x):
        out = self.main_path(x)
        out = out + self.shortcut_path(x)
        return nn.functional.relu(out, inplace=True)


class ResidualBottleneckBlock(ResidualBlock):
    def __init__(self, in_out_channels, inner_channels, inner_kernel_sizes, **kw):
        channels = (inner_channels[0], *inner_channels, in_out_channels)
        super().__init__(
            in_channels=in_out_channels, channels=channels, kernel_sizes=(1, *inner_kernel_sizes, 1), **kw
        )


class ResNet(CNN):
    def __init__(
        self,
        in_size,
        out_classes,
        channels,
        pool_every,
        hidden_dims,
        batchnorm=False,
        dropout=0.0,
        bottleneck=False,
        **kw,
    ):
        self.block_settings = {"batchnorm": batchnorm, "dropout": dropout}
        self.bottleneck = bottleneck
        super().__init__(in_size, out_classes, channels, pool_every, hidden_dims, **kw)

    def stages(self, c_in, channels, pool_every):
        settings = {**self.block_settings, **self.settings}
        for start in range(0, len(channels), pool_every):
            group = list(channels[start : start + pool_every])
            if self.bottleneck and c_in == group[-1] and len(group) > 2:
                inner = group[1:-1]
                block = ResidualBottleneckBlock(c_in, inner, [3] * len(inner), **settings)
            else:
                block = ResidualBlock(c_in, group, [3] * len(group), **settings)
            yield f"block_{start}", block
            if len(group) == pool_every:
                yield f"pool_{start}", self.pooling(**self.pooling_params)
            c_in = group[-1]
