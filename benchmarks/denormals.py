"""What it saves to take denormal numbers for 0, in a deep network that does not train, on a CPU.

    python benchmarks/denormals.py [--rounds 5]

The weights are a ten-thousandth of the usual ones: what regularisation leaves of them after a few epochs
without a gradient. The figures are seconds of a step (forward, backward, Adam), medians, with and without in
turn.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from hw.cnn import CNN


def step_seconds(flush: bool) -> float:
    """Return how long a step takes."""
    torch.manual_seed(42)
    net = CNN((3, 32, 32), 10, [32] * 8, 2, [128])
    with torch.no_grad():
        for param in net.parameters():
            param.mul_(1e-4)
    optimizer = torch.optim.Adam(net.parameters(), weight_decay=1e-3)
    x, y = torch.randn(128, 3, 32, 32), torch.randint(10, (128,))
    torch.set_flush_denormal(flush)
    begun = time.perf_counter()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
    seconds = time.perf_counter() - begun
    torch.set_flush_denormal(False)
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    step_seconds(True)  # what torch loads only now
    pairs = [(step_seconds(False), step_seconds(True)) for _ in range(options.rounds)]
    without, flushed = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    print(f"a step of 8 convolutions: {without:.2f} -> {flushed:.2f} s, {flushed / without:.2f} of the time")


if __name__ == "__main__":
    main()
