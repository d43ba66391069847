"""Typical mistakes in Part 1's single layers, each as the tensor that it leads to."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from cs_helpers.checks import suspects_part1_nets  # noqa: F401 - registers what it holds
from cs_helpers.checks.diagnose import close
from cs_helpers.checks.suspects import Suspect, Tensors, alternatives_of, always, suspects_of

Suspects = Iterator[tuple[str, Suspect, str]]
SPOILT = "backward changes what forward returned: it works in place on its cache"


@alternatives_of("p1.leaky_relu")
def leaky_relu_at_zero(e: Tensors, i: Tensors) -> Iterator[tuple[str, Tensor]]:
    """The slope at exactly zero may be that of either side."""
    yield "slope at zero", torch.ones(1)
    yield "slope at zero", torch.full((1,), 0.2)


def _slopes(got: Any, x: Tensor) -> Tensor | None:
    """Return what each input was multiplied by, if that can be said."""
    return got / x if isinstance(got, Tensor) and got.shape == x.shape else None


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
    yield (
        "out",
        torch.clamp(x, min=alpha),
        "x is clamped at alpha: negative inputs are to be multiplied by it",
    )

    def elsewhere(got: Any) -> bool:
        slopes = _slopes(got, x)
        return slopes is not None and bool(
            (slopes.isclose(slopes.new_tensor(1.0)) | slopes.isclose(slopes.new_tensor(alpha))).all()
        )

    def other_default(got: Any) -> bool:
        slopes = _slopes(got, x)
        return slopes is not None and close(slopes, torch.where(positive, 1.0, slopes[~positive].mean()))

    yield "out", elsewhere, "the slope must change at zero: 1 where x > 0, and alpha elsewhere"
    yield "out, default alpha", other_default, "the default of alpha must be 0.01"
    second = i["second x"] > 0
    yield (
        "dx, second call",
        torch.where(positive != second, torch.where(positive, dout, alpha * dout), e["dx, second call"]),
        "stale: backward uses the input of the first forward call, not the last",
    )
    at_zero = "at exactly zero the slope must be alpha or 1, as on one of the two sides"
    yield "slope at zero", always, at_zero


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
    yield "out", torch.clamp(x, max=0), "the two sides are swapped: positive inputs pass, negative give 0"
    yield "out", x.abs(), "this is the absolute value: negative inputs must give 0"
    yield "out", (x > 0).float(), "forward returns the mask, not the input where the mask is 1"
    yield "dx", torch.clamp(dout, min=0), "the mask is that of dout: it must come from the input x"
    yield "dx", dout * torch.clamp(x, min=0), "backward multiplies by the output, not the slope"
    yield "name", always, "str(ReLU()) must be 'ReLU': the repr of Layer gives the name of the class"


@suspects_of("p1.sigmoid")
def sigmoid(e: Tensors, i: Tensors) -> Suspects:
    """The derivative is s (1 - s), times dout."""
    x, dout = i["x"], i["dout"]
    s = torch.sigmoid(x)
    yield "out", 1 - s, "the sign in the exponent is flipped: exp(-x), not exp(x)"
    yield "out", torch.tanh(x), "this is tanh, not the sigmoid"
    for dim in range(x.ndim):
        message = "this is softmax: the sigmoid treats every element alone, 1 / (1 + exp(-x))"
        yield "out", torch.softmax(x, dim), message
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
    yield "dx", dout * (s - (1 - s)), "the derivative is s * (1 - s): a product, not a difference"
    for spoilt in (s * (1 - s), dout * s * (1 - s), 1 - s):
        yield "out, after backward", spoilt, SPOILT
    second = torch.sigmoid(i["second x"])
    yield "dx, second call", dout * s * (1 - s), "stale: backward uses the first forward call, not the last"
    yield "dx", dout * second * (1 - second), "stale: backward uses another forward call"
    yield "name", always, "str(Sigmoid()) must be 'Sigmoid': the repr of Layer gives the name of the class"


@suspects_of("p1.tanh")
def tanh(e: Tensors, i: Tensors) -> Suspects:
    """The derivative is 1 - t**2, times dout."""
    x, dout = i["x"], i["dout"]
    t = torch.tanh(x)
    yield "out", torch.sigmoid(x), "this is the sigmoid, not tanh"
    yield "out", torch.tanh(x / 2), "off by a factor 2 in the argument: tanh(x) = 2 sigmoid(2x) - 1"
    yield "out", 2 * torch.sigmoid(x) - 1, "off by a factor 2 in the argument: tanh(x) = 2 sigmoid(2x) - 1"
    yield "out", torch.tan(x), "this is tan, the trigonometric one: tanh is the hyperbolic tangent"
    yield "dx", 1 - t * t, "the factor dout is missing: multiply the derivative by dout"
    yield "dx", dout * (1 - t), "the derivative is 1 - t**2: the square is missing"
    yield "dx", dout * t * (1 - t), "the derivative is 1 - t**2; t * (1 - t) is the sigmoid's"
    yield "dx", dout * (1 - t) ** 2, "the derivative is 1 - t**2, not (1 - t)**2"
    yield "dx", dout + (1 - t * t), "dout is added: the chain rule multiplies by it"
    for spoilt in (t * t, 1 - t * t, dout * (1 - t * t)):
        yield "out, after backward", spoilt, SPOILT
    yield "dx", dout * (1 + t * t), "the sign is wrong: the derivative is 1 - t**2"
    yield "dx", dout * (1 - x * x), "backward uses the input x where it needs the output t = tanh(x)"
    yield "dx, second call", dout * (1 - t * t), "stale: backward uses the first forward call, not the last"
    yield "name", always, "str(TanH()) must be 'TanH': the repr of Layer gives the name of the class"


@suspects_of("p1.linear")
def linear_init(e: Tensors, i: Tensors) -> Suspects:
    """How the parameters are drawn."""
    yield "w, wstd 0.5", e["w, wstd 0.5"] / 0.5, "wstd is ignored: multiply the draws of torch.randn by it"
    yield "w, wstd 0.5", e["w, wstd 0.5"] * 0.2, "wstd is ignored: 0.1 is hard-coded"
    yield "w, wstd 0.5", e["w, wstd 0.5"] * 0.5, "wstd is applied twice, or as a variance"
    yield (
        "w, wstd 0.5",
        e["w, wstd 0.5"] * 2**0.5,
        "wstd is the standard deviation, not the variance: no square root",
    )
    yield "b, wstd 0.5", 0 * e["b, wstd 0.5"], "b starts as wstd * N(0, 1) too, not as zero"
    yield "w, wstd 0.5", e["w, wstd 0.5"].reshape(30, 20), "w must have the shape (out, in), and z = x @ w.T"
    yield "w, wstd 0.5", _never_negative, "no weight is negative: torch.rand is uniform on [0, 1), use randn"
    drawn = "w is drawn first, then b: each wstd * torch.randn(...) of its own shape, and nothing else"
    yield "w, wstd 0.5", always, drawn
    yield "b, wstd 0.5", e["b, wstd 0.5"] / 0.5, "wstd is ignored for b"
    yield "b, wstd 0.5", always, drawn
    yield "w, default wstd", always, "the default of wstd must be 0.1"
    yield "dw at first", e["w, wstd 0.5"], "dw starts as the weights themselves: it must be a tensor of zeros"
    yield "dw at first", always, "gradients must start at zero: torch.zeros_like(self.w)"


@suspects_of("p1.linear")
def linear(e: Tensors, i: Tensors) -> Suspects:
    """The affine map and its three gradients."""
    x, dout, w, b = i["x"], i["dout"], i["layer.w"], i["layer.b"]
    yield "out", x @ w.T, "the bias b is not added"
    yield "out", x @ w.T - b, "the bias b is subtracted instead of added"
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
    yield "dw", dout.T @ x + w, "dw starts from w instead of zero"


@suspects_of("p1.linear")
def linear_rounds(e: Tensors, i: Tensors) -> Suspects:
    """What happens to the gradients over two rounds, and what params() says."""
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
    pair, other = "(3, 5) and (3, 5)", "(3,) and (3,)"
    yield "shapes in params()", f"{other}; {pair}", "params() must list w first, then b"
    yield "shapes in params()", always, "params() must return pairs (parameter, gradient): w's, then b's"
    stale = (i["dout"] + i["second dout"]).T @ i["x"]
    yield "dw, both rounds", stale, "stale: backward uses the input of the first forward call, not the last"


def _never_negative(got: Tensor) -> bool:
    return bool((got >= 0).all())


@suspects_of("p1.cross_entropy")
def cross_entropy_loss(e: Tensors, i: Tensors) -> Suspects:
    """The mean, the label's term, the log-sum-exp."""
    x, y = i["x"], i["y"]
    n = len(y)
    softmax, lse = torch.softmax(x, 1), torch.logsumexp(x, 1)
    yield (
        "loss",
        (lse - x[range(n), y]).sum(),
        "the loss is a sum over the batch: it must be the mean (the 1/N)",
    )
    yield "loss", lse.mean(), "the term of the label, -x[y], is missing"
    yield "loss", -x[range(n), y].mean(), "the log-sum-exp term is missing"
    yield "loss", -e["loss"], "the sign of the loss is flipped"
    yield "loss", (lse + x[range(n), y]).mean(), "the score of the label is added: it must be subtracted"
    yield (
        "loss",
        lse.mean() - x[:, y].mean(),
        "x[:, y] is N x N numbers: x[torch.arange(N), y] is one a sample",
    )
    yield "loss", -softmax[range(n), y].mean(), "the logarithm is missing: -log of the label's probability"
    shifted = torch.logsumexp(x - x.amax(1, keepdim=True), 1) - x[range(n), y]
    yield "loss", shifted.mean(), "the maximum was taken out of the sum and not added back"
    yield "loss", (lse - x[range(n), y - 1]).mean(), "the label's column is off by one: labels start at 0"
    yield "loss", (lse - x[range(n), y]).mean() / x.shape[1], "the mean is over N*C entries: divide by N only"
    yield "loss", e["loss"] / torch.tensor(2.0).log(), "the logarithm is base 2: use the natural logarithm"
    twice = torch.logsumexp(softmax, 1) - softmax[range(n), y]
    yield "loss", twice.mean(), "softmax is applied twice: x holds scores, not probabilities"
    yield (
        "loss",
        (torch.logsumexp(x, 0).sum() - x[range(n), y].sum()) / n,
        "softmax runs over the wrong axis: dim=1",
    )
    yield "loss", -torch.log_softmax(x, 0)[range(n), y].mean(), "softmax runs over the wrong axis: dim=1"


@suspects_of("p1.cross_entropy")
def cross_entropy_range(e: Tensors, i: Tensors) -> Suspects:
    """Large scores."""
    huge, label = torch.softmax(i["huge x"], 1), i["huge y"].long()
    for power in range(5, 16):
        capped = -torch.log(huge[range(2), label] + 10.0**-power).mean()
        hidden = f"an epsilon of 1e-{power} inside the logarithm caps the loss: use log-sum-exp instead"
        yield "loss for scores of 1e4", capped, hidden
    own = "the maximum is that of the whole batch: take the maximum of each row, dim=1"
    for name in ("loss for rows far apart", "dx for rows far apart"):
        yield name, always, own


@suspects_of("p1.cross_entropy")
def cross_entropy_gradient(e: Tensors, i: Tensors) -> Suspects:
    """softmax minus one at the label, over N, times dout."""
    x, y = i["x"], i["y"]
    n = len(y)
    at_label = torch.nn.functional.one_hot(y, x.shape[1]).float()
    softmax = torch.softmax(x, 1)
    yield "dx", softmax - at_label, "the 1/N is missing: the loss is a mean over the batch"
    yield "dx", e["dx"] / n, "the 1/N is there twice"
    yield "dx", e["dx"] * n / 10, "divided by 10, the number of classes of some data sets: divide by N"
    columns = (at_label.sum(0) > 0).float()
    whole = "1 is subtracted from whole columns, as by dx[:, y]: at the label alone, dx[torch.arange(N), y]"
    for subtracted in (columns, 1.0):
        yield "dx", (softmax - subtracted) / n, whole
    yield "dx", softmax / n, "the 1 at the label is not subtracted"
    yield "dx", -e["dx"], "the sign is flipped: softmax(x) minus one at the label"
    yield "dx", (softmax + at_label) / n, "the 1 at the label is added instead of subtracted"
    yield "dx", -at_label / n, "the softmax term is missing"
    yield "dx", (torch.softmax(x, 0) - at_label) / n, "softmax runs over the wrong axis: dim=1"
    yield "dx", (softmax - at_label) / x.numel(), "divided by N*C: divide by N only"
    yield "dx", (softmax - at_label) / x.shape[1], "divided by the number of classes C: divide by N"
    yield "dx for dout = 3", e["dx"], "dout is ignored: multiply the gradient by it"
    yield "dx for dout = 3", 9 * e["dx"], "dout is multiplied in twice"
    for added in (2, 3):
        yield "dx for dout = 3", e["dx"] + added, "dout is added: the chain rule multiplies by it"
    zeroed = "backward returns its cache itself, and the caller's change to it spoils the next call: copy it"
    yield "dx, asked again", 0 * e["dx"], zeroed
    yield (
        "dx, asked again",
        e["dx"] - at_label / n,
        "backward changes what it has cached: a second call is wrong",
    )
    ten = "the number of classes is hard-coded as 10: take it from the shape of x"
    yield "dx, 12 classes", e["dx, 12 classes"] * 12 / 10, ten
    yield "dx, 12 classes", lambda got: close(got[:, :10].double(), e["dx, 12 classes"][:, :10].double()), ten
    yield "dx, 12 classes", e["dx"], "stale: backward uses the first forward call, not the last"
