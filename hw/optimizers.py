"""Part 2: optimizers, from plain gradient steps to steps that remember.

An optimizer gets the parameters once, together with their gradients, and from then on changes the
parameters in place. It never writes into a gradient, except to set it to zero when asked to.

Notation: p a parameter, g its gradient, lr the learning rate. Every optimizer here can regularise: it then
uses g + reg * p, the gradient of the loss plus reg / 2 times the squared norm of p (L2 regularisation).
"""

import abc
import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


class Optimizer(abc.ABC):
    """Changes parameters in place, by rules that subclasses define.

    Args:
        params: What to optimize: (parameter, gradient) pairs as ``Layer.params`` returns them, or torch
            tensors that have their gradient in ``.grad``; or some of each.
        learn_rate: Step size, positive.
        reg: Strength of the L2 regularisation, not negative.

    Raises:
        ValueError: If there is nothing to optimize, or a number is out of its range.
    """

    def __init__(
        self, params: Iterable[Tensor | tuple[Tensor, Tensor]], learn_rate: float = 1e-3, reg: float = 0
    ) -> None:
        self._params = list(params)
        if not self._params:
            raise ValueError("params is empty: there is nothing to optimize")
        for number, param in enumerate(self._params):
            pair = param if isinstance(param, tuple) and len(param) == 2 else (param, param)
            if not all(isinstance(part, Tensor) for part in pair):
                raise ValueError(f"params[{number}] must be a tensor or a (tensor, gradient) pair: {param!r}")
            if pair[0].shape != pair[1].shape:
                shapes = " and ".join(str(tuple(part.shape)) for part in pair)
                raise ValueError(f"params[{number}]: parameter and gradient have the shapes {shapes}")
        if not 0 < learn_rate < math.inf:
            raise ValueError(f"learn_rate must be positive, got {learn_rate}")
        if not 0 <= reg < math.inf:
            raise ValueError(f"reg must not be negative, got {reg}")
        self.learn_rate = learn_rate
        self.reg = reg

    @property
    def params(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield (data, gradient) of every parameter; the gradient of a torch tensor may still be None."""
        for param in self._params:
            yield (param.data, param.grad) if isinstance(param, Tensor) else param

    def zero_grad(self) -> None:
        """Set all gradients to zero, in place: whoever holds one sees it."""
        # TODO: for every parameter that has a gradient.
        # BEGIN SOLUTION p2.vanilla_sgd
        for _, grad in self.params:
            if grad is not None:
                grad.zero_()
        # END SOLUTION

    @abc.abstractmethod
    def step(self) -> None:
        """Change every parameter that has a gradient, in place; leave the gradients as they are."""

    def state(self) -> list[Tensor]:
        """Return what the optimizer remembers between steps, one tensor per parameter, for checkpoints."""
        return []

    def _regularised(self, data: Tensor, grad: Tensor) -> Tensor:
        # TODO: g + reg * p, without changing grad.
        # BEGIN SOLUTION p2.vanilla_sgd
        return grad.add(data, alpha=self.reg) if self.reg else grad
        # END SOLUTION


class VanillaSGD(Optimizer):
    """Plain gradient steps: p <- p - lr g."""

    @torch.no_grad()
    def step(self) -> None:
        # TODO: skip parameters that have no gradient yet.
        # BEGIN SOLUTION p2.vanilla_sgd
        for data, grad in self.params:
            if grad is not None:
                data.sub_(self._regularised(data, grad), alpha=self.learn_rate)
        # END SOLUTION


class MomentumSGD(Optimizer):
    """Steps that keep rolling (Polyak 1964): v <- momentum v - lr g, then p <- p + v.

    Args:
        params: As for Optimizer.
        learn_rate: As for Optimizer.
        reg: As for Optimizer.
        momentum: How much of the last step is kept, in [0, 1).
    """

    def __init__(
        self,
        params: Iterable[Tensor | tuple[Tensor, Tensor]],
        learn_rate: float = 1e-3,
        reg: float = 0,
        momentum: float = 0.9,
    ) -> None:
        super().__init__(params, learn_rate, reg)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {momentum}")
        self.momentum = momentum
        # TODO: one velocity per parameter, zero at first.
        # BEGIN SOLUTION p2.momentum_sgd
        self.velocities = [torch.zeros_like(data) for data, _ in self.params]
        # END SOLUTION

    @torch.no_grad()
    def step(self) -> None:
        # TODO: the velocity first, then the parameter.
        # BEGIN SOLUTION p2.momentum_sgd
        for (data, grad), velocity in zip(self.params, self.velocities, strict=True):
            if grad is not None:
                velocity.mul_(self.momentum).sub_(self._regularised(data, grad), alpha=self.learn_rate)
                data.add_(velocity)
        # END SOLUTION

    def state(self) -> list[Tensor]:
        return self.velocities


class RMSProp(Optimizer):
    """Steps scaled by the recent size of the gradient (Tieleman and Hinton 2012, lecture 6.5).

    r <- decay r + (1 - decay) g**2, then p <- p - lr g / sqrt(r + eps).

    Args:
        params: As for Optimizer.
        learn_rate: As for Optimizer.
        reg: As for Optimizer.
        decay: How much of the running mean is kept in each step, in [0, 1).
        eps: Keeps the root away from zero; inside the root.
    """

    def __init__(
        self,
        params: Iterable[Tensor | tuple[Tensor, Tensor]],
        learn_rate: float = 1e-3,
        reg: float = 0,
        decay: float = 0.99,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, learn_rate, reg)
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        if not eps > 0:
            raise ValueError(f"eps must be positive, got {eps}")
        self.decay = decay
        self.eps = eps
        # TODO: one running mean of squared gradients per parameter, zero at first.
        # BEGIN SOLUTION p2.rmsprop
        self.mean_squares = [torch.zeros_like(data) for data, _ in self.params]
        # END SOLUTION

    @torch.no_grad()
    def step(self) -> None:
        # TODO: the running mean first, then the parameter.
        # BEGIN SOLUTION p2.rmsprop
        for (data, grad), mean_square in zip(self.params, self.mean_squares, strict=True):
            if grad is not None:
                g = self._regularised(data, grad)
                mean_square.mul_(self.decay).addcmul_(g, g, value=1 - self.decay)
                data.addcdiv_(g, (mean_square + self.eps).sqrt_(), value=-self.learn_rate)
        # END SOLUTION

    def state(self) -> list[Tensor]:
        return self.mean_squares


class Adam(Optimizer):
    """Momentum and RMSProp in one, both corrected for their start at zero (Kingma and Ba 2015, Algorithm 1).

    m <- beta1 m + (1 - beta1) g, r <- beta2 r + (1 - beta2) g**2, and with t the number of the step, from 1:
    p <- p - lr (m / (1 - beta1**t)) / (sqrt(r / (1 - beta2**t)) + eps).

    Args:
        params: As for Optimizer.
        learn_rate: As for Optimizer.
        reg: Strength of the regularisation: L2, as for Optimizer, unless it is decoupled.
        betas: How much of the running means of g and of g**2 is kept in each step, both in [0, 1).
        eps: Keeps the divisor away from zero; outside the root.
        decoupled: Decoupled weight decay in place of L2 (Loshchilov and Hutter 2019, Algorithm 2): g stays
            as it is, and p first shrinks by the factor 1 - lr reg. torch calls this AdamW.
    """

    def __init__(
        self,
        params: Iterable[Tensor | tuple[Tensor, Tensor]],
        learn_rate: float = 1e-3,
        reg: float = 0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        decoupled: bool = False,
    ) -> None:
        super().__init__(params, learn_rate, reg)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be in [0, 1), got {betas}")
        if not eps > 0:
            raise ValueError(f"eps must be positive, got {eps}")
        self.betas = betas
        self.eps = eps
        self.decoupled = decoupled
        # One number of steps per parameter, as one whose gradient comes late starts late.
        self.steps = [torch.zeros(()) for _ in self.params]
        # TODO: two running means per parameter, zero at first.
        # BEGIN SOLUTION p2.adam
        self.means = [torch.zeros_like(data) for data, _ in self.params]
        self.mean_squares = [torch.zeros_like(data) for data, _ in self.params]
        # END SOLUTION

    @torch.no_grad()
    def step(self) -> None:
        # TODO: count the step, in place; then the regularisation, the running means, and the parameter.
        # BEGIN SOLUTION p2.adam
        memories = zip(self.params, self.steps, self.means, self.mean_squares, strict=True)
        for (data, grad), count, mean, mean_square in memories:
            if grad is None:
                continue
            count.add_(1)
            g = grad if self.decoupled else self._regularised(data, grad)
            if self.decoupled:
                data.mul_(1 - self.learn_rate * self.reg)
            mean.mul_(self.betas[0]).add_(g, alpha=1 - self.betas[0])
            mean_square.mul_(self.betas[1]).addcmul_(g, g, value=1 - self.betas[1])
            corrections = [1 - beta ** count.item() for beta in self.betas]
            root = (mean_square / corrections[1]).sqrt_().add_(self.eps)
            data.addcdiv_(mean, root, value=-self.learn_rate / corrections[0])
        # END SOLUTION

    def state(self) -> list[Tensor]:
        """Return the running means and the numbers of steps, which the corrections depend on."""
        # TODO: all tensors that a resumed training needs, in a fixed order, those of self.steps too.
        # BEGIN SOLUTION p2.adam
        return [*self.means, *self.mean_squares, *self.steps]
        # END SOLUTION
