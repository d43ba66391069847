"""How far Part 3's reference is from the accuracies that the course asks for, over ten seeds.

    python benchmarks/part3_margins.py [--seeds 10]

A seed decides the samples, the initial weights and the order of the batches. Asked for: 85 % training and
75 % validation accuracy after 20 epochs; over the grid of depths 1, 2, 4 and widths 2, 8, 32, 128, 10 epochs
each, at least 75 % test accuracy everywhere, and an upper quartile of 85 %. The last columns are about the
first classifier: test accuracy with the threshold 0.5, with the one chosen on validation, and that threshold.
"""

import argparse

import numpy as np
import torch

from answers.part3 import part3_arch_hp, part3_optim_hp
from cs_helpers.moons import Moons, make_moons
from hw.classifier import BinaryClassifier, select_roc_thresh
from hw.experiments import mlp_experiment
from hw.mlp import MLP
from hw.training import ClassifierTrainer


def first_classifier(moons: Moons) -> tuple[float, ...]:
    """Return training, validation and test accuracy at 0.5, and after the choice, and the choice."""
    arch, optim = part3_arch_hp(), part3_optim_hp()
    loss_fn = optim.pop("loss_fn")
    hidden = arch["n_layers"]
    dims = [arch["hidden_dims"]] * hidden + [2]
    model = BinaryClassifier(MLP(2, dims, [arch["activation"]] * hidden + [arch["out_activation"]]))
    trainer = ClassifierTrainer(model, loss_fn, torch.optim.SGD(model.parameters(), **optim))
    dl_train, dl_valid, dl_test = moons.loaders()
    fit = trainer.fit(dl_train, dl_valid, 20, print_every=0)
    before = trainer.test_epoch(dl_test, verbose=False).accuracy
    model.threshold = select_roc_thresh(model, *moons.valid.tensors)
    after = trainer.test_epoch(dl_test, verbose=False).accuracy
    return fit.train_acc[-1], fit.test_acc[-1], before, after, model.threshold


def grid(moons: Moons, seed: int) -> list[float]:
    """Return the test accuracies of the twelve models."""
    accuracies = []
    for depth in (1, 2, 4):
        for width in (2, 8, 32, 128):
            torch.manual_seed(seed)
            accuracies.append(mlp_experiment(depth, width, *moons.loaders(), n_epochs=10)[3])
    return accuracies


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    print("seed  train  valid | grid min  quartile    max | test at 0.5  chosen  threshold")
    for seed in range(42, 42 + seeds):
        moons = make_moons(seed)
        torch.manual_seed(seed)
        train, valid, before, after, thresh = first_classifier(moons)
        tests = grid(moons, seed)
        print(
            f"{seed:4}  {train:5.1f}  {valid:5.1f} | {min(tests):8.1f}  {np.quantile(tests, 0.75):8.1f}  "
            f"{max(tests):5.1f} | {before:11.1f}  {after:6.1f}  {thresh:9.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
