"""Part 4's networks: against torch.nn written out, what construction leaves alone, and messages."""

import itertools
import re

import pytest
import torch
from torch import nn

import answers.part4
from cs_helpers import part4_figures
from cs_helpers import part4_plots as plots
from hw.cnn import ACTIVATIONS, CNN, POOLINGS, ResidualBlock, ResidualBottleneckBlock, ResNet

SIZE = (3, 12, 10)


def same_weights(target: nn.Module, source: nn.Module) -> nn.Module:
    """Copy parameters and running statistics from one network to another, by position."""
    pairs = zip(target.state_dict().values(), source.state_dict().values(), strict=True)
    for mine, theirs in pairs:
        mine.copy_(theirs)
    return target


def test_cnn_computes_what_torchs_layers_written_out_do() -> None:
    net = CNN(SIZE, 4, [5, 6, 7], 2, [8], {"kernel_size": 3, "padding": 1}, "tanh", pooling_type="avg")
    by_hand = nn.Sequential(
        *(nn.Conv2d(3, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, 6, 3, padding=1), nn.Tanh()),
        *(nn.AvgPool2d(2), nn.Conv2d(6, 7, 3, padding=1), nn.Tanh(), nn.Flatten()),
        *(nn.Linear(7 * 6 * 5, 8), nn.Tanh(), nn.Linear(8, 4)),
    )
    x = torch.randn(2, *SIZE)
    assert torch.equal(net(x), same_weights(by_hand, net)(x))


def test_residual_block_computes_what_torchs_layers_written_out_do() -> None:
    block = ResidualBlock(3, [4, 5], [3, 5], batchnorm=True, dropout=0.3)
    main = nn.Sequential(
        *(nn.Conv2d(3, 4, 3, padding=1), nn.Dropout2d(0.3), nn.BatchNorm2d(4), nn.ReLU()),
        nn.Conv2d(4, 5, 5, padding=2),
    )
    shortcut = nn.Conv2d(3, 5, 1, bias=False)
    same_weights(nn.ModuleList([main, shortcut]), block)
    x = torch.randn(2, *SIZE)
    for mode in (True, False):
        block.train(mode), main.train(mode)
        torch.manual_seed(1)
        expected = (main(x) + shortcut(x)).relu()
        torch.manual_seed(1)
        assert torch.equal(block(x), expected)


def test_bottleneck_block_is_a_residual_block_with_two_more_convolutions() -> None:
    bottleneck = ResidualBottleneckBlock(6, [2, 3], [3, 5], activation_type="lrelu")
    block = ResidualBlock(6, [2, 2, 3, 6], [1, 3, 5, 1], activation_type="lrelu")
    x = torch.randn(2, 6, 8, 7)
    assert torch.equal(bottleneck(x), same_weights(block, bottleneck)(x))


def test_resnet_computes_what_its_blocks_in_a_row_do() -> None:
    net = ResNet(SIZE, 4, [4, 2, 4, 4, 3, 4, 5], 3, [6], batchnorm=True, bottleneck=True)
    kw = {"batchnorm": True}
    by_hand = nn.Sequential(
        *(ResidualBlock(3, [4, 2, 4], [3] * 3, **kw), nn.MaxPool2d(2)),
        *(ResidualBottleneckBlock(4, [3], [3], **kw), nn.MaxPool2d(2)),
        *(
            ResidualBlock(4, [5], [3], **kw),
            nn.Flatten(),
            nn.Linear(5 * 3 * 2, 6),
            nn.ReLU(),
            nn.Linear(6, 4),
        ),
    )
    x = torch.randn(2, *SIZE)
    assert torch.equal(net(x), same_weights(by_hand, net)(x))


@pytest.mark.parametrize(("activation", "pooling"), list(itertools.product(ACTIVATIONS, POOLINGS)))
@pytest.mark.parametrize("make", [CNN, ResNet])
def test_every_activation_and_pooling_makes_a_network_that_trains(
    make, activation: str, pooling: str
) -> None:
    net = make(SIZE, 4, (3, 4, 5), 2, (6,), activation_type=activation, pooling_type=pooling)
    net(torch.randn(2, *SIZE)).sum().backward()
    assert all(param.grad is not None for param in net.parameters())


def test_a_group_of_two_with_bottleneck_is_a_regular_block() -> None:
    net = ResNet(SIZE, 4, [4, 4], 2, [], bottleneck=True)
    assert type(net.feature_extractor[0]) is ResidualBlock


@pytest.mark.parametrize("make", [CNN, ResNet])
def test_children_are_the_extractor_and_then_the_mlp(make) -> None:
    net = make(SIZE, 4, [5], 1, [8])
    assert [name for name, _ in net.named_children()] == ["feature_extractor", "mlp"]
    assert str(net).index("(feature_extractor)") < str(net).index("(mlp)")


def test_a_block_has_its_main_path_before_its_shortcut() -> None:
    assert [name for name, _ in ResidualBlock(3, [4], [3]).named_children()] == ["main_path", "shortcut_path"]


def test_the_probe_leaves_random_state_statistics_and_mode_alone() -> None:
    torch.manual_seed(7)
    net = ResNet(SIZE, 4, [5, 5], 1, [8], batchnorm=True, dropout=0.5)
    after = torch.rand(3)
    torch.manual_seed(7)
    for channels in (3, 5):
        ResidualBlock(channels, [5], [3], batchnorm=True, dropout=0.5)
    nn.Linear(5 * 3 * 2, 8), nn.Linear(8, 4)
    assert torch.equal(after, torch.rand(3))
    assert all(module.training for module in net.modules())
    for name, buffer in ResNet(SIZE, 4, [5, 5], 2, [], batchnorm=True).named_buffers():
        assert buffer.eq(1.0 if name.endswith("var") else 0.0).all()


def test_the_callers_lists_and_dictionaries_stay_as_they_are() -> None:
    channels, hidden, kernels = [4, 5, 6], [7], [3, 3, 3]
    conv, pool, act = {"kernel_size": 3, "padding": 1}, {"kernel_size": 2}, {"negative_slope": 0.1}
    CNN(SIZE, 4, channels, 2, hidden, conv, "lrelu", act, "max", pool)
    ResNet(SIZE, 4, channels, 2, hidden, activation_type="lrelu", activation_params=act)
    ResidualBlock(3, channels, kernels)
    ResidualBottleneckBlock(4, channels, kernels)
    assert (channels, hidden, kernels) == ([4, 5, 6], [7], [3, 3, 3])
    assert (conv, pool) == ({"kernel_size": 3, "padding": 1}, {"kernel_size": 2})
    assert act == {"negative_slope": 0.1}


def test_a_network_keeps_what_it_was_made_from_when_the_callers_list_changes() -> None:
    channels = [4, 5]
    net = CNN(SIZE, 4, channels, 2, [7])
    channels.clear()
    assert net.channels == [4, 5]


def test_thirty_two_convolutions_make_a_network() -> None:
    net = ResNet((3, 32, 32), 10, [8] * 32, 8, [16], batchnorm=True)
    assert sum(isinstance(layer, nn.Conv2d) for layer in net.modules()) == 32 + 1  # and a shortcut
    assert torch.isfinite(net(torch.randn(2, 3, 32, 32))).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"in_size": (3, 12)}, "in_size must be (C, H, W), got (3, 12)"),
        ({"in_size": (0, 12, 10)}, "in_size must be at least 1, got 0"),
        ({"out_classes": 0}, "out_classes must be at least 1, got 0"),
        ({"channels": []}, "channels is empty"),
        ({"channels": [4, 0]}, "channels must be at least 1, got 0"),
        ({"pool_every": 0}, "pool_every must be at least 1, got 0"),
        ({"hidden_dims": [-5]}, "hidden_dims must be at least 1, got -5"),
        ({"activation_type": "rleu"}, "unknown activation_type 'rleu'; did you mean 'relu'?"),
        ({"pooling_type": "mean"}, "unknown pooling_type 'mean'"),
        ({"channels": [4] * 5}, "the feature map shrinks to nothing, or does not fit: it is 4x1x1 (C, H, W)"),
    ],
)
@pytest.mark.parametrize("make", [CNN, ResNet])
def test_bad_values_are_named(make, settings: dict, message: str) -> None:
    good = {"in_size": SIZE, "out_classes": 4, "channels": [4], "pool_every": 1, "hidden_dims": [5]}
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        make(**{**good, **settings})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("make", "layer"), [(CNN, 11), (ResNet, 7)])
def test_the_layer_at_which_the_map_shrinks_to_nothing_is_named(make, layer: int) -> None:
    with pytest.raises(ValueError, match=rf"feature_extractor\[{layer}\], MaxPool2d: "):
        make((3, 8, 8), 4, [4] * 5, 1, [5])


def test_a_kernel_larger_than_the_map_is_named() -> None:
    with pytest.raises(ValueError, match=r"3x4x4 .*feature_extractor\[0\], Conv2d: "):
        CNN((3, 4, 4), 4, [5], 1, [5], {"kernel_size": 7})


@pytest.mark.parametrize(
    ("channels", "kernels", "message"),
    [
        ([], [], "channels has 0 entries and kernel_sizes has 0"),
        ([4], [3, 3], "channels has 1 entries and kernel_sizes has 2"),
        ([4, 4], [3, 2], "kernel_sizes must be odd to keep height and width, got 2"),
        ([4, 4], [3, -1], "kernel_sizes must be odd to keep height and width, got -1"),
        ([4, 0], [3, 3], "channels must be at least 1, got 0"),
    ],
)
def test_bad_blocks_are_named(channels: list[int], kernels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResidualBlock(3, channels, kernels)


@pytest.mark.parametrize("dropout", [-0.5, 1.5, float("nan")])
def test_a_dropout_that_is_no_probability_is_refused(dropout: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"dropout must be in [0, 1], got {dropout}")):
        ResidualBlock(3, [4], [3], dropout=dropout)
    with pytest.raises(ValueError, match=re.escape(f"dropout must be in [0, 1], got {dropout}")):
        ResNet(SIZE, 4, [4, 4], 2, [5], dropout=dropout)


def test_a_bottleneck_without_inner_convolutions_is_refused() -> None:
    with pytest.raises(ValueError, match="inner_channels is empty"):
        ResidualBottleneckBlock(4, [], [])


@pytest.mark.parametrize("make", [CNN, ResNet, ResidualBlock, ResidualBottleneckBlock])
def test_an_unknown_keyword_is_a_type_error(make) -> None:
    with pytest.raises(TypeError, match="pading"):
        make(*((3, [4], [3]) if issubclass(make, ResidualBlock) else (SIZE, 4, [4], 1, [5])), pading=1)


def test_a_resnet_takes_no_conv_params() -> None:
    with pytest.raises(TypeError, match="no conv_params"):
        ResNet(SIZE, 4, [4], 1, [5], conv_params={"kernel_size": 5})


def numbers(text: str) -> str:
    """Return a text with numbers as digits alone: without thin spaces, blanks and ``\\,`` in them."""
    return re.sub(r"(?<=\d)(\\,| )(?=\d{3}\b)", "", text)


def test_the_numbers_in_the_answer_are_those_of_the_blocks() -> None:
    answer = numbers(answers.part4.part4_q1)
    sizes = {}
    for block in (ResidualBlock(256, [256] * 2, [3] * 2), ResidualBottleneckBlock(256, [64], [3])):
        layers = [layer for layer in block.main_path if isinstance(layer, nn.Conv2d)]
        for layer in layers:
            assert str(layer.weight.numel()) in answer
            assert f"| {layer.weight.numel() + layer.bias.numel()} |" in answer
        parameters = sum(param.numel() for param in block.parameters())
        products = sum(layer.weight.numel() for layer in layers) * 32 * 32
        assert f"**{parameters}**" in answer
        assert str(products) in answer
        sizes[type(block)] = parameters, products
    ratios = [a / b for a, b in zip(sizes[ResidualBlock], sizes[ResidualBottleneckBlock], strict=True)]
    assert [f"{ratio:.1f}" for ratio in ratios] == ["16.9", "16.9"]
    assert int(ratios[0]) == 16


@pytest.mark.parametrize(
    ("make", "args", "sees", "rank"),
    [(ResidualBlock, ([256] * 2, [3] * 2), 5, 256), (ResidualBottleneckBlock, ([64], [3]), 3, 64)],
    ids=["regular", "bottleneck"],
)
def test_what_the_answer_says_about_combining_features(make, args: tuple, sees: int, rank: int) -> None:
    block = make(256, *args)
    assert plots.extent(plots.influence(block, (256, 9, 9), samples=1)) == sees
    change = block.main_path(torch.randn(1, 256, 20, 20)).detach()[0].flatten(1)
    assert torch.linalg.matrix_rank(change - change.mean(dim=1, keepdim=True)) == rank


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_the_receptive_field_grows_by_two_pixels_a_layer(depth: int) -> None:
    net = CNN((1, 33, 33), 2, [8] * depth, depth + 1, []).feature_extractor
    assert plots.extent(plots.influence(net, (1, 33, 33))) == 2 * depth + 1


def test_the_second_layer_of_the_trained_network_sees_14_pixels() -> None:
    five = {"kernel_size": 5, "padding": 2}
    net = CNN((1, 32, 32), 10, [8, 16], 1, [32], five).feature_extractor[:5]
    assert plots.extent(plots.influence(net, (1, 32, 32), samples=32)) == 14


def test_shortcuts_keep_the_gradient_alive_over_32_layers() -> None:
    blocks = [ResidualBlock(8, [8, 8], [3, 3]) for _ in range(16)]
    bare = nn.Sequential(*(nn.Sequential(block.main_path, nn.ReLU()) for block in blocks))
    x = torch.randn(4, 8, 16, 16)
    first, *_, last = plots.gradient_norms(nn.Sequential(*blocks), x)
    assert first > last / 100
    first, *_, last = plots.gradient_norms(bare, x)
    assert first < last / 1e6


def test_the_numbers_in_the_diagram_are_torchs() -> None:
    image, kernel = (
        torch.tensor(rows).float() for rows in (part4_figures.CONV_IMAGE, part4_figures.CONV_KERNEL)
    )
    out = torch.nn.functional.conv2d(image[None, None], kernel[None, None])[0, 0]
    assert part4_figures.convolved(part4_figures.CONV_IMAGE, part4_figures.CONV_KERNEL) == out.tolist()
    assert f"= {int(out[1, 1])}<" in str(part4_figures.convolution())
