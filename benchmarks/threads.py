"""What a second thread gains on an idle machine, and costs on a busy one, in the training of small networks.

    python benchmarks/threads.py [--seconds 6] [--rounds 3]

Each contender trains for some seconds in a process of its own, beside none, one and two processes that
compute without end. The figures are the steps that two threads do for each step of one, medians, and the
least of the rounds.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

from hw.cnn import CNN
from hw.layers import MLP, CrossEntropyLoss
from hw.optimizers import MomentumSGD

NETS = ("MLP 3072-128-128-128-128-128-10", "CNN K=32, L=4")


def mlp_step() -> Callable[[], None]:
    """Return a training step of Part 2's network, written by hand throughout."""
    net, loss_fn = MLP(3072, 10, [128] * 5), CrossEntropyLoss()
    optimizer = MomentumSGD(net.params())
    x, y = torch.randn(50, 3072), torch.randint(10, (50,))

    def step() -> None:
        optimizer.zero_grad()
        loss_fn(net(x), y)
        net.backward(loss_fn.backward())
        optimizer.step()

    return step


def cnn_step() -> Callable[[], None]:
    """Return a training step of one of Part 5's networks."""
    net = CNN((3, 32, 32), 10, [32] * 4, 2, [128])
    optimizer = torch.optim.Adam(net.parameters())
    x, y = torch.randn(128, 3, 32, 32), torch.randint(10, (128,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()

    return step


def train(kind: str, threads: int, seconds: float) -> None:
    """Train in this process, and print the steps of a second."""
    torch.set_num_threads(threads)
    step = mlp_step() if kind == NETS[0] else cnn_step()
    step()  # what torch loads only now
    begun, steps = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < seconds:
        step()
        steps += 1
    print(steps / passed)


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Let some processes compute without end."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train", nargs=2, metavar=("NET", "THREADS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        kind, threads = options.train
        train(kind, int(threads), options.seconds)
        return

    def rate(kind: str, threads: int) -> float:
        command = [sys.executable, __file__, "--seconds", str(options.seconds), "--train", kind, str(threads)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    for kind in NETS:
        for processes in range(3):
            with busy(processes):
                ratios = [rate(kind, 2) / rate(kind, 1) for _ in range(options.rounds)]
            usual, least = statistics.median(ratios), min(ratios)
            print(f"{kind}, beside {processes} busy: {usual:.2f}, least {least:.2f}")


if __name__ == "__main__":
    main()
