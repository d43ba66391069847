"""Part 1: layers with hand-written derivatives, a poor man's autograd.

Every block knows two things: how to compute its output (``forward``) and how to turn the gradient of
the loss with respect to that output into the gradient with respect to its input (``backward``). Blocks
chain, so a whole network needs no more than that.

Tensors are float32 and batch first: N samples, D features, C classes. Nothing here uses
``torch.autograd``; the parameters are plain tensors.
"""

import abc
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from cs_helpers.tasks import suggestion


class Layer(abc.ABC):
    """A block with a known derivative.

    Attributes:
        grad_cache: What ``forward`` keeps for ``backward``. Each forward call overwrites it.
        training_mode: Whether the block behaves as in training; only some blocks (Dropout) care.
        input_grad: Whether the caller needs the gradient of the input. Set it to False on the first
            layer of a network in training: nobody updates the images, and a Linear layer then saves a
            third of its work and returns None from ``backward``.
    """

    def __init__(self) -> None:
        self.grad_cache: dict[str, Any] = {}
        self.training_mode = True
        self.input_grad = True

    @abc.abstractmethod
    def forward(self, *args: Any, **kw: Any) -> Tensor:
        """Compute the output and keep in ``grad_cache`` what ``backward`` needs."""

    @abc.abstractmethod
    def backward(self, dout: Tensor) -> Tensor:
        """Turn the gradient of the loss w.r.t. the last output into the one w.r.t. the input.

        Gradients of parameters are *added* to the tensors that ``params`` returns, in place.

        Args:
            dout: Gradient w.r.t. the output of the last ``forward`` call, of that output's shape.

        Returns:
            Gradient w.r.t. the input of that call, of that input's shape.
        """

    @abc.abstractmethod
    def params(self) -> list[tuple[Tensor, Tensor]]:
        """Return (parameter, gradient) pairs; both tensors are the layer's own, never copies."""

    def __call__(self, *args: Any, **kw: Any) -> Tensor:
        return self.forward(*args, **kw)

    def train(self, training_mode: bool = True) -> None:
        """Switch between training (True) and test mode (False)."""
        self.training_mode = training_mode

    def __repr__(self) -> str:
        return type(self).__name__


class LeakyReLU(Layer):
    """``max(alpha * x, x)``, element by element, for an input of any shape.

    Args:
        alpha: Slope for negative inputs.

    Raises:
        ValueError: If ``alpha`` is not in [0, 1).
    """

    def __init__(self, alpha: float = 0.01) -> None:
        super().__init__()
        if not 0 <= alpha < 1:
            raise ValueError(f"alpha must be in [0, 1), got {alpha}")
        self.alpha = alpha

    def forward(self, x: Tensor, **kw: Any) -> Tensor:
        # TODO: compute the output; remember what backward will need.
        # BEGIN SOLUTION p1.leaky_relu
        slope = x.sign().clamp(min=self.alpha)  # 1 where x > 0, alpha elsewhere
        self.grad_cache["slope"] = slope
        return slope * x
        # END SOLUTION

    def backward(self, dout: Tensor) -> Tensor:
        # TODO: the slope is 1 on one side of zero and alpha on the other. At exactly zero either will do.
        # BEGIN SOLUTION p1.leaky_relu
        return self.grad_cache["slope"] * dout
        # END SOLUTION

    def params(self) -> list[tuple[Tensor, Tensor]]:
        return []


class ReLU(LeakyReLU):
    """``max(0, x)``, element by element, for an input of any shape."""

    def __init__(self) -> None:
        # TODO: ReLU is a LeakyReLU. Which one?
        # BEGIN SOLUTION p1.relu
        super().__init__(alpha=0)
        # END SOLUTION


class Sigmoid(Layer):
    """``1 / (1 + exp(-x))``, element by element; no overflow however large ``|x|`` is."""

    def forward(self, x: Tensor, **kw: Any) -> Tensor:
        # TODO: compute the output; what is the cheapest thing to remember?
        # BEGIN SOLUTION p1.sigmoid
        s = torch.sigmoid(x)
        self.grad_cache["s"] = s
        return s
        # END SOLUTION

    def backward(self, dout: Tensor) -> Tensor:
        # TODO: the derivative is a function of the output alone.
        # BEGIN SOLUTION p1.sigmoid
        s = self.grad_cache["s"]
        return dout * s * (1 - s)
        # END SOLUTION

    def params(self) -> list[tuple[Tensor, Tensor]]:
        return []


class TanH(Layer):
    """``(exp(x) - exp(-x)) / (exp(x) + exp(-x))``, element by element; no overflow for large ``|x|``."""

    def forward(self, x: Tensor, **kw: Any) -> Tensor:
        # TODO: as for Sigmoid. The formula above overflows in float32 from |x| = 89 on: find a way round.
        # BEGIN SOLUTION p1.tanh
        t = torch.tanh(x)
        self.grad_cache["t"] = t
        return t
        # END SOLUTION

    def backward(self, dout: Tensor) -> Tensor:
        # TODO: again a function of the output alone.
        # BEGIN SOLUTION p1.tanh
        t = self.grad_cache["t"]
        return dout * (1 - t * t)
        # END SOLUTION

    def params(self) -> list[tuple[Tensor, Tensor]]:
        return []


class Linear(Layer):
    """The affine map ``x @ w.T + b``, also called a fully connected layer.

    Args:
        in_features: Din, features of an input.
        out_features: Dout, features of an output.
        wstd: Standard deviation of the initial weights and biases, drawn from a normal distribution
            around zero: first all of ``w``, then all of ``b``.

    Attributes:
        w: Weights, shape (Dout, Din).
        b: Biases, shape (Dout,).
        dw: Gradient w.r.t. ``w``, zero at first; every ``backward`` adds to it in place.
        db: Gradient w.r.t. ``b``, likewise.

    Raises:
        ValueError: If a number of features is below 1.
    """

    def __init__(self, in_features: int, out_features: int, wstd: float = 0.1) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ValueError(f"features must be at least 1, got {in_features} in and {out_features} out")
        self.in_features = in_features
        self.out_features = out_features
        # TODO: create w and then b, as described above, and their gradients.
        # BEGIN SOLUTION p1.linear
        # Stored column by column, so that x @ w.T reads memory in order: up to twice as fast on a CPU.
        self.w = (wstd * torch.randn(out_features, in_features)).T.contiguous().T
        self.b = wstd * torch.randn(out_features)
        self.dw = torch.zeros_like(self.w)
        self.db = torch.zeros_like(self.b)
        # END SOLUTION

    def forward(self, x: Tensor, **kw: Any) -> Tensor:
        """Apply the affine map to the last dimension of ``x``.

        Args:
            x: Inputs, shape (N, Din), or (..., Din) with any leading dimensions.
            **kw: Ignored; lets a Sequential pass labels to the layers that want them.

        Returns:
            Outputs, shape (N, Dout), or (..., Dout).

        Raises:
            ValueError: If the last dimension of ``x`` is not Din.
        """
        if x.shape[-1] != self.in_features:
            raise ValueError(f"{self} takes {self.in_features} features, got x of shape {tuple(x.shape)}")
        # TODO: compute the output; remember what backward will need.
        # BEGIN SOLUTION p1.linear
        self.grad_cache["x"] = x
        return x @ self.w.T + self.b
        # END SOLUTION

    def backward(self, dout: Tensor) -> Tensor:
        # TODO: three gradients. Add to self.dw and self.db in place: others hold references to them.
        # BEGIN SOLUTION p1.linear
        rows_x = self.grad_cache["x"].reshape(-1, self.in_features)  # (..., Din) -> (N, Din)
        rows_dout = dout.reshape(-1, self.out_features)  # (..., Dout) -> (N, Dout)
        self.dw.addmm_(rows_dout.T, rows_x)  # dw += dout.T @ x, without a temporary of w's size
        self.db += rows_dout.sum(dim=0)
        return dout @ self.w if self.input_grad else None
        # END SOLUTION

    def params(self) -> list[tuple[Tensor, Tensor]]:
        return [(self.w, self.dw), (self.b, self.db)]

    def __repr__(self) -> str:
        return f"Linear({self.in_features}, {self.out_features})"


class CrossEntropyLoss(Layer):
    """Mean cross-entropy between class scores and labels, softmax included.

    For one sample with scores x and label y the loss is ``-x[y] + log(sum_k exp(x[k]))``.
    """

    def forward(self, x: Tensor, y: Tensor, **kw: Any) -> Tensor:
        """Compute the mean loss of a batch.

        Args:
            x: Class scores (any real numbers, also +-1e4), shape (N, C).
            y: Labels in 0 ... C-1, int64, shape (N,).
            **kw: Ignored.

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: If the shapes do not fit together, or a label is out of range.
        """
        if x.ndim != 2 or y.shape != x.shape[:1]:
            raise ValueError(f"need x (N, C) and y (N,), got {tuple(x.shape)} and {tuple(y.shape)}")
        if len(y) and not 0 <= int(y.min()) <= int(y.max()) < x.shape[1]:
            raise ValueError(f"labels from {y.min()} to {y.max()} for {x.shape[1]} classes")
        # TODO: exp(1e4) overflows, so take the maximum out of the sum first (or let torch.logsumexp do it).
        # BEGIN SOLUTION p1.cross_entropy
        log_z = torch.logsumexp(x, dim=1)  # (N, C) -> (N,)
        self.grad_cache.update(x=x, y=y)
        return (log_z - x[torch.arange(len(y)), y]).mean()
        # END SOLUTION

    def backward(self, dout: float | Tensor = 1.0) -> Tensor:
        """Compute the gradient w.r.t. the scores.

        Args:
            dout: Gradient w.r.t. the loss, a scalar; 1 when the loss is the end of the chain.

        Returns:
            Gradient, shape (N, C).
        """
        # TODO: softmax(x) minus one at the label, times dout. The loss is a *mean*: what does that add?
        # BEGIN SOLUTION p1.cross_entropy
        x, y = self.grad_cache["x"], self.grad_cache["y"]
        dx = torch.softmax(x, dim=1)
        dx[torch.arange(len(y)), y] -= 1
        return dx * (dout / len(y))
        # END SOLUTION

    def params(self) -> list[tuple[Tensor, Tensor]]:
        return []


class Dropout(Layer):
    """Inverted dropout (Srivastava et al. 2014): drops each unit with probability ``p`` in training.

    The units kept are scaled by ``1 / (1 - p)``, so that the expected value stays the same and test mode
    is the identity.

    Args:
        p: Probability of dropping a unit.

    Raises:
        ValueError: If ``p`` is not in [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p must be in [0, 1], got {p}")
        self.p = p

    def forward(self, x: Tensor, **kw: Any) -> Tensor:
        # TODO: one independent draw per unit in training mode; the identity in test mode. Mind p = 1.
        # BEGIN SOLUTION p1.dropout
        if self.training_mode:
            kept = torch.rand_like(x) >= self.p
            scale = 1 / (1 - self.p) if self.p < 1 else 0.0
            mask = kept * scale
        else:
            mask = torch.ones_like(x)
        self.grad_cache["mask"] = mask
        return x * mask
        # END SOLUTION

    def backward(self, dout: Tensor) -> Tensor:
        # TODO: only the units that were kept see a gradient.
        # BEGIN SOLUTION p1.dropout
        return dout * self.grad_cache["mask"]
        # END SOLUTION

    def params(self) -> list[tuple[Tensor, Tensor]]:
        return []

    def __repr__(self) -> str:
        return f"Dropout(p={self.p})"


class Sequential(Layer):
    """Layers one after another; itself a Layer.

    Supports ``len``, indexing and iteration over its layers.

    Args:
        *layers: The layers, first to last.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor, **kw: Any) -> Tensor:
        """Pass ``x`` through all layers.

        Args:
            x: Input of the first layer.
            **kw: Passed on to every layer, for example the labels ``y=``.

        Returns:
            Output of the last layer.
        """
        # TODO: the output of each layer is the input of the next.
        # BEGIN SOLUTION p1.sequential
        for layer in self.layers:
            x = layer(x, **kw)
        return x
        # END SOLUTION

    def backward(self, dout: float | Tensor = 1.0) -> Tensor:
        # TODO: the chain rule, from the last layer to the first.
        # BEGIN SOLUTION p1.sequential
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout
        # END SOLUTION

    def params(self) -> list[tuple[Tensor, Tensor]]:
        # TODO: the pairs of all layers, in order.
        # BEGIN SOLUTION p1.sequential
        return [pair for layer in self.layers for pair in layer.params()]
        # END SOLUTION

    def train(self, training_mode: bool = True) -> None:
        """Switch this and every layer between training (True) and test mode (False)."""
        super().train(training_mode)
        for layer in self.layers:
            layer.train(training_mode)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __repr__(self) -> str:
        return "\n".join(["Sequential"] + [f"[{i}] {layer}" for i, layer in enumerate(self.layers)])


class MLP(Layer):
    """A multilayer perceptron: Linear -> activation (-> Dropout) per hidden layer, then one Linear.

    Args:
        in_features: Features of an input.
        num_classes: Class scores that come out.
        hidden_features: Width of each hidden layer; may be empty.
        activation: "relu" or "sigmoid".
        dropout: Drop probability after each activation; 0 adds no Dropout layers.
        **linear_kw: Passed on to every Linear, for example ``wstd=``.

    Attributes:
        sequence: The layers, a Sequential.

    Raises:
        ValueError: If ``activation`` is not one of the two, or a number is out of its range.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        hidden_features: Sequence[int] = (),
        activation: str = "relu",
        dropout: float = 0,
        **linear_kw: Any,
    ) -> None:
        super().__init__()
        activations = {"relu": ReLU, "sigmoid": Sigmoid}
        if activation not in activations:
            raise ValueError(f"unknown activation {activation!r}{suggestion(str(activation), activations)}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout must be in [0, 1], got {dropout}")
        # TODO: collect the layers in a list, then self.sequence = Sequential(*layers).
        # BEGIN SOLUTION p1.mlp
        layers: list[Layer] = []
        for width in hidden_features:
            layers += [Linear(in_features, width, **linear_kw), activations[activation]()]
            if dropout > 0:
                layers.append(Dropout(dropout))
            in_features = width
        layers.append(Linear(in_features, num_classes, **linear_kw))
        self.sequence = Sequential(*layers)
        # END SOLUTION

    def forward(self, x: Tensor, **kw: Any) -> Tensor:
        return self.sequence(x, **kw)

    def backward(self, dout: Tensor) -> Tensor:
        return self.sequence.backward(dout)

    def params(self) -> list[tuple[Tensor, Tensor]]:
        return self.sequence.params()

    def train(self, training_mode: bool = True) -> None:
        """Switch this and every layer between training (True) and test mode (False)."""
        super().train(training_mode)
        self.sequence.train(training_mode)

    def __repr__(self) -> str:
        return f"MLP, {self.sequence}"
