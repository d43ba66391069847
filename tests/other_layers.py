"""The same contract kept by other means: for proving that the checks tolerate what the contract leaves open.

Other formulas, other summation orders, the other slope at zero, another way to draw masks, caches of
another form, tuples for lists, extra attributes.
"""

import abc
import itertools
import math

import torch


class Layer(abc.ABC):
    def __init__(self):
        self.grad_cache = {}
        self.training_mode = True
        self.input_grad = True

    @abc.abstractmethod
    def forward(self, *args, **kw): ...

    @abc.abstractmethod
    def backward(self, dout): ...

    @abc.abstractmethod
    def params(self): ...

    def __call__(self, *args, **kw):
        return self.forward(*args, **kw)

    def train(self, training_mode=True):
        self.training_mode = training_mode

    def __repr__(self):
        return self.__class__.__name__


class LeakyReLU(Layer):
    """max() itself; slope 1 at zero."""

    def __init__(self, alpha=0.01):
        super().__init__()
        self.alpha = alpha

    def forward(self, x, **kw):
        self.slope = torch.full_like(x, self.alpha).masked_fill_(x >= 0, 1.0)
        return torch.maximum(self.alpha * x, x)

    def backward(self, dout):
        return torch.einsum("n,n->n", self.slope.flatten(), dout.flatten()).view(dout.shape)

    def params(self):
        return []


class ReLU(LeakyReLU):
    def __init__(self):
        super().__init__(alpha=0.0)


class Sigmoid(Layer):
    """By two exponentials that never overflow; the derivative as s - s**2."""

    def forward(self, x, **kw):
        small = torch.exp(-x.abs())
        self.s = torch.where(x >= 0, 1 / (1 + small), small / (1 + small))
        return self.s.clone()

    def backward(self, dout):
        return (self.s - self.s**2) * dout

    def params(self):
        return ()


class TanH(Layer):
    """By a sigmoid; the derivative as 4 s (1 - s)."""

    def forward(self, x, **kw):
        self.grad_cache["s"] = torch.sigmoid(2 * x)
        return 2 * self.grad_cache["s"] - 1

    def backward(self, dout):
        s = self.grad_cache["s"]
        return dout * (4 * s * (1 - s))

    def params(self):
        return []


class Linear(Layer):
    """By einsum, feature by feature from the last to the first."""

    def __init__(self, in_features, out_features, wstd=0.1):
        super().__init__()
        self.w = torch.empty(out_features, in_features).normal_(0, 1).mul_(wstd)
        self.b = torch.empty(out_features).normal_(0, 1).mul_(wstd)
        self.dw, self.db = torch.zeros(out_features, in_features), torch.zeros(out_features)

    def forward(self, x, **kw):
        self.x = x.flip(-1)
        return torch.einsum("...i,oi->...o", self.x, self.w.flip(1)).add(self.b)

    def backward(self, dout):
        self.dw += torch.einsum("no,ni->oi", dout.flatten(0, -2), self.x.flatten(0, -2).flip(-1))
        self.db += torch.ones(dout[..., 0].numel()) @ dout.flatten(0, -2)
        return torch.einsum("...o,oi->...i", dout, self.w) if self.input_grad else None

    def params(self):
        return ((self.w, self.dw), (self.b, self.db))

    def __repr__(self):
        return f"Linear({self.w.shape[1]}, {self.w.shape[0]})"


class CrossEntropyLoss(Layer):
    """Maximum out of the sum by hand; the gradient as (softmax - one-hot) / N."""

    def forward(self, x, y, **kw):
        peak, _ = x.max(dim=1, keepdim=True)
        exp = (x - peak).exp()
        total = exp.sum(dim=1, keepdim=True)
        one_hot = (torch.arange(x.shape[1])[None] == y[:, None]).float()
        self.slope = exp / total - one_hot
        log_p = (x - peak) - total.log()
        return -torch.where(one_hot.bool(), log_p, torch.zeros(())).sum() / len(x)

    def backward(self, dout=1.0):
        return self.slope * dout / self.slope.shape[0]

    def params(self):
        return []


class Dropout(Layer):
    """bernoulli draws whom to keep; dividing, where others multiply; nothing cached in test mode."""

    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p = {p}")
        self.p = p

    def forward(self, x, **kw):
        self.mask = None
        if not self.training_mode:
            return x
        self.mask = torch.bernoulli(torch.full_like(x, 1 - self.p))
        return x * self.mask / (1 - self.p) if self.p < 1 else torch.zeros_like(x)

    def backward(self, dout):
        if self.mask is None:
            return dout.clone()
        return dout * (self.mask * (0 if self.p == 1 else 1 / (1 - self.p)))

    def params(self):
        return []

    def __repr__(self):
        return f"Dropout(p={self.p})"


class Sequential(Layer):
    """Recursive, instead of by loops."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = list(layers)

    def forward(self, x, *args, **kw):
        return self._forward(x, 0, kw)

    def _forward(self, x, i, kw):
        return x if i == len(self.layers) else self._forward(self.layers[i].forward(x, **kw), i + 1, kw)

    def backward(self, dout=1.0):
        for i in range(len(self.layers) - 1, -1, -1):
            dout = self.layers[i].backward(dout)
        return dout

    def params(self):
        return list(itertools.chain.from_iterable(layer.params() for layer in self.layers))

    def train(self, training_mode=True):
        self.training_mode = training_mode
        for layer in self.layers:
            layer.train(training_mode)

    def __len__(self):
        return len(self.layers)

    def __getitem__(self, i):
        return self.layers[i]

    def __repr__(self):
        return "Sequential" + "".join(f"\n[{i}] {layer}" for i, layer in enumerate(self.layers))


class MLP(Layer):
    """Widths zipped pair by pair."""

    def __init__(self, in_features, num_classes, hidden_features=(), activation="relu", dropout=0, **kw):
        super().__init__()
        kind = {"relu": ReLU, "sigmoid": Sigmoid}[activation]
        widths = [in_features, *hidden_features, num_classes]
        layers = []
        for before, after in itertools.pairwise(widths):
            layers.extend([Linear(before, after, **kw), kind(), *([Dropout(dropout)] if dropout else [])])
        del layers[-1 - math.ceil(dropout) :]
        self.sequence = Sequential(*layers)

    def forward(self, x, **kw):
        return self.sequence(x, **kw)

    def backward(self, dout):
        return self.sequence.backward(dout)

    def params(self):
        return self.sequence.params()

    def train(self, training_mode=True):
        super().train(training_mode)
        self.sequence.train(training_mode)

    def __repr__(self):
        return f"MLP, {self.sequence}"
