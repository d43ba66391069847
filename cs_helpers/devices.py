"""Where a network is trained, and in the form that is fastest there."""

import contextlib
import ctypes
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn


def pick_device(name: torch.device | str | None = None) -> torch.device:
    """Return the device of a name; without one, the GPU if there is one and the CPU otherwise.

    Raises:
        ValueError: If the name is unknown, or the device is not there.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"unknown device {name!r}: use cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {name!r}: use cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {name!r} is not there: torch sees {torch.cuda.device_count()} CUDA device(s)"
        )
    return device


def keep_freed_memory() -> None:
    """Let this process keep the memory that its tensors give back, where the C library is glibc.

    By default, glibc returns large blocks to the system at once and asks for new ones at the next step, whose
    pages the system clears again: a fifth to a third of a small network's training time on a CPU (measured by
    benchmarks/freed_memory.py). The process then holds on to the most that it ever needed. See mallopt(3).
    """
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # from <malloc.h>
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(mmap_max, 0)
            mallopt(trim_threshold, 2**31 - 1)
            mallopt(top_pad, 2**26)


class Prepared(nn.Module):
    """Runs a network with its channels last, and on a GPU in mixed precision (bfloat16).

    Channels last is how convolutions are fastest on CPUs, too. Weights, loss and optimizer are in float32
    everywhere, and so is all of it on a CPU. A network that flattens its features by ``view``, which needs
    them contiguous, stays as it is.

    Args:
        net: The network; its layout is changed in place.
        in_size: (C, H, W) of its images.
    """

    def __init__(self, net: nn.Module, in_size: Sequence[int]) -> None:
        super().__init__()
        self.net = net
        self._arrange(torch.channels_last)
        if not self._works(in_size):
            self._arrange(torch.contiguous_format)

    def _arrange(self, layout: torch.memory_format) -> None:
        self.layout = layout
        self.net.to(memory_format=layout)  # type: ignore[call-overload]

    def _works(self, in_size: Sequence[int]) -> bool:
        training, device = self.net.training, next(self.net.parameters()).device
        self.net.eval()  # nothing is drawn, and no running statistics change
        try:
            with torch.no_grad():
                self.net(torch.zeros(1, *in_size, device=device).to(memory_format=self.layout))
        except RuntimeError as error:
            if "view size is not compatible" in str(error):
                return False  # any other error comes again in training, where it belongs
        finally:
            self.net.train(training)
        return True

    def forward(self, x: Tensor) -> Tensor:
        """Compute what the network does, in float32 at the end."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=x.is_cuda):
            y = self.net(x.contiguous(memory_format=self.layout))
        return y.float()


def prepare(
    net: nn.Module, device: torch.device, in_size: Sequence[int], compiled: bool = False
) -> nn.Module:
    """Return a network ready to be trained on a device: moved there, and wrapped in ``Prepared``.

    The calling thread takes denormal numbers (float32: below 1.2e-38) for 0 from now on, if the machine can.
    In a deep network that does not train, regularisation makes weights so small that most products of them
    are denormal, and a processor computes with those many times slower (benchmarks/denormals.py).

    Args:
        net: The network; changed in place.
        device: Where to.
        in_size: (C, H, W) of its images.
        compiled: Whether torch.compile takes it over, which pays in long runs on a GPU.
    """
    torch.set_flush_denormal(True)
    model = Prepared(net.to(device), in_size)
    return torch.compile(model) if compiled else model  # type: ignore[return-value]


def describe_device(device: torch.device) -> str:
    """Return what a reader wants to know of a device, such as the name of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {torch.get_num_threads()} thread(s)"
