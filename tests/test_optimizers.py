"""The optimizers against torch.optim, run live, and what they do with bad input."""

import pytest
import torch
from torch import Tensor

from hw.optimizers import MomentumSGD, Optimizer, RMSProp, VanillaSGD

LR = 0.05


def ours(kind: str, params: list[Tensor], reg: float) -> Optimizer:
    """Make one of our optimizers."""
    return {
        "vanilla": lambda: VanillaSGD(params, LR, reg),
        "momentum": lambda: MomentumSGD(params, LR, reg, momentum=0.8),
        # torch adds eps to the root, we add ours below it: with none worth speaking of they agree
        "rmsprop": lambda: RMSProp(params, LR, reg, decay=0.9, eps=1e-30),
    }[kind]()


def theirs(kind: str, params: list[Tensor], reg: float) -> torch.optim.Optimizer:
    """Make torch's optimizer of the same rule."""
    return {
        "vanilla": lambda: torch.optim.SGD(params, LR, weight_decay=reg),
        "momentum": lambda: torch.optim.SGD(params, LR, weight_decay=reg, momentum=0.8),
        "rmsprop": lambda: torch.optim.RMSprop(params, LR, weight_decay=reg, alpha=0.9, eps=1e-30),
    }[kind]()


@pytest.mark.parametrize("reg", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["vanilla", "momentum", "rmsprop"])
def test_thirty_steps_agree_with_torch(kind: str, reg: float) -> None:
    torch.manual_seed(42)
    start = [torch.randn(4, 3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)]
    target = torch.randn(4, 3, dtype=torch.float64)

    def descend(make) -> list[Tensor]:
        params = [value.clone().requires_grad_() for value in start]
        optimizer = make(kind, params, reg)
        for _ in range(30):
            optimizer.zero_grad()
            ((params[0] + params[1] - target) ** 2).sum().backward()
            optimizer.step()
        return [param.detach() for param in params]

    for mine, other in zip(descend(ours), descend(theirs), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["vanilla", "momentum", "rmsprop"])
def test_pairs_and_torch_tensors_take_the_same_steps(kind: str) -> None:
    torch.manual_seed(42)
    start, grad = torch.randn(5), torch.randn(5)
    pair, tensor = start.clone(), start.clone().requires_grad_()
    tensor.grad = grad.clone()
    optimizer = ours(kind, [(pair, grad), tensor], 0.1)
    for _ in range(3):
        optimizer.step()
    assert torch.equal(pair, tensor.detach())
    assert torch.equal(tensor.grad, grad)


@pytest.mark.parametrize("make", [VanillaSGD, MomentumSGD, RMSProp])
def test_bad_numbers_are_refused_by_name(make: type[Optimizer]) -> None:
    pair = (torch.ones(1), torch.ones(1))
    with pytest.raises(ValueError, match=r"learn_rate must be positive, got -0\.1"):
        make([pair], learn_rate=-0.1)
    for number in (0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"learn_rate must be positive, got {number}"):
            make([pair], learn_rate=number)
    for number in (-1, float("nan")):
        with pytest.raises(ValueError, match=f"reg must not be negative, got {number}"):
            make([pair], reg=number)
    with pytest.raises(ValueError, match="params is empty"):
        make([])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (torch.nn.Linear(2, 2).named_parameters(), r"params\[0\] must be a tensor or a \(tensor, gradient\)"),
        ([torch.ones(1), None], r"params\[1\] must be .*None"),
        ([(torch.ones(2), torch.ones(3))], r"params\[0\]: .* the shapes \(2,\) and \(3,\)"),
    ],
)
def test_what_cannot_be_optimized_is_named_at_once(params, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VanillaSGD(params)


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (MomentumSGD, "momentum", 1.0),
        (RMSProp, "decay", -0.1),
        (RMSProp, "eps", 0.0),
        (RMSProp, "eps", float("nan")),
    ],
)
def test_settings_out_of_range_are_refused_by_name(make, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        make([(torch.ones(1), torch.ones(1))], **{name: value})


def test_a_generator_of_params_is_not_used_up() -> None:
    layer = torch.nn.Linear(3, 2)
    optimizer = MomentumSGD(layer.parameters())
    assert len(list(optimizer.params)) == len(list(optimizer.params)) == 2


def test_zero_grad_leaves_none_alone_and_zeroes_in_place() -> None:
    lonely, tensor = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    tensor.grad = held = torch.ones(2)
    VanillaSGD([lonely, tensor]).zero_grad()
    assert lonely.grad is None
    assert tensor.grad is held
    assert not held.any()
