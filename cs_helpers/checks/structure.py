"""How checks describe an nn.Module: what is in it and in which order, whatever its parts are called."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

IGNORED = (nn.Identity, nn.Flatten)  # as good as nothing


def parts(module: nn.Module) -> str:
    """Name a module's direct children that hold parameters, in order."""
    named = module.named_children()
    return ", ".join(name for name, child in named if any(True for _ in child.parameters())) or "none"


def layers(module: nn.Module) -> str:
    """List a module's layers in order, one level deep or nested; those that do nothing are left out."""
    return ", ".join(describe(layer) for layer in _leaves(module)) or "none"


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    """Yield modules without children, one that is there twice also twice."""
    inside = [child for child in module._modules.values() if child is not None]
    for child in inside:
        yield from _leaves(child)
    if not inside and not isinstance(module, (nn.Sequential, nn.ModuleList, *IGNORED)):
        yield module


def describe(layer: nn.Module) -> str:
    """Describe a layer by its kind and what matters about it, however that was written."""
    kind = type(layer).__name__
    if isinstance(layer, nn.Conv2d):
        return f"{kind} {layer.in_channels}>{layer.out_channels} {_convolution(layer)}"
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        stride = "" if layer.stride in (None, layer.kernel_size) else f" stride {_size(layer.stride)}"
        return f"{kind} {_size(layer.kernel_size)}{stride}"
    if isinstance(layer, nn.Linear):
        return f"{kind} {layer.in_features}>{layer.out_features}" + ("" if has_bias(layer) else " no bias")
    if isinstance(layer, nn.BatchNorm2d):
        return f"{kind} {layer.num_features}"
    if isinstance(layer, nn.modules.dropout._DropoutNd):
        return f"{kind} {layer.p:g}"
    return f"{kind} {layer.negative_slope:g}" if isinstance(layer, nn.LeakyReLU) else kind


def has_bias(layer: Any) -> bool:
    """Whether a layer has a bias."""
    return layer.bias is not None


def _convolution(layer: nn.Conv2d) -> str:
    same = layer.padding == "same" and layer.stride == (1, 1) and layer.dilation == (1, 1)
    padding = tuple(size // 2 for size in layer.kernel_size) if same else layer.padding
    words = [_size(layer.kernel_size)]
    words += [f"stride {_size(layer.stride)}"] if layer.stride != (1, 1) else []
    words += [f"pad {_size(padding)}"] if padding not in ((0, 0), "valid") else []
    return " ".join(words + ([] if has_bias(layer) else ["no bias"]))


def _size(value: Any) -> str:
    """Write a size that may be a number or a pair; equal numbers of a pair as one."""
    pair = value if isinstance(value, tuple) else (value, value)
    return "x".join(str(number) for number in (pair[:1] if len(set(pair)) == 1 else pair))


def shapes(module: nn.Module) -> str:
    """List the shapes of a module's parameters in its order."""
    return ", ".join("x".join(map(str, param.shape)) for param in module.parameters())


def modes(module: nn.Module) -> str:
    """Tell whether a module and all in it are in training mode."""
    flags = {part.training for part in module.modules()}
    if len(flags) > 1:
        return "some in training, some not"
    return "training" if flags.pop() else "evaluation"


def statistics(module: nn.Module) -> Tensor:
    """Return the running statistics of all batch-norm layers in one vector, empty if there are none."""
    found = [buffer.flatten().float() for buffer in module.buffers()]
    return torch.cat(found) if found else torch.zeros(0)


def run(module: Any, x: Tensor) -> Any:
    """Run a module, and leave the graph behind."""
    out = module(x)
    return out.detach() if isinstance(out, Tensor) else out


def message(call: Callable[[], Any], pattern: str) -> str:
    """Say whether the message of the error that a call raises fits a pattern."""
    try:
        call()
    except NotImplementedError:
        raise  # a stub: the task is not done
    except Exception as error:
        return "in the message" if re.search(pattern, str(error)) else "not in the message"
    return "no error"
