"""MLP as an nn.Module: against torch.nn, and its messages."""

import re

import pytest
import torch
from torch import nn

from hw.mlp import MLP, NONLINEARITIES, make_nonlinearity


def test_mlp_computes_what_a_sequential_by_hand_does() -> None:
    net = MLP(5, [8, 6, 3], ["relu", nn.Tanh(), "none"])
    by_hand = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))
    by_hand.load_state_dict(dict(net.fc.state_dict()))
    x = torch.randn(7, 5)
    assert torch.equal(net(x), by_hand(x))
    assert (net.in_dim, net.out_dim) == (5, 3)


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_every_name_gives_a_module_that_runs_without_a_warning(
    name: str, recwarn: pytest.WarningsRecorder
) -> None:
    out = MLP(3, [4], [name])(torch.randn(5, 3))
    assert out.shape == (5, 4)
    assert not recwarn.list


def test_softmax_runs_over_the_features() -> None:
    out = MLP(3, [4], ["softmax"])(torch.randn(5, 3))
    assert torch.allclose(out.sum(dim=1), torch.ones(5))


def test_a_module_is_used_as_it_is() -> None:
    module = nn.PReLU()
    assert make_nonlinearity(module) is module


@pytest.mark.parametrize(
    ("dims", "nonlins", "message"),
    [
        ([4, 2], ["relu"], "dims has 2 entries and nonlins has 1"),
        ([4], ["relu", "none"], "dims has 1 entries and nonlins has 2"),
        ([4, 2], ["rleu", "none"], "'rleu'.*did you mean 'relu'"),
        ([], [], "dims is empty"),
        ([4, 0], ["relu", "none"], r"at least 1, got 3 and \[4, 0\]"),
    ],
)
def test_wrong_arguments_are_named(dims: list[int], nonlins: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLP(3, dims, nonlins)


def test_the_message_of_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ValueError, match=re.escape("there are: relu, tanh")):
        make_nonlinearity("xyzzy")
