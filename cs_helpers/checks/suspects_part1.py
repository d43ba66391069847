"""Part 1's typical mistakes, each as the tensor that it leads to."""

from collections.abc import Iterator

import torch
from torch import Tensor

from cs_helpers.checks.suspects import Tensors, alternatives_of, suspects_of

Suspects = Iterator[tuple[str, Tensor | str, str]]


@alternatives_of("p1.leaky_relu")
def leaky_relu_at_zero(e: Tensors, i: Tensors) -> Iterator[tuple[str, Tensor]]:
    """The slope at exactly zero may be that of either side."""
    yield "slope at zero", torch.ones(1)


@suspects_of("p1.leaky_relu")
def leaky_relu(e: Tensors, i: Tensors) -> Suspects:
    """Slopes mixed up or forgotten."""
    x, dout, alpha = i["x"], i["dout"], 0.2
    positive = x > 0
    for name, value in (("out", x), ("dx", dout)):
        yield (
            name,
            torch.where(positive, value, 0 * value),
            "alpha is not used: negative inputs give 0, as in ReLU",
        )
        yield (
            name,
            torch.where(positive, value, 0.01 * value),
            "alpha is fixed at its default: use self.alpha",
        )
        yield (
            name,
            torch.where(positive, alpha * value, value),
            "the two sides are swapped: alpha is for x < 0",
        )
        yield name, torch.where(positive, value, -alpha * value), "the sign of the negative side is flipped"
    yield "dx", torch.where(positive, 1.0, alpha), "backward returns the slope alone: multiply it by dout"
    yield (
        "dx",
        torch.where(dout > 0, dout, alpha * dout),
        "the mask is that of dout: it must come from the input x",
    )
    yield (
        "dx",
        torch.where(positive, x * dout, alpha * x * dout),
        "backward multiplies by the output, not the slope",
    )
    yield "dx, default alpha", 0 * dout, "the default of alpha must be 0.01"
    second = i["second x"] > 0
    yield (
        "dx, second call",
        torch.where(positive != second, torch.where(positive, dout, alpha * dout), e["dx, second call"]),
        "stale: backward uses the input of the first forward call, not the last",
    )
    for wrong in (0.0, 0.1, 0.5, 0.6, 0.505):
        yield (
            "slope at zero",
            torch.tensor([wrong]),
            "at exactly zero the slope must be alpha or 1, as on one side",
        )


@suspects_of("p1.relu")
def relu(e: Tensors, i: Tensors) -> Suspects:
    """ReLU is LeakyReLU with alpha = 0."""
    x, dout = i["x"], i["dout"]
    message = "negative inputs must give exactly 0: pass alpha=0 to LeakyReLU"
    for alpha in (0.01, 0.1, 0.001):
        yield "out", torch.where(x > 0, x, alpha * x), message
        yield "dx", torch.where(x > 0, dout, alpha * dout), message
    yield (
        "out",
        torch.where(x > 0, 0 * x, x),
        "the two sides are swapped: positive inputs pass, negative give 0",
    )


@suspects_of("p1.sigmoid")
def sigmoid(e: Tensors, i: Tensors) -> Suspects:
    """The derivative is s (1 - s), times dout."""
    x, dout = i["x"], i["dout"]
    s = torch.sigmoid(x)
    yield "out", 1 - s, "the sign in the exponent is flipped: exp(-x), not exp(x)"
    yield "out", torch.tanh(x), "this is tanh, not the sigmoid"
    yield "dx", s * (1 - s), "the factor dout is missing: multiply the derivative by dout"
    yield "dx", dout * s, "the derivative is s * (1 - s): the factor (1 - s) is missing"
    yield "dx", dout * (1 - s), "the derivative is s * (1 - s): the factor s is missing"
    yield (
        "dx",
        dout * (1 - s * s),
        "the derivative is s * (1 - s), not 1 - s**2 (that is tanh's, of another s)",
    )
    yield "dx", dout * x * (1 - x), "backward uses the input x where it needs the output s = sigmoid(x)"
    yield (
        "dx",
        dout * torch.sigmoid(s) * (1 - torch.sigmoid(s)),
        "sigmoid is applied twice: s is cached already",
    )
    second = torch.sigmoid(i["second x"])
    yield "dx, second call", dout * s * (1 - s), "stale: backward uses the first forward call, not the last"
    yield "dx", dout * second * (1 - second), "stale: backward uses another forward call"


@suspects_of("p1.tanh")
def tanh(e: Tensors, i: Tensors) -> Suspects:
    """The derivative is 1 - t**2, times dout."""
    x, dout = i["x"], i["dout"]
    t = torch.tanh(x)
    yield "out", torch.sigmoid(x), "this is the sigmoid, not tanh"
    yield "out", torch.tanh(x / 2), "off by a factor 2 in the argument: tanh(x) = 2 sigmoid(2x) - 1"
    yield "out", 2 * torch.sigmoid(x) - 1, "off by a factor 2 in the argument: tanh(x) = 2 sigmoid(2x) - 1"
    yield "dx", 1 - t * t, "the factor dout is missing: multiply the derivative by dout"
    yield "dx", dout * (1 - t), "the derivative is 1 - t**2: the square is missing"
    yield "dx", dout * t * (1 - t), "the derivative is 1 - t**2; t * (1 - t) is the sigmoid's"
    yield "dx", dout * (1 + t * t), "the sign is wrong: the derivative is 1 - t**2"
    yield "dx", dout * (1 - x * x), "backward uses the input x where it needs the output t = tanh(x)"
    yield "dx, second call", dout * (1 - t * t), "stale: backward uses the first forward call, not the last"


@suspects_of("p1.linear")
def linear(e: Tensors, i: Tensors) -> Suspects:
    """The affine map, its three gradients, and what happens to them over two rounds."""
    x, dout, w, b = i["x"], i["dout"], i["layer.w"], i["layer.b"]
    yield "out", x @ w.T, "the bias b is not added"
    yield "out", x @ w.T - b, "the bias b is subtracted instead of added"
    yield "w, wstd 0.5", e["w, wstd 0.5"] / 0.5, "wstd is ignored: multiply the draws of torch.randn by it"
    yield "w, wstd 0.5", e["w, wstd 0.5"] * 0.2, "wstd is ignored: 0.1 is hard-coded"
    yield "w, wstd 0.5", e["w, wstd 0.5"] * 0.5, "wstd is applied twice, or as a variance"
    yield (
        "w, wstd 0.5",
        e["w, wstd 0.5"] * 2**0.5,
        "wstd is the standard deviation, not the variance: no square root",
    )
    yield "b, wstd 0.5", 0 * e["b, wstd 0.5"], "b starts as wstd * N(0, 1) too, not as zero"
    yield "b, wstd 0.5", e["b, wstd 0.5"] / 0.5, "wstd is ignored for b"
    yield "dx", dout @ w / len(x), "dx is divided by N: the mean belongs to the loss, not to Linear"
    yield "dw", e["dw"] / len(x), "dw is divided by N: the mean belongs to the loss, not to Linear"
    yield "db", e["db"] / len(x), "db is a mean over the batch: it must be a sum (the loss carries the 1/N)"
    yield (
        "db",
        dout.sum() * torch.ones(3),
        "db sums over the wrong axis, or over both: sum over the batch, dim=0",
    )
    yield "dw", 2 * e["dw"], "dw must be added to once per backward call, not twice"
    yield "db", 2 * e["db"], "db must be added to once per backward call, not twice"
    yield "db", torch.ones(3) * len(x), "db must sum dout over the batch, not count the samples"
    for name in ("dw", "db"):
        last = e[f"{name}, both rounds"] - e[name]
        yield (
            f"{name}, both rounds",
            last,
            f"{name} is overwritten by each backward call: it must accumulate, self.{name} += ...",
        )
        yield (
            f"{name} in params()",
            0 * e[name],
            f"self.{name} is rebound to a new tensor (self.{name} = ...), so params() holds the old one: "
            "update it in place",
        )
    stale = i["dout"].T @ x + i["second dout"].T @ x
    yield "dw, both rounds", stale, "stale: backward uses the input of the first forward call, not the last"
    yield "dw", dout.T @ x + w, "dw starts from w instead of zero"


@suspects_of("p1.cross_entropy")
def cross_entropy(e: Tensors, i: Tensors) -> Suspects:
    """The mean, the label's term, and dout."""
    x, y = i["x"], i["y"]
    n = len(y)
    at_label = torch.nn.functional.one_hot(y, x.shape[1]).float()
    softmax = torch.softmax(x, 1)
    lse = torch.logsumexp(x, 1)
    yield (
        "loss",
        (lse - x[range(n), y]).sum(),
        "the loss is a sum over the batch: it must be the mean (the 1/N)",
    )
    yield "loss", lse.mean(), "the term of the label, -x[y], is missing"
    yield "loss", -x[range(n), y].mean(), "the log-sum-exp term is missing"
    yield "loss", -e["loss"], "the sign of the loss is flipped"
    yield "loss", (lse - x[range(n), y]).mean() / x.shape[1], "the mean is over N*C entries: divide by N only"
    yield "loss", e["loss"] / torch.tensor(2.0).log(), "the logarithm is base 2: use the natural logarithm"
    twice = torch.logsumexp(softmax, 1) - softmax[range(n), y]
    yield "loss", twice.mean(), "softmax is applied twice: x holds scores, not probabilities"
    yield (
        "loss",
        (torch.logsumexp(x, 0).sum() - x[range(n), y].sum()) / n,
        "softmax runs over the wrong axis: dim=1",
    )
    yield "dx", softmax - at_label, "the 1/N is missing: the loss is a mean over the batch"
    yield "dx", e["dx"] / n, "the 1/N is there twice"
    yield "dx", softmax / n, "the 1 at the label is not subtracted"
    yield "dx", -e["dx"], "the sign is flipped: softmax(x) minus one at the label"
    yield "dx", (softmax + at_label) / n, "the 1 at the label is added instead of subtracted"
    yield "dx", -at_label / n, "the softmax term is missing"
    yield "dx", (torch.softmax(x, 0) - at_label) / n, "softmax runs over the wrong axis: dim=1"
    yield "dx", (softmax - at_label) / x.numel(), "divided by N*C: divide by N only"
    yield "dx", (softmax - at_label) / x.shape[1], "divided by the number of classes C: divide by N"
    yield "dx for dout = 3", e["dx"], "dout is ignored: multiply the gradient by it"
    yield "dx for dout = 3", 9 * e["dx"], "dout is multiplied in twice"
    zeroed = "backward returns its cache itself, and the caller's change to it spoils the next call: copy it"
    yield "dx, asked again", 0 * e["dx"], zeroed
    yield (
        "dx, asked again",
        e["dx"] - at_label / n,
        "backward changes what it has cached: a second call is wrong",
    )
    yield "dx, 12 classes", e["dx, 12 classes"] * 12 / 10, "the number of classes is hard-coded as 10"


@suspects_of("p1.sequential")
def sequential(e: Tensors, i: Tensors) -> Suspects:
    """Order, and keyword arguments."""
    x = i["x"]
    factors = [i[f"factor {k}"] for k in range(3)]
    h = [x]
    for factor in factors:
        h.append(h[-1] ** 2 * factor)
    yield "out", h[2], "the last layer is left out"
    yield "out", x**2 * factors[2], "every layer gets the input x: each must get the output of the one before"
    yield "out with shift=1 passed on", h[3], "**kw is not passed on to the layers"
    yield "out with shift=1 passed on", h[3] + 1, "**kw is passed on to one layer only, not to every layer"
    dout = i["dout"]
    local = [2 * a * f for a, f in zip(h, factors, strict=False)]
    for k in range(3):
        yield (
            "dx",
            local[k] * dout,
            f"only layer {k} is run backward: pass each result on to the layer before",
        )
    yield "dx", local[1] * local[2] * dout, "the first layer is left out"
    yield "dx", local[0] * local[1] * dout, "the last layer is left out"
    yield "params 0", factors[2], "params() is in reverse order: first layer first"


@suspects_of("p1.mlp")
def mlp(e: Tensors, i: Tensors) -> Suspects:
    """Constructor arguments on their way to the layers."""
    message = "wstd does not reach the Linear layers: pass **linear_kw on to each of them"
    yield "w with wstd=0.3", e["w with wstd=0.3"] / 3, message
    for activation, name in (("relu", "ReLU"), ("sigmoid", "Sigmoid")):
        block, key = f"Linear {name} ", f"layers, {activation}"
        other = "Sigmoid" if name == "ReLU" else "ReLU"
        yield key, (block * 4).strip(), "the last Linear must stay bare: no activation after the class scores"
        yield key, (block * 3).strip(), "the last Linear, to num_classes, is missing"
        yield key, "Linear Linear Linear Linear", "there are no activations between the Linear layers"
        yield key, (block * 2 + "Linear").strip(), "one hidden layer is missing"
        yield key, (block + "Linear Linear Linear").strip(), "only the first hidden layer has an activation"
        yield key, f"Linear {other} " * 3 + "Linear", "the activation argument is ignored"
        yield (
            key,
            f"{name} Linear " * 3 + "Linear",
            "each activation must come after its Linear, not before it",
        )
        yield (
            key,
            (f"{name} Linear " * 4).strip(),
            "each activation must come after its Linear, not before it",
        )
    yield (
        "layers, no hidden",
        "Linear ReLU",
        "the last Linear must stay bare: no activation after the class scores",
    )
    plain = "MLP, Sequential\n[0] Linear(20, 12)\n[1] ReLU\n[2] Linear(12, 8)\n[3] ReLU\n[4] Linear(8, 5)"
    yield (
        "layers, dropout 0.4",
        plain,
        "dropout is ignored: put a Dropout after each activation when it is > 0",
    )
    full = "MLP, Sequential\n[0] Linear(20, 12)\n[1] ReLU\n[2] Dropout(p={0})\n[3] Linear(12, 8)\n[4] ReLU\n"
    yield (
        "layers, dropout 0.4",
        (full + "[5] Dropout(p={0})\n[6] Linear(8, 5)").format(0.5),
        "the dropout probability does not reach the Dropout layers",
    )
    yield (
        "layers, dropout 0.4",
        "MLP, Sequential\n[0] Linear(20, 12)\n[1] Dropout(p=0.4)\n[2] ReLU\n[3] Linear(12, 8)\n"
        "[4] Dropout(p=0.4)\n[5] ReLU\n[6] Linear(8, 5)",
        "Dropout belongs after the activation, not before it",
    )
    yield (
        "layers, dropout 0.4",
        (full + "[5] Dropout(p={0})\n[6] Linear(8, 5)\n[7] Dropout(p={0})").format(0.4),
        "no Dropout after the last Linear: the class scores stay whole",
    )


@suspects_of("p1.dropout")
def dropout(e: Tensors, i: Tensors) -> Suspects:
    """Scale, rate, independence, modes."""

    def number(value: float) -> Tensor:
        return torch.tensor(value, dtype=torch.float64)

    p = 0.4
    kept, rows, columns, calls = (
        "share of units kept",
        "kept in both of two neighbouring rows",
        "kept in both of two neighbouring columns",
        "kept in both of two calls",
    )
    yield kept, number(p), "units are kept with probability p: they must be dropped with probability p"
    yield kept, number(1.0), "nothing is dropped in training mode"
    yield kept, number(0.6554), "the mask is drawn with randn: rand is uniform on [0, 1)"
    yield kept, number(0.3446), "the mask is drawn with randn: rand is uniform on [0, 1)"
    for name in ("smallest value of a kept unit", "largest value of a kept unit"):
        yield name, number(1.0), "kept units are not scaled: multiply by 1 / (1 - p)"
        yield name, number(1 / p), "the scale is 1 / p: it must be 1 / (1 - p)"
        yield name, number(1 - p), "kept units are multiplied by 1 - p: divide by it"
        yield name, number(1 / (1 - p) ** 2), "kept units are scaled twice"
    yield rows, number(1 - p), "all samples of the batch share one mask: draw one number per unit"
    yield columns, number(1 - p), "all units of a sample share one draw: draw one number per unit"
    yield calls, number(1 - p), "both calls use the same mask: draw a new one in every forward call"
    other = "share of units whose gradient has another mask"
    yield (
        other,
        number(2 * p * (1 - p)),
        "backward draws a mask of its own: use the one of the last forward call",
    )
    yield other, number(p), "backward ignores the mask: dropped units get no gradient"
    yield other, number(1 - p), "backward forgets the scale 1 / (1 - p) of the kept units"
    x, dout = i["x"], i["dout"]
    test = "test mode must be the identity"
    yield "out in test mode", x * (1 - p), f"{test}: with inverted dropout nothing is left to scale by 1 - p"
    yield "out in test mode", x / (1 - p), f"{test}: do not scale there"
    yield "dx in test mode", dout / (1 - p), f"{test}, backward too: do not scale there"
    yield "dx in test mode", dout * (1 - p), f"{test}, backward too: do not scale there"
    yield "dx in test mode", 0 * dout, f"{test}, backward too"
