"""Our layers against torch.nn: forward + backward + update of a small MLP, as ratios in one run.

    python benchmarks/layers.py [--steps 1500] [--threads 1]

MLP 3072-128-128-128-10 with ReLU, batch 50, cross-entropy, plain SGD. The contenders take turns step by
step, so that a noisy machine is noisy for all of them; the median step is compared. All start from the
same weights, and the run fails if these differ after fifty steps. (Later, rounding moves them apart.)
"""

import argparse
import copy
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hw.layers import MLP, CrossEntropyLoss

LEARN_RATE = 1e-3
Step = Callable[[], None]


def torch_step(net: nn.Module, x: Tensor, y: Tensor, **options: bool) -> Step:
    """Return one training step with torch.nn, autograd and torch.optim.SGD."""
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=LEARN_RATE, **options)

    def step() -> None:
        optimizer.zero_grad()
        loss_fn(net(x), y).backward()
        optimizer.step()

    return step


def our_step(net: MLP, x: Tensor, y: Tensor) -> Step:
    """Return one training step with hand-written layers and a hand-written update."""
    loss_fn = CrossEntropyLoss()
    pairs = net.params()

    def step() -> None:
        for _, grad in pairs:
            grad.zero_()
        loss_fn(net(x), y)
        net.backward(loss_fn.backward())
        for param, grad in pairs:
            param.sub_(grad, alpha=LEARN_RATE)

    return step


def torch_net() -> nn.Sequential:
    """Return the network, as torch.nn has it."""
    widths = [3072, 128, 128, 128]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 10))


def our_net(like: nn.Sequential, input_grad: bool) -> MLP:
    """Return the network in our layers, with the weights of another."""
    net = MLP(3072, 10, [128] * 3)
    for (param, _), theirs in zip(net.params(), like.parameters(), strict=True):
        param.copy_(theirs.detach())
    net.sequence[0].input_grad = input_grad
    return net


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--threads", type=int, default=1, help="1, as in the notebooks of small nets")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(42)
    x, y = torch.randn(50, 3072), torch.randint(10, (50,))
    net = torch_net()
    fused, ours, ours_full = copy.deepcopy(net), our_net(net, False), our_net(net, True)
    steps = {
        "torch.nn + autograd + SGD": torch_step(net, x, y),
        "the same, SGD(fused=True)": torch_step(fused, x, y, fused=True),
        "our layers": our_step(ours, x, y),
        "our layers, with the gradient of the images": our_step(ours_full, x, y),
    }
    measure(steps, 50)
    difference = max(
        (p - q).abs().max().item() for (p, _), q in zip(ours.params(), net.parameters(), strict=True)
    )
    if difference > 1e-4:
        raise SystemExit(f"the weights have drifted apart by {difference:.2g}: not the same computation")
    times = measure(steps, args.steps)
    print(f"{args.steps} steps, {args.threads} threads, torch {torch.__version__}")
    base = statistics.median(times["torch.nn + autograd + SGD"])
    for name, seconds in times.items():
        print(
            f"{name:45} {statistics.median(seconds) * 1e6:6.0f} us  {statistics.median(seconds) / base:.2f}"
        )


def measure(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of every step of every contender, after a tenth as many for warming up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(rounds + rounds // 10):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if i >= rounds // 10:
                times[name].append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main()
