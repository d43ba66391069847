"""The reference layers against torch run live, and against float64 finite differences over all elements."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from hw.grad_compare import compare_layer_to_torch
from hw.layers import MLP, CrossEntropyLoss, Dropout, LeakyReLU, Linear, ReLU, Sequential, Sigmoid, TanH

LABELS = torch.tensor([0, 2, 1, 2])
ELEMENTWISE = {
    "LeakyReLU": (LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
    "ReLU": (ReLU(), F.relu),
    "Sigmoid": (Sigmoid(), torch.sigmoid),
    "TanH": (TanH(), torch.tanh),
}


def cast(layer, dtype):
    """Change the type of a layer's parameters and gradients; finite differences need float64."""
    for part in getattr(layer, "sequence", getattr(layer, "layers", [layer])):
        if isinstance(part, Linear):
            part.w, part.b, part.dw, part.db = (t.to(dtype) for t in (part.w, part.b, part.dw, part.db))
    return layer


def nets(dtype=torch.float64):
    """Every kind of layer, with a fitting input and labels if it takes them."""
    x = torch.randn(4, 3, dtype=dtype)
    yield "LeakyReLU", LeakyReLU(0.2), x, {}
    yield "ReLU", ReLU(), x, {}
    yield "Sigmoid", Sigmoid(), x, {}
    yield "TanH", TanH(), x, {}
    yield "Linear", cast(Linear(3, 5), dtype), x, {}
    yield "Linear, 3-D", cast(Linear(3, 5), dtype), torch.randn(2, 4, 3, dtype=dtype), {}
    yield "CrossEntropyLoss", CrossEntropyLoss(), x, {"y": LABELS}
    yield "Sequential", cast(Sequential(Linear(3, 4), TanH(), Linear(4, 2), Sigmoid()), dtype), x, {}
    yield "MLP", cast(MLP(3, 3, [6, 5], wstd=0.5), dtype), x, {}
    yield "MLP, sigmoid", cast(MLP(3, 3, [6], activation="sigmoid", wstd=0.5), dtype), x, {}
    yield "MLP, no hidden", cast(MLP(3, 3), dtype), x, {}
    loss = cast(Sequential(Linear(3, 6), ReLU(), Linear(6, 3), CrossEntropyLoss()), dtype)
    yield "with a loss", loss, x, {"y": LABELS}


def numerical(value, tensor, step=1e-6):
    """Central differences of a scalar function with respect to every element of a tensor."""
    grad = torch.zeros_like(tensor)
    flat, out = tensor.view(-1), grad.view(-1)
    for i in range(len(flat)):
        before = flat[i].item()
        flat[i] = before + step
        above = value()
        flat[i] = before - step
        out[i] = (above - value()) / (2 * step)
        flat[i] = before
    return grad


@pytest.mark.parametrize("number", range(12))
def test_gradients_agree_with_finite_differences(number):
    _, layer, x, kw = list(nets())[number]
    dout = torch.randn(layer(x, **kw).shape, dtype=torch.float64)

    def value():
        return (layer(x, **kw) * dout).sum().item()

    layer(x, **kw)
    torch.testing.assert_close(layer.backward(dout), numerical(value, x), rtol=1e-6, atol=1e-8)
    for param, grad in layer.params():
        # Linear may keep w in any memory order; its elements are reached through a contiguous view.
        free = param if param.is_contiguous() else param.T
        want = numerical(value, free)
        torch.testing.assert_close(grad if free is param else grad.T, want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 3, 4), (0, 3)])
def test_elementwise_layers_agree_with_torch_in_any_shape(name, shape):
    layer, function = ELEMENTWISE[name]
    x = torch.randn(shape, requires_grad=True)
    out = function(x)
    dout = torch.randn(shape)
    torch.testing.assert_close(layer(x.detach()), out)
    torch.testing.assert_close(layer.backward(dout), torch.autograd.grad(out, x, dout)[0])


@pytest.mark.parametrize("layer", [Sigmoid(), TanH()], ids=str)
def test_large_inputs_stay_finite(layer):
    x = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4])
    assert torch.isfinite(layer(x)).all()
    assert torch.isfinite(layer.backward(torch.ones(5))).all()


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (3,), (2, 2, 2, 3)])
def test_linear_agrees_with_torch_over_two_rounds(shape):
    layer, torchs = Linear(3, 6), nn.Linear(3, 6)
    with torch.no_grad():
        torchs.weight.copy_(layer.w)
        torchs.bias.copy_(layer.b)
    for _ in range(2):
        x = torch.randn(shape, requires_grad=True)
        out = torchs(x)
        dout = torch.randn(out.shape)
        out.backward(dout)
        torch.testing.assert_close(layer(x.detach()), out.detach())
        torch.testing.assert_close(layer.backward(dout), x.grad)
    torch.testing.assert_close(layer.dw, torchs.weight.grad)
    torch.testing.assert_close(layer.db, torchs.bias.grad)


def test_linear_draws_w_and_then_b():
    torch.manual_seed(3)
    w, b = 0.5 * torch.randn(20, 30), 0.5 * torch.randn(20)
    torch.manual_seed(3)
    layer = Linear(30, 20, wstd=0.5)
    assert torch.equal(layer.w, w)
    assert torch.equal(layer.b, b)


def test_linear_gradients_are_the_same_tensors_for_ever():
    layer = Linear(3, 2)
    (_, dw), (_, db) = layer.params()
    layer(torch.randn(4, 3))
    layer.backward(torch.ones(4, 2))
    assert dw is layer.params()[0][1]
    assert db is layer.params()[1][1]
    assert dw.any()


def test_linear_without_input_gradient_returns_none_and_still_learns():
    with_it, without = Linear(3, 2), Linear(3, 2)
    without.w.copy_(with_it.w)
    without.input_grad = False
    x, dout = torch.randn(4, 3), torch.randn(4, 2)
    for layer in (with_it, without):
        layer(x)
    assert with_it.backward(dout).shape == x.shape
    assert without.backward(dout) is None
    torch.testing.assert_close(without.dw, with_it.dw)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_cross_entropy_agrees_with_torch(scale):
    x = (scale * torch.randn(4, 3)).requires_grad_()
    want = F.cross_entropy(x, LABELS)
    want.backward()
    loss = CrossEntropyLoss()
    torch.testing.assert_close(loss(x.detach(), LABELS), want.detach())
    torch.testing.assert_close(loss.backward(), x.grad, rtol=1e-4, atol=1e-3 if scale > 1 else 1e-6)
    torch.testing.assert_close(loss.backward(torch.tensor(3.0)), 3 * loss.backward())


def test_dropout_keeps_scales_and_remembers():
    layer, x = Dropout(p=0.3), torch.ones(200, 200)
    out = layer(x)
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.7])
    assert (out == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(layer.backward(x), out)
    layer.train(False)
    assert torch.equal(layer(x), x)
    assert torch.equal(layer.backward(x), x)


@pytest.mark.parametrize(("p", "factor"), [(0, 1), (1, 0)])
def test_dropout_at_the_ends_of_its_range(p, factor):
    layer, x = Dropout(p), torch.randn(5, 5)
    assert torch.equal(layer(x), factor * x)
    assert torch.equal(layer.backward(x), factor * x)


@pytest.mark.parametrize(
    "net", [Sequential(Dropout(0.9)), MLP(3, 3, [8], dropout=0.9)], ids=["Sequential", "MLP"]
)
def test_the_mode_reaches_every_layer(net):
    net.train(False)
    x = torch.randn(4, 3)
    assert torch.equal(net(x), net(x))
    net.train()
    assert not torch.equal(net(x), net(x))


@pytest.mark.parametrize("number", range(12))
def test_compare_layer_to_torch_finds_no_difference(number):
    name, layer, x, kw = list(nets(torch.float32))[number]
    differences = compare_layer_to_torch(layer, x, **kw)
    assert len(differences) == 1 + len(layer.params())
    assert max(differences) < 1e-5, name


def test_compare_layer_to_torch_works_with_dropout():
    assert max(compare_layer_to_torch(MLP(5, 3, [50, 50, 50], dropout=0.6), torch.randn(8, 5))) < 1e-5


def test_compare_layer_to_torch_sees_a_wrong_backward():
    class Wrong(TanH):
        def backward(self, dout):
            return 2 * super().backward(dout)

    assert compare_layer_to_torch(Wrong(), torch.randn(4, 3))[0] > 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LeakyReLU(1), r"alpha must be in \[0, 1\), got 1"),
        (lambda: LeakyReLU(-0.1), r"alpha must be in \[0, 1\), got -0.1"),
        (lambda: Dropout(1.5), r"p must be in \[0, 1\], got 1.5"),
        (lambda: Dropout(-1), r"p must be in \[0, 1\], got -1"),
        (lambda: Dropout(float("nan")), r"p must be in \[0, 1\], got nan"),
        (lambda: MLP(3, 2, activation="rleu"), "unknown activation 'rleu'; did you mean 'relu'"),
        (lambda: MLP(3, 2, activation="cosine"), "'cosine'; there are: relu, sigmoid"),
        (lambda: MLP(3, 2, [4], dropout=-1), r"dropout must be in \[0, 1\], got -1"),
        (lambda: MLP(3, 2, [4, 0]), "at least 1, got 4 in and 0 out"),
        (lambda: Linear(3, 2)(torch.ones(4, 5)), r"takes 3 features, got x of shape \(4, 5\)"),
        (lambda: CrossEntropyLoss()(torch.ones(4, 3), torch.zeros(3).long()), r"\(4, 3\) and \(3,\)"),
        (lambda: CrossEntropyLoss()(torch.ones(3), torch.zeros(3).long()), r"\(3,\) and \(3,\)"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_gradient_of_nearly_equal_scores_far_from_zero_loses_no_digits():
    scores, y = 1e4 + torch.tensor([[0.0, -0.125, 0.25], [0.5, 0.0, 0.375]]), torch.tensor([0, 2])
    loss_fn, exact = CrossEntropyLoss(), scores.double().requires_grad_()
    torch.nn.functional.cross_entropy(exact, y).backward()
    loss_fn(scores, y)
    assert torch.allclose(loss_fn.backward().double(), exact.grad, rtol=1e-6, atol=0)


def test_an_unknown_keyword_is_a_type_error():
    with pytest.raises(TypeError, match="wsdt"):
        MLP(3, 2, wsdt=0.1)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (ReLU(), "ReLU"),
        (LeakyReLU(), "LeakyReLU"),
        (TanH(), "TanH"),
        (Linear(200, 100), "Linear(200, 100)"),
        (Dropout(p=0.6), "Dropout(p=0.6)"),
        (Sequential(Linear(3, 2), ReLU()), "Sequential\n[0] Linear(3, 2)\n[1] ReLU"),
        (MLP(3, 2), "MLP, Sequential\n[0] Linear(3, 2)"),
    ],
)
def test_layers_print_as_the_contract_says(layer, text):
    assert str(layer) == text


def test_an_mlp_with_three_hidden_layers_has_seven():
    kinds = [type(layer) for layer in MLP(20, 5, [12, 8, 12]).sequence]
    assert kinds == [Linear, ReLU] * 3 + [Linear]
    assert len(MLP(20, 5, [50] * 3, dropout=0.6).sequence) == 10
