"""Given, not a task: hold a Layer's hand-written gradients against those of torch.autograd."""

import torch
from torch import Tensor

from hw.layers import Layer


def compare_layer_to_torch(layer: Layer, x: Tensor, y: Tensor | None = None, seed: int = 42) -> list[float]:
    """Compare ``layer.backward`` with autograd through the same ``layer.forward``.

    A correct layer gives exactly zero or float noise (about 1e-6 and below). A wrong ``forward`` goes
    unnoticed here, since autograd differentiates whatever it is given: the checks cover that.

    The layer's gradients are set to zero first and hold one backward pass afterwards.

    Args:
        layer: The layer to test.
        x: Input, of any shape that ``layer`` takes; not modified.
        y: Labels, for a loss layer or a Sequential that ends in one.
        seed: Seeds torch before each forward pass, so that random layers draw the same twice, and the
            gradient that both backward passes start from.

    Returns:
        Norms of the differences: of the gradient of the input first, then of each parameter's.
    """
    kw = {} if y is None else {"y": y}
    for _, grad in layer.params():
        grad.zero_()

    torch.manual_seed(seed)
    z = layer(x.clone(), **kw)
    dout = torch.randn(z.shape, dtype=z.dtype) if z.ndim else torch.ones((), dtype=z.dtype)
    own = [layer.backward(dout)] + [grad.clone() for _, grad in layer.params()]

    cache = dict(layer.grad_cache)
    leaves = [x.detach().clone().requires_grad_()] + [param for param, _ in layer.params()]
    try:
        for leaf in leaves:
            leaf.requires_grad_(True)
        torch.manual_seed(seed)
        autograd = torch.autograd.grad((layer(leaves[0], **kw) * dout).sum(), leaves)
    finally:
        for leaf in leaves[1:]:
            leaf.requires_grad_(False)
        layer.grad_cache.clear()
        layer.grad_cache.update(cache)
    return [torch.linalg.vector_norm(a - b).item() for a, b in zip(own, autograd, strict=True)]
