"""What is run to check Part 1. Each check drives the student's layers and yields what they return."""

from collections.abc import Callable, Iterator
from typing import Any

from cs_helpers.checks.registry import Tolerance, produces
from cs_helpers.checks.trial import Trial

Evidence = Iterator[tuple[str, Any]]
EDGES = [-1e4, -100.0, -20.0, 0.0, 20.0, 100.0, 1e4]


def raised(call: Callable[[], Any]) -> str:
    """Return the name of the exception that a call raises, or "nothing"; a kind of ValueError is one."""
    try:
        call()
    except NotImplementedError:
        raise  # a stub: the task is not done
    except ValueError:
        return "ValueError"
    except Exception as error:
        return type(error).__name__
    return "nothing"


def layout(params: Any) -> str:
    """Describe what a layer's params() returns: the shapes of each (parameter, gradient) pair."""

    def shape(value: Any) -> str:
        return str(tuple(value.shape)) if hasattr(value, "shape") else type(value).__name__

    return "; ".join(" and ".join(shape(value) for value in pair) for pair in params)


@produces(
    "p1.leaky_relu",
    where={"": "LeakyReLU.forward", "dx": "LeakyReLU.backward", "slope": "LeakyReLU.backward"},
    factors={"alpha": 0.2},
)
def leaky_relu(hw: Any, trial: Trial) -> Evidence:
    """Run LeakyReLU on a 3-D input, twice, and exactly at zero."""
    x, dout = trial.normal("x", 3, 4, 5), trial.normal("dout", 3, 4, 5)
    layer = hw.layers.LeakyReLU(alpha=0.2)
    yield "out", layer(x)
    yield "dx", layer.backward(dout)
    second = trial.normal("second x", 3, 4, 5)
    layer(second)
    yield "dx, second call", layer.backward(dout)
    default = hw.layers.LeakyReLU()
    yield "out, default alpha", default(x)
    yield "dx, default alpha", default.backward(dout)
    zero = trial.given("zero", [0.0])
    yield "at zero, out", layer(zero)
    yield "slope at zero", layer.backward(trial.given("one", [1.0]))


@produces("p1.relu", where={"": "ReLU.__init__"})
def relu(hw: Any, trial: Trial) -> Evidence:
    """Run ReLU on a 3-D input and ask for its name."""
    x, dout = trial.normal("x", 3, 4, 5), trial.normal("dout", 3, 4, 5)
    layer = hw.layers.ReLU()
    yield "out", layer(x)
    yield "dx", layer.backward(dout)
    yield "name", str(layer)


@produces("p1.sigmoid", where={"": "Sigmoid.forward", "dx": "Sigmoid.backward"})
def sigmoid(hw: Any, trial: Trial) -> Evidence:
    """Run Sigmoid on a 3-D input, twice, and far from zero."""
    yield from _elementwise(hw.layers.Sigmoid(), trial)


@produces("p1.tanh", where={"": "TanH.forward", "dx": "TanH.backward"})
def tanh(hw: Any, trial: Trial) -> Evidence:
    """Run TanH on a 3-D input, twice, and far from zero."""
    yield from _elementwise(hw.layers.TanH(), trial)


def _elementwise(layer: Any, trial: Trial) -> Evidence:
    x, dout = trial.normal("x", 3, 4, 5), trial.normal("dout", 3, 4, 5)
    out = layer(x)
    yield "out", out
    yield "dx", layer.backward(dout)
    yield "out, after backward", out
    layer(trial.normal("second x", 3, 4, 5))
    yield "dx, second call", layer.backward(dout)
    edges, ones = trial.given("edges", EDGES), trial.given("ones", [1.0] * len(EDGES))
    yield "out at the edges", layer(edges)
    yield "dx at the edges", layer.backward(ones)
    yield "name", str(layer)


@produces(
    "p1.linear",
    where={
        "": "Linear.backward",
        "out": "Linear.forward",
        "w": "Linear.__init__",
        "b": "Linear.__init__",
        "dw at first": "Linear.__init__",
        "shapes in params()": "Linear.params",
        "name": "Linear.__repr__",
    },
    factors={"N": 8, "Din": 5, "Dout": 3, "wstd": 0.5, "the default wstd": 0.1},
    streams=("w, wstd 0.5", "b, wstd 0.5", "w, default wstd"),
)
def linear(hw: Any, trial: Trial) -> Evidence:
    """Create Linear layers, run two rounds on set weights, then a 3-D input."""
    trial.seed_torch()
    fresh = hw.layers.Linear(30, 20, wstd=0.5)
    yield "w, wstd 0.5", fresh.w
    yield "b, wstd 0.5", fresh.b
    yield "dw at first", fresh.dw
    yield "w, default wstd", hw.layers.Linear(30, 20).w
    yield "name", str(fresh)

    layer = trial.set("layer", hw.layers.Linear(5, 3))
    yield "shapes in params()", layout(layer.params())
    pairs = layer.params()  # what an optimizer holds on to, from before the first step
    yield "out", layer(trial.normal("x", 8, 5))
    yield "dx", layer.backward(trial.normal("dout", 8, 3))
    yield "dw", layer.dw
    yield "db", layer.db
    layer(trial.normal("second x", 8, 5))
    yield "dx, second round", layer.backward(trial.normal("second dout", 8, 3))
    yield "dw, both rounds", layer.dw
    yield "db, both rounds", layer.db
    yield "dw in params()", pairs[0][1]
    yield "db in params()", pairs[1][1]

    cube = trial.set("cube layer", hw.layers.Linear(5, 3))
    yield "out, 3-D input", cube(trial.normal("cube", 2, 4, 5))
    yield "dx, 3-D input", cube.backward(trial.normal("cube dout", 2, 4, 3))
    yield "dw, 3-D input", cube.dw
    yield "db, 3-D input", cube.db


@produces(
    "p1.cross_entropy",
    where={"": "CrossEntropyLoss.forward", "dx": "CrossEntropyLoss.backward"},
    factors={"N": 8, "C": 5, "N*C": 40},
)
def cross_entropy(hw: Any, trial: Trial) -> Evidence:
    """Compute losses and gradients: small scores, another number of classes, dout = 3, huge scores."""
    x, y = trial.normal("x", 8, 5), trial.integers("y", 8, below=5)
    layer = hw.layers.CrossEntropyLoss()
    yield "loss", layer(x, y)
    first = layer.backward()
    yield "dx", first
    first.zero_()  # the caller may do what it likes with the gradient it got
    yield "dx, asked again", layer.backward()
    yield "dx for dout = 3", layer.backward(3.0)
    wide, labels = trial.normal("wide x", 8, 12), trial.integers("wide y", 8, below=12)
    yield "loss, 12 classes", layer(wide, labels)
    yield "dx, 12 classes", layer.backward()
    huge, labels = trial.given("huge x", [EDGES, EDGES[::-1]]), trial.given("huge y", [5, 0]).long()
    yield "loss for scores of 1e4", layer(huge, labels)
    yield "dx for scores of 1e4", layer.backward()
    far, labels = trial.given("far apart x", [[1e4, 0.0], [0.0, 1.0]]), trial.given("far y", [0, 1]).long()
    yield "loss for rows far apart", layer(far, labels)
    yield "dx for rows far apart", layer.backward()


def _scaling(hw: Any) -> type:
    """Make a layer class for testing containers: multiplies by a tensor, and adds ``shift=`` if given."""

    class Scaling(hw.layers.Layer):
        def __init__(self, factor: Any) -> None:
            super().__init__()
            self.factor, self.grad = factor, factor * 0

        def forward(self, x: Any, shift: float = 0.0, **kw: Any) -> Any:
            self.x = x
            return x * x * self.factor + shift

        def backward(self, dout: Any) -> Any:
            return 2 * self.x * self.factor * dout

        def params(self) -> list[tuple[Any, Any]]:
            return [(self.factor, self.grad)]

    return Scaling


@produces(
    "p1.sequential",
    where={
        "": "Sequential.forward",
        "dx": "Sequential.backward",
        "params": "Sequential.params",
        "shapes in params()": "Sequential.params",
    },
)
def sequential(hw: Any, trial: Trial) -> Evidence:
    """Chain three layers of the check's own, then twelve of the student's."""
    scaling = _scaling(hw)
    factors = [trial.normal(f"factor {i}", 4, std=0.2) for i in range(3)]
    three = hw.layers.Sequential(*(scaling(factor) for factor in factors))
    x, dout = trial.normal("x", 6, 4), trial.normal("dout", 6, 4)
    yield "out", three(x)
    yield "dx", three.backward(dout)
    yield "shapes in params()", layout(three.params())
    for i, (param, _) in enumerate(three.params()):
        yield f"params {i}", param
    yield "out with shift=1 passed on", three(x, shift=1.0)
    yield "length, and the last layer", f"{len(three)}, {three[-1]}"
    yield "layers by iteration", ", ".join(str(layer) for layer in three)

    layers = hw.layers
    kinds = [layers.LeakyReLU, layers.TanH, layers.Sigmoid] * 2
    deep: list[Any] = []
    for i, kind in enumerate(kinds):
        deep += [trial.set(f"fc {i}", layers.Linear(4, 4)), kind()]
    twelve = layers.Sequential(*deep)
    yield "out, 12 layers", twelve(x)
    yield "dx, 12 layers", twelve.backward(dout)
    for i, (_, grad) in enumerate(twelve.params()):
        yield f"params: gradient {i} of 12 layers", grad


def _structure(mlp: Any) -> str:
    return " ".join(type(layer).__name__ for layer in mlp.sequence)


@produces(
    "p1.mlp",
    where={"": "MLP.__init__"},
    factors={"N": 6, "C": 5},
    streams=("w with wstd=0.3", "last w with wstd=0.3"),
)
def mlp(hw: Any, trial: Trial) -> Evidence:
    """Look at how MLPs are built, then follow gradients through one and a cross-entropy loss."""
    layers = hw.layers
    widths = [12, 8, 12]
    relu_net = layers.MLP(20, 5, widths)
    yield "layers, relu", _structure(relu_net)
    yield "different objects among the layers", len({id(layer) for layer in relu_net.sequence})
    yield "the caller's list afterwards", str(widths)
    yield "layers, sigmoid", _structure(layers.MLP(20, 5, (12, 8, 12), activation="sigmoid"))
    yield "layers, no hidden", _structure(layers.MLP(20, 5))
    yield "layers, dropout 0.4", str(layers.MLP(20, 5, [12, 8], dropout=0.4))
    yield "printed", str(relu_net)
    trial.seed_torch()
    weights = [param for param, _ in layers.MLP(20, 5, [12], wstd=0.3).params() if param.ndim == 2]
    yield "w with wstd=0.3", weights[0]
    yield "last w with wstd=0.3", weights[-1]

    x, y = trial.normal("x", 6, 20), trial.integers("y", 6, below=5)
    for activation in ("relu", "sigmoid"):
        net = layers.MLP(20, 5, [12, 8, 12], activation=activation)
        for i, layer in enumerate(layer for layer in net.sequence if hasattr(layer, "w")):
            trial.set(f"{activation} fc {i}", layer)
        loss = layers.CrossEntropyLoss()
        yield f"scores, {activation}", net(x)
        yield f"loss, {activation}", loss(net(x), y)
        yield f"dx, {activation}", net.backward(loss.backward())
        for i, (_, grad) in enumerate(net.params()):
            yield f"gradient {i}, {activation}", grad


ANOTHER_MASK = "share of units whose gradient has another mask"
DROPOUT_SIDE = 768  # of a square of units: fewer, and chance would come near the tolerance of the rates
DROPOUT_RATES = (
    "share of units kept",
    "neighbouring rows kept together",
    "neighbouring columns kept together",
    "two calls kept together",
)
DROPOUT_MEASURES = (
    *DROPOUT_RATES,
    "smallest value of a kept unit",
    "largest value of a kept unit",
    ANOTHER_MASK,
)
RATES = Tolerance(0.01, "rates over 768**2 random draws, two runs compared: 6 standard deviations or more")


@produces(
    "p1.dropout",
    where={
        "": "Dropout.forward",
        "dx": "Dropout.backward",
        ANOTHER_MASK: "Dropout.backward",
        "p = 1.5": "Dropout.__init__",
    },
    factors={"p": 0.4, "1-p": 0.6},
    tolerances=dict.fromkeys(DROPOUT_RATES, RATES),
)
def dropout(hw: Any, trial: Trial) -> Evidence:
    """Drop half a million units, twice; then test mode, and p at the ends of its range.

    Masks differ between machines, so the raw tensors are not compared: their rates and scales are. "Kept
    together" is 1 for independent units: how often both of a pair are kept, over the share of kept units
    squared.
    """
    x, dout = trial.normal("x", 8, 5), trial.normal("dout", 8, 5)
    layer = hw.layers.Dropout(p=0.4)
    layer.train(False)
    yield "out in test mode", layer(x)
    yield "dx in test mode", layer.backward(dout)
    for p in (0.0, 1.0):
        edge = hw.layers.Dropout(p=p)
        yield f"out for p = {p:g}", edge(x)
        yield f"dx for p = {p:g}", edge.backward(dout)
    yield "p = 1.5 raises", raised(lambda: hw.layers.Dropout(p=1.5))
    yield "name", str(layer)

    layer.train(True)
    trial.seed_torch()
    ones = trial.normal("pattern", 8, 5).new_ones(DROPOUT_SIDE, DROPOUT_SIDE)
    yield "raw:out", layer(ones)
    yield "raw:dx", layer.backward(ones)
    yield "raw:out, second call", layer(ones)
