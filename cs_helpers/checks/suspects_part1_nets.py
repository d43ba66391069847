"""Typical mistakes in Part 1's containers and in Dropout, each as the value that it leads to."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from cs_helpers.checks.part1 import ANOTHER_MASK, DROPOUT_RATES
from cs_helpers.checks.suspects import Suspect, Tensors, always, suspects_of

Suspects = Iterator[tuple[str, Suspect, str]]


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
    some = "**kw is passed on to one layer only, not to every layer"
    yield "out with shift=1 passed on", h[3] + 1, some
    yield "out with shift=1 passed on", ((h[1] + 1) ** 2 * factors[1]) ** 2 * factors[2], some
    yield "out", _chain(x, factors[::-1]), "forward runs the layers in reverse order"
    yield "out", _chain(x, factors[1:]), "the first layer is left out"
    yield "out", h[1], "only the first layer is run: a return inside the loop?"
    yield "out", x**2 * torch.stack(factors).sum(0), "the outputs are summed: chain the layers instead"
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
    wrong_way = "backward runs from the first layer to the last: it must be the other way round"
    yield "dx, 12 layers", always, wrong_way
    yield "params 0", factors[2], "params() is in reverse order: first layer first"
    pair, layout = "(4,) and (4,)", "shapes in params()"
    yield layout, "; ".join([pair] * 2), "params() is too short: the pairs of some layers are missing"
    yield layout, pair, "params() is too short: the pairs of some layers are missing"
    nested = "params() must be one flat list of pairs, not a list of lists: use extend, not append"
    yield layout, always, nested


def _chain(x: Tensor, factors: list[Tensor]) -> Tensor:
    for factor in factors:
        x = x**2 * factor
    return x


@suspects_of("p1.mlp")
def mlp_layers(e: Tensors, i: Tensors) -> Suspects:
    """Which layers there are, and in which order."""
    bare = "the last Linear must stay bare: no activation after the class scores"
    before = "each activation must come after its Linear, not before it"
    for key, act, other in (("relu", "ReLU", "Sigmoid"), ("sigmoid", "Sigmoid", "ReLU")):
        block = f"Linear {act} "
        for text, sentence in (
            (block * 4, bare),
            (block * 3, "the last Linear, to num_classes, is missing"),
            (block * 4 + "Linear", "one hidden layer too many"),
            (block * 2 + "Linear", "one hidden layer is missing"),
            ("Linear " * 4, "there are no activations between the Linear layers"),
            (block + "Linear " * 3, "only the first hidden layer has an activation"),
            (
                f"Linear {other} " * 3 + "Linear",
                "the activation argument is ignored, or the two are mixed up",
            ),
            ("Linear LeakyReLU " * 3 + "Linear", 'activation="relu" means ReLU, not LeakyReLU'),
            (f"{act} Linear " * 3 + "Linear", before),
            (f"{act} Linear " * 4, before),
            (f"Linear {act} Dropout " * 3 + "Linear", "dropout is 0 here: no Dropout layers then"),
        ):
            yield f"layers, {key}", text.strip(), sentence
    yield "layers, no hidden", "Linear ReLU", bare
    yield "printed", always, "str() of an MLP is 'MLP, ' and then its Sequential, one '[i] layer' a line"


@suspects_of("p1.mlp")
def mlp_arguments(e: Tensors, i: Tensors) -> Suspects:
    """Constructor arguments on their way to the layers, and what is shared that must not be."""
    shared = (
        "one object is used more than once: each layer has a cache, so make an object of its own for each"
    )
    yield "different objects among the layers", always, shared
    changed = "the caller's list of widths was changed: list(hidden_features) makes a copy"
    yield "the caller's list afterwards", always, changed
    wstd = "wstd does not reach every Linear layer: pass **linear_kw on to each of them"
    yield "w with wstd=0.3", e["w with wstd=0.3"] / 3, wstd
    yield "last w with wstd=0.3", e["last w with wstd=0.3"] / 3, wstd


@suspects_of("p1.mlp")
def mlp_dropout(e: Tensors, i: Tensors) -> Suspects:
    """The printed form of an MLP with dropout shows widths, kinds and probabilities."""
    act, drop = "ReLU", "Dropout(p=0.4)"
    half, keep = "Dropout(p=0.5)", "Dropout(p=0.6)"
    first, second, last = "Linear(20, 12)", "Linear(12, 8)", "Linear(8, 5)"
    reach = "the dropout probability does not reach the Dropout layers"
    kept = "Dropout takes the probability of dropping, not the probability of keeping"
    each = "put a Dropout after every activation, not only once"
    fed = "in_features of a Linear must be the width that the layer before puts out"
    for layers, sentence in (
        (
            [first, act, second, act, last],
            "dropout is ignored: put a Dropout after each activation when it is > 0",
        ),
        ([first, act, half, second, act, half, last], reach),
        ([first, act, keep, second, act, keep, last], kept),
        ([first, drop, act, second, drop, act, last], "Dropout belongs after the activation, not before it"),
        (
            [first, act, drop, second, act, drop, last, drop],
            "no Dropout after the last Linear: the class scores stay whole",
        ),
        ([first, act, drop, second, act, last], each),
        ([first, act, second, act, drop, last], each),
        (
            ["Linear(20, 8)", act, drop, "Linear(8, 12)", act, drop, "Linear(12, 5)"],
            "the hidden layers are in reverse order",
        ),
        ([first, act, drop, "Linear(20, 8)", act, drop, "Linear(20, 5)"], fed),
    ):
        printed = "\n".join(["MLP, Sequential"] + [f"[{k}] {layer}" for k, layer in enumerate(layers)])
        yield "layers, dropout 0.4", printed, sentence


P = 0.4  # of the check's Dropout


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _about(share: float) -> Callable[[Tensor], bool]:
    """Match a share of half a million draws: its standard deviation is 0.0007 at most."""
    return lambda got: abs(got.item() - share) < 0.005


@suspects_of("p1.dropout")
def dropout_masks(e: Tensors, i: Tensors) -> Suspects:
    """Rate, scale, independence, and the mask in backward."""
    kept, rows, columns, calls = DROPOUT_RATES
    yield kept, _about(P), "units are kept with probability p: they must be dropped with probability p"
    yield kept, _about(0.5), "units are dropped with probability 0.5, whatever p is"
    yield kept, _about(1.0), "nothing is dropped in training mode: no mask, or a single draw for all units"
    yield kept, _about(0.0), "everything is dropped in training mode: a single draw for all units?"
    for share in (0.6554, 0.3446):
        yield kept, _about(share), "the mask is drawn with randn: rand is uniform on [0, 1)"
    for name in ("smallest value of a kept unit", "largest value of a kept unit"):
        yield name, _number(1.0), "kept units are not scaled: multiply by 1 / (1 - p)"
        yield name, _number(1 / P), "the scale is 1 / p: it must be 1 / (1 - p)"
        yield name, _number(1 - P), "kept units are multiplied by 1 - p: divide by it"
        yield name, _number(1 / (1 - P) ** 2), "kept units are scaled twice"
        yield name, _number(2.0), "kept units are scaled by 2, as for p = 0.5: the scale is 1 / (1 - p)"
    yield rows, _apart, "all samples of the batch share one mask: draw one number per unit"
    yield columns, _apart, "all units of a sample share one draw: draw one number per unit"
    yield calls, _apart, "both calls use the same mask: draw a new one in every forward call"
    for name in (rows, columns, calls):
        yield (
            name,
            _dependent,
            "the draws are not independent of each other: a fixed pattern, or shared draws?",
        )
    other = 2 * P * (1 - P)
    yield ANOTHER_MASK, _about(other), "backward draws a mask of its own: use the last forward call's"
    yield ANOTHER_MASK, _about(P), "backward ignores the mask: dropped units get no gradient"
    unscaled = "backward forgets the scale 1 / (1 - p) of the kept units, or applies the mask twice"
    yield ANOTHER_MASK, _about(1 - P), unscaled
    yield ANOTHER_MASK, _about(1.0), "backward ignores the mask of the last forward call"


def _apart(got: Tensor) -> bool:
    """Match the share for draws that are the same: both are kept whenever one is, 1 / share of kept units."""
    return 1.5 < got.item() < 1.8


def _dependent(got: Tensor) -> bool:
    """Match what few draws do not explain."""
    return abs(got.item() - 1) > 0.1


@suspects_of("p1.dropout")
def dropout_modes(e: Tensors, i: Tensors) -> Suspects:
    """Test mode, and the ends of p's range."""
    for name, value in (("out", i["x"]), ("dx", i["dout"])):
        test = "test mode must be the identity" + (", backward too" if name == "dx" else "")
        in_test = f"{name} in test mode"
        yield in_test, value * (1 - P), f"{test}: with inverted dropout nothing is left to scale by 1 - p"
        yield in_test, value / (1 - P), f"{test}: do not scale there"
        yield in_test, always, f"{test}: nothing is dropped there"
        yield f"{name} for p = 0", 0 * value, "units are kept with probability p: p = 0 must drop nothing"
        yield f"{name} for p = 1", value, "nothing is dropped in training mode: p = 1 must drop everything"
        at_one = "p = 1 drops everything: 0 * inf is nan, so 1 / (1 - p) needs a case of its own"
        yield f"{name} for p = 1", _not_finite, at_one
    yield "p = 1.5 raises", always, "p outside [0, 1] must be refused with a ValueError, in the constructor"


def _not_finite(got: Tensor) -> bool:
    return not bool(torch.isfinite(got).all())
