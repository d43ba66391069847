"""What the trainer costs per step over a loop written by hand, for a small MLP and a small CNN.

    python benchmarks/trainer_overhead.py [--rounds 12] [--threads 1]

Both contenders run the same steps on the same batches from the same weights: forward, loss, backward, step,
and the loss and the number of correct samples as Python numbers. They take turns epoch by epoch, in
alternating order, so that a noisy machine is noisy for both; the ratio is the median of the rounds' ratios,
in processor time.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hw.layers import MLP, CrossEntropyLoss
from hw.optimizers import VanillaSGD
from hw.training import ClassifierTrainer, LayerTrainer

Batches = list[tuple[Tensor, Tensor]]
Epoch = Callable[[Batches], object]


def layers_by_hand(net: MLP) -> Epoch:
    """Return an epoch of our Layers, written as a plain loop."""
    loss_fn, optimizer = CrossEntropyLoss(), VanillaSGD(net.params(), 1e-3)
    net.sequence[0].input_grad = False

    def epoch(batches: Batches) -> tuple[list[float], float]:
        losses, correct, seen = [], 0, 0
        net.train(True)
        for x, y in batches:
            optimizer.zero_grad()
            scores = net(x.flatten(start_dim=1))
            losses.append(loss_fn(scores, y).item())
            net.backward(loss_fn.backward())
            optimizer.step()
            correct += int((scores.argmax(dim=1) == y).sum())
            seen += len(y)
        return losses, 100 * correct / seen

    return epoch


def modules_by_hand(net: nn.Module) -> Epoch:
    """Return an epoch of a torch module, written as a plain loop."""
    loss_fn, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), 1e-3)

    def epoch(batches: Batches) -> tuple[list[float], float]:
        losses, correct, seen = [], 0, 0
        net.train(True)
        for x, y in batches:
            optimizer.zero_grad()
            scores = net(x)
            loss = loss_fn(scores, y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            correct += int((scores.argmax(dim=1) == y).sum())
            seen += len(y)
        return losses, 100 * correct / seen

    return epoch


def small_cnn() -> nn.Module:
    """Return a network of two convolutions and one Linear."""
    conv = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    conv += [nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*conv, nn.Flatten(), nn.Linear(16 * 8 * 8, 10))


def contenders() -> dict[str, tuple[Epoch, Epoch]]:
    """Return, by the network's name: an epoch by hand and one of the trainer, from the same weights."""
    ours, theirs = MLP(3072, 10, [128] * 3), small_cnn()
    ours2, theirs2 = copy.deepcopy(ours), copy.deepcopy(theirs)
    layers = LayerTrainer(ours2, CrossEntropyLoss(), VanillaSGD(ours2.params(), 1e-3))
    sgd = torch.optim.SGD(theirs2.parameters(), 1e-3)
    modules = ClassifierTrainer(theirs2, nn.CrossEntropyLoss(), sgd)
    return {
        "MLP 3072-128-128-128-10": (layers_by_hand(ours), lambda b: layers.train_epoch(b, verbose=False)),
        "CNN 8-16": (modules_by_hand(theirs), lambda b: modules.train_epoch(b, verbose=False)),
    }


def main() -> None:
    """Print a line a network: microseconds a step by hand and with the trainer, and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=40, help="batches of 50 in an epoch")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(42)
    batches = [(torch.randn(50, 3, 32, 32), torch.randint(10, (50,))) for _ in range(args.steps)]
    for name, (hand, trainer) in contenders().items():
        times: dict[Epoch, list[float]] = {hand: [], trainer: []}
        for number in range(args.rounds):
            for epoch in (hand, trainer) if number % 2 else (trainer, hand):
                start = time.process_time()
                epoch(batches)
                times[epoch].append((time.process_time() - start) / args.steps)
        by_hand, with_trainer = (statistics.median(times[epoch]) for epoch in (hand, trainer))
        ratio = statistics.median(b / a for a, b in zip(times[hand], times[trainer], strict=True))
        micro = f"{1e6 * by_hand:8.0f} us by hand, {1e6 * with_trainer:8.0f} us with the trainer"
        print(f"{name:24} {micro}, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
