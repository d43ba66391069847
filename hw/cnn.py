"""Part 4: convolutional networks, plain and residual.

A network here is a feature extractor, which turns an image into a few small maps, and an MLP, which turns
those maps into class scores. CNN and ResNet differ in the extractor only.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cs_helpers.tasks import suggestion
from hw.mlp import MLP

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "lrelu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "none": nn.Identity,
}
POOLINGS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}

Params = Mapping[str, Any]


def _look_up(kinds: Mapping[str, type[nn.Module]], name: str, what: str) -> type[nn.Module]:
    if name not in kinds:
        raise ValueError(f"unknown {what} {name!r}{suggestion(str(name), kinds)}")
    return kinds[name]


def _refuse_below_one(sizes: Mapping[str, Sequence[int]]) -> None:
    for name, values in sizes.items():
        if any(value < 1 for value in values):
            raise ValueError(f"{name} must be at least 1, got {min(values)}")


class CNN(nn.Module):
    """A convolutional network, ``[(CONV -> ACT) * P -> POOL] * (N / P) -> (FC -> ACT) * M -> FC``.

    Its layers are created in the order in which they apply, so that a seed gives the same network to
    everybody. A last group of fewer than P convolutions is not pooled.

    Args:
        in_size: Size of one image, (C, H, W).
        out_classes: Number of classes.
        channels: Output channels of each of the N convolutions.
        pool_every: P, the number of convolutions before each pooling layer.
        hidden_dims: Units of each of the M hidden layers of the MLP; there may be none.
        conv_params: Keyword arguments of nn.Conv2d; 3x3 with a padding of 1 if not given.
        activation_type: A name in ``ACTIVATIONS``.
        activation_params: Keyword arguments of the activation.
        pooling_type: A name in ``POOLINGS``.
        pooling_params: Keyword arguments of the pooling layer; windows of 2x2 if not given.

    Attributes:
        feature_extractor: The convolutions, activations and pooling layers, an nn.Sequential.
        mlp: The MLP of Part 3 on the flattened features; its last nonlinearity is "none".

    Raises:
        ValueError: If a number is less than 1, there are no channels, a name is unknown, or the feature map
            shrinks to nothing; the message gives its size and names the layer at which it does.
    """

    def __init__(
        self,
        in_size: Sequence[int],
        out_classes: int,
        channels: Sequence[int],
        pool_every: int,
        hidden_dims: Sequence[int],
        conv_params: Params | None = None,
        activation_type: str = "relu",
        activation_params: Params | None = None,
        pooling_type: str = "max",
        pooling_params: Params | None = None,
    ) -> None:
        super().__init__()
        if len(in_size) != 3:
            raise ValueError(f"in_size must be (C, H, W), got {in_size!r}")
        if not channels:
            raise ValueError("channels is empty: a CNN has at least one convolution")
        sizes = {"in_size": in_size, "out_classes": [out_classes], "channels": channels}
        sizes |= {"pool_every": [pool_every], "hidden_dims": hidden_dims}
        _refuse_below_one(sizes)
        self.in_size, self.out_classes = tuple(in_size), out_classes
        self.channels, self.pool_every, self.hidden_dims = list(channels), pool_every, list(hidden_dims)
        self.conv_params = dict(conv_params or {"kernel_size": 3, "padding": 1})
        self.activation = _look_up(ACTIVATIONS, activation_type, "activation_type")
        self.activation_type, self.activation_params = activation_type, dict(activation_params or {})
        self.pooling = _look_up(POOLINGS, pooling_type, "pooling_type")
        self.pooling_params = dict(pooling_params or {"kernel_size": 2})
        self.feature_extractor = self._make_feature_extractor()
        self.mlp = self._make_mlp()

    def _make_feature_extractor(self) -> nn.Sequential:
        # TODO: the convolutions, each with its activation, and a pooling layer after every P of them.
        # BEGIN SOLUTION p4.cnn
        layers: list[nn.Module] = []
        c_in = self.in_size[0]
        for group in _groups(self.channels, self.pool_every):
            for c_out in group:
                layers.append(nn.Conv2d(c_in, c_out, **self.conv_params))
                layers.append(self.activation(**self.activation_params))
                c_in = c_out
            if len(group) == self.pool_every:
                layers.append(self.pooling(**self.pooling_params))
        return nn.Sequential(*layers)
        # END SOLUTION

    def _num_features(self) -> int:
        # TODO: how many numbers does the feature extractor make of one image? An image of zeros can tell.
        # It must leave no traces: batch norm's running statistics, the random state and the training mode
        # stay as they were. If a layer cannot handle its input, raise a ValueError that names the layer.
        # BEGIN SOLUTION p4.cnn
        x = torch.zeros(1, *self.in_size)
        self.feature_extractor.eval()
        with torch.no_grad():
            for number, layer in enumerate(self.feature_extractor):
                try:
                    x = layer(x)
                except RuntimeError as failure:
                    size, reason = "x".join(map(str, x.shape[1:])), " ".join(str(failure).split())
                    raise ValueError(
                        f"the feature map shrinks to nothing, or does not fit: it is {size} (C, H, W) when "
                        f"it comes to feature_extractor[{number}], {type(layer).__name__}: {reason}"
                    ) from failure
        self.feature_extractor.train()
        return x.numel()
        # END SOLUTION

    def _make_mlp(self) -> MLP:
        # TODO: the MLP of Part 3, with the same activation after every hidden layer.
        # BEGIN SOLUTION p4.cnn
        hidden = [self.activation(**self.activation_params) for _ in self.hidden_dims]
        return MLP(self._num_features(), [*self.hidden_dims, self.out_classes], [*hidden, "none"])
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Compute class scores.

        Args:
            x: Images, float, shape ``(N, C, H, W)`` with the C, H and W of ``in_size``.

        Returns:
            Scores, shape ``(N, out_classes)``.
        """
        # TODO: extract features, flatten them, and pass them through the MLP.
        # BEGIN SOLUTION p4.cnn
        features = self.feature_extractor(x)
        return self.mlp(features.flatten(start_dim=1))
        # END SOLUTION


class ResidualBlock(nn.Module):
    """Convolutions with a shortcut around them, ``relu(main_path(x) + shortcut_path(x))``.

    He et al., "Deep Residual Learning for Image Recognition", section 3. Height and width stay as they are.

    Args:
        in_channels: Channels of the input.
        channels: Output channels of each convolution.
        kernel_sizes: Their kernel sizes, odd, as many as ``channels``.
        batchnorm: Whether there is a BatchNorm2d after each convolution but the last.
        dropout: Probability of the Dropout2d after each convolution but the last; none for 0.
        activation_type: The activation after each convolution but the last; a name in ``ACTIVATIONS``.
        activation_params: Its keyword arguments.

    Attributes:
        main_path: The convolutions, with Dropout2d, BatchNorm2d and activation, in this order, between them.
        shortcut_path: The identity; a 1x1 convolution without bias if the number of channels changes.

    Raises:
        ValueError: If there are no channels, the lists differ in length, a kernel size is even, dropout is
            not in [0, 1], or the activation is unknown.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        kernel_sizes: Sequence[int],
        batchnorm: bool = False,
        dropout: float = 0.0,
        activation_type: str = "relu",
        activation_params: Params | None = None,
    ) -> None:
        super().__init__()
        if not channels or len(channels) != len(kernel_sizes):
            raise ValueError(
                f"channels has {len(channels)} entries and kernel_sizes has {len(kernel_sizes)}: "
                "each convolution needs one of both, and there is at least one"
            )
        _refuse_below_one({"in_channels": [in_channels], "channels": channels})
        bad = [size for size in kernel_sizes if size < 1 or size % 2 == 0]
        if bad:
            raise ValueError(f"kernel_sizes must be odd to keep height and width, got {bad[0]}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout must be in [0, 1], got {dropout}")
        activation = _look_up(ACTIVATIONS, activation_type, "activation_type")
        activation_params = activation_params or {}
        # TODO: set self.main_path, and then self.shortcut_path, each to an nn.Sequential.
        # BEGIN SOLUTION p4.residual_block
        layers: list[nn.Module] = []
        c_in = in_channels
        for c_out, size in zip(channels, kernel_sizes, strict=True):
            if layers:
                layers += [nn.Dropout2d(dropout)] if dropout > 0 else []
                layers += [nn.BatchNorm2d(c_in)] if batchnorm else []
                layers.append(activation(**activation_params))
            layers.append(nn.Conv2d(c_in, c_out, size, padding=size // 2))
            c_in = c_out
        self.main_path = nn.Sequential(*layers)
        same = in_channels == channels[-1]
        shortcut = nn.Identity() if same else nn.Conv2d(in_channels, channels[-1], 1, bias=False)
        self.shortcut_path = nn.Sequential(shortcut)
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Add what the main path makes of the input to the input.

        Args:
            x: Feature maps, float, shape ``(N, in_channels, H, W)``.

        Returns:
            Feature maps, shape ``(N, channels[-1], H, W)``.
        """
        # TODO: one line.
        # BEGIN SOLUTION p4.residual_block
        return torch.relu(self.main_path(x) + self.shortcut_path(x))
        # END SOLUTION


class ResidualBottleneckBlock(ResidualBlock):
    """A residual block that works on fewer channels inside: 1x1 down, the inner convolutions, 1x1 up.

    He et al., "Deep Residual Learning for Image Recognition", section 4.1.

    Args:
        in_out_channels: Channels of input and output.
        inner_channels: Output channels of each inner convolution; the first 1x1 convolution has as many as
            the first of them.
        inner_kernel_sizes: Their kernel sizes.
        **kw: The other arguments of ResidualBlock.
    """

    def __init__(
        self,
        in_out_channels: int,
        inner_channels: Sequence[int],
        inner_kernel_sizes: Sequence[int],
        **kw: Any,
    ) -> None:
        if not inner_channels:
            raise ValueError("inner_channels is empty: a bottleneck has at least one inner convolution")
        # TODO: a bottleneck is a ResidualBlock with two more convolutions.
        # BEGIN SOLUTION p4.bottleneck_block
        channels = [inner_channels[0], *inner_channels, in_out_channels]
        super().__init__(in_out_channels, channels, [1, *inner_kernel_sizes, 1], **kw)
        # END SOLUTION


class ResNet(CNN):
    """A CNN in which every P convolutions, all 3x3, are a residual block, followed by a pooling layer.

    A last group of fewer than P convolutions is a block too, but is not pooled.

    Args:
        in_size: As for CNN, like the arguments up to ``hidden_dims``.
        out_classes: As for CNN.
        channels: As for CNN.
        pool_every: As for CNN.
        hidden_dims: As for CNN.
        batchnorm: As for ResidualBlock.
        dropout: As for ResidualBlock.
        bottleneck: Whether a group whose input and output have equally many channels is a
            ResidualBottleneckBlock over the channels between its first and its last. (A group of fewer
            than three has none between, and stays a ResidualBlock.)
        **kw: The other arguments of CNN, but for ``conv_params``.
    """

    def __init__(
        self,
        in_size: Sequence[int],
        out_classes: int,
        channels: Sequence[int],
        pool_every: int,
        hidden_dims: Sequence[int],
        batchnorm: bool = False,
        dropout: float = 0.0,
        bottleneck: bool = False,
        **kw: Any,
    ) -> None:
        if "conv_params" in kw:
            raise TypeError("a ResNet takes no conv_params: all its convolutions are 3x3 with a padding of 1")
        self.batchnorm, self.dropout, self.bottleneck = batchnorm, dropout, bottleneck
        super().__init__(in_size, out_classes, channels, pool_every, hidden_dims, **kw)

    def _make_feature_extractor(self) -> nn.Sequential:
        # TODO: a block for every P convolutions, with a pooling layer after it, and one for what is left.
        # BEGIN SOLUTION p4.resnet
        layers: list[nn.Module] = []
        c_in = self.in_size[0]
        for group in _groups(self.channels, self.pool_every):
            layers.append(self._make_block(c_in, group))
            if len(group) == self.pool_every:
                layers.append(self.pooling(**self.pooling_params))
            c_in = group[-1]
        return nn.Sequential(*layers)
        # END SOLUTION

    def _make_block(self, in_channels: int, group: Sequence[int]) -> ResidualBlock:
        # TODO: the block for one group of channels, by self.bottleneck one of either kind.
        # BEGIN SOLUTION p4.resnet
        kw: dict[str, Any] = {"batchnorm": self.batchnorm, "dropout": self.dropout}
        kw |= {"activation_type": self.activation_type, "activation_params": self.activation_params}
        inner = group[1:-1]
        if self.bottleneck and inner and in_channels == group[-1]:
            return ResidualBottleneckBlock(in_channels, inner, [3] * len(inner), **kw)
        return ResidualBlock(in_channels, group, [3] * len(group), **kw)
        # END SOLUTION


class PreActivationUnit(nn.Module):
    """One or two 3x3 convolutions, each after its batch norm and ReLU, added to what comes in.

    He et al., "Identity Mappings in Deep Residual Networks", section 4. The last convolution starts at zero,
    so that at first the unit changes nothing, however many of them there are.

    Args:
        in_channels: Channels of the input.
        channels: Output channels of each convolution.
    """

    def __init__(self, in_channels: int, channels: Sequence[int]) -> None:
        super().__init__()
        # BEGIN SOLUTION p5.your_cnn
        layers: list[nn.Module] = []
        c_in = in_channels
        for c_out in channels:
            layers += [nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)]
            c_in = c_out
        nn.init.zeros_(layers[-1].weight)
        self.main_path = nn.Sequential(*layers)
        same = in_channels == c_in
        self.shortcut_path = nn.Identity() if same else nn.Conv2d(in_channels, c_in, 1, bias=False)
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Map features of shape (N, in_channels, H, W) to (N, channels[-1], H, W)."""
        # BEGIN SOLUTION p5.your_cnn
        return self.main_path(x) + self.shortcut_path(x)
        # END SOLUTION


class YourCNN(CNN):
    """The architecture of your choice, with CNN's interface, for experiment 2.

    It must train at every depth: Part 5 builds it with 9 to 36 convolutions.
    """

    def _make_feature_extractor(self) -> nn.Sequential:
        # TODO: your own design. Change this class (its arguments may only be added to) as you like.
        # BEGIN SOLUTION p5.your_cnn
        c_in = self.channels[0]
        layers: list[nn.Module] = [nn.Conv2d(self.in_size[0], c_in, 3, padding=1, bias=False)]
        for number, group in enumerate(_groups(self.channels, self.pool_every)):
            for pair in _groups(group if number else group[1:], 2):
                layers.append(PreActivationUnit(c_in, pair))
                c_in = pair[-1]
            if len(group) == self.pool_every:
                layers.append(self.pooling(**self.pooling_params))
        return nn.Sequential(*layers, nn.BatchNorm2d(c_in), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        # END SOLUTION


def _groups(channels: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Yield ``channels`` in groups of ``size``; the last one may be shorter."""
    for start in range(0, len(channels), size):
        yield channels[start : start + size]
