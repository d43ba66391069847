"""Typical mistakes in Part 2's trainers and hyperparameters."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from cs_helpers.checks.part2 import Batches, Courses
from cs_helpers.checks.suspects import Suspect, Tensors, always, suspects_of
from cs_helpers.checks.trial import TWIST

Suspects = Iterator[tuple[str, Suspect, str]]


@suspects_of("p2.layer_trainer")
def layer_trainer(e: Tensors, i: Tensors) -> Suspects:
    """A batch: zero, forward, backward, step."""
    for number, w in enumerate(_descents(i), start=1):
        for sentence, value in w.items():
            yield f"w after batch {number}", value, sentence
    for number in (1, 2, 3):
        place, count = f"num_correct of batch {number}", e[f"num_correct of batch {number}"]
        yield place, _off(count / 6), "num_correct is a count, not a share: do not divide by N"
        yield place, 6 - count, "these are the samples that are wrong: count those where they agree"
        yield place, always, "compare the class of the largest score (argmax over dim=1) with y, and count"
        loss = e[f"loss of batch {number}"]
        yield f"loss of batch {number}", 6 * loss, "the loss is the mean over the batch: do not multiply by N"
        yield f"loss of batch {number}", loss / 6, "loss_fn gives the mean already: do not divide by N"
    yield "test: w afterwards", always, "test_batch changes the weights: it runs forward only, without a step"
    yield "test: num_correct", always, "compare the class of the largest score (argmax over dim=1) with y"


def _off(value: Tensor) -> Any:
    return lambda got: isinstance(got, Tensor) and math.isclose(float(got), float(value), rel_tol=1e-6)


def _descents(i: Tensors) -> Iterator[dict[str, Tensor]]:
    """Yield, batch by batch, the weights that each mistake would lead to."""
    start, rate = i["w"], 0.5
    right, kept, none = start.clone(), start.clone(), torch.zeros_like(start)
    for number in (1, 2, 3):
        x, y = i[f"images {number}"].flatten(1), i[f"labels {number}"]

        def slope(w: Tensor, x: Tensor = x, y: Tensor = y) -> Tensor:
            hot = torch.nn.functional.one_hot(y, w.shape[1])
            return x.T @ ((x @ w).softmax(1) - hot) / len(x)

        before = right.clone()
        none = none + slope(kept)
        kept = kept - rate * none
        right = right - rate * slope(right)
        yield {
            "the gradients are not set to zero: those of the last batch are added to this one's": kept
            if number > 1
            else torch.full_like(start, torch.nan),
            "the weights have not moved: is optimizer.step() called, after backward?": start,
            "the step does not use this batch's gradient: backward first, then step": before,
            "backward and step run twice": before - 2 * rate * slope(before),
        }


@suspects_of("p2.epoch")
def epoch(e: Tensors, i: Tensors) -> Suspects:
    """Losses per batch, accuracy per sample."""
    batches = Batches.of(int(i[TWIST]))
    for name, script in (("train", batches.train), ("test", batches.test)):
        correct = torch.tensor([float(n) for _, n in script])
        losses = torch.tensor([loss for loss, _ in script])
        sizes = torch.tensor([float(n) for n in batches.sizes])
        right = e[f"{name}_epoch: accuracy"]
        wrong = {
            "the accuracy is a share: give it in percent, 0 to 100": right / 100,
            "the last batch has fewer samples: divide by the samples seen, not by batches times batch size": (
                100 * correct.sum() / (sizes[0] * len(sizes))
            ),
            "the mean of the batches' accuracies: the last batch has fewer samples, so count samples": (
                100 * (correct / sizes).mean()
            ),
            "this is divided by the number of batches: divide by the number of samples": (
                100 * correct.sum() / len(sizes)
            ),
            "only the last batch is counted: add num_correct up": 100 * correct[-1] / sizes[-1],
            "this is the number of correct samples: give their share, in percent": correct.sum(),
            "only the last batch's num_correct is counted: add it up": 100 * correct[-1] / sizes.sum(),
        }
        for sentence, value in wrong.items():
            yield f"{name}_epoch: accuracy", _off(value), sentence
        place = f"{name}_epoch: losses"
        yield place, losses / sizes, "the losses are means already: do not divide them by the batch size"
        yield place, losses * sizes, "the losses are means over a batch: do not multiply by the batch size"
        yield place, losses.cumsum(0), "the losses are added up: keep one number per batch"
        yield place, always, "losses is a list with one number per batch"
    yield "modes that the model was in", always, "train_epoch runs in training mode, test_epoch in test mode"
    share = 100 * (batches.train[0][1] + batches.train[1][1])
    whole = (
        _off(torch.tensor(share / sum(batches.sizes))),
        "with max_batches, divide by the samples of these batches",
    )
    yield "max_batches=2: accuracy", *whole
    yield "max_batches=2: losses", always, "with max_batches=2, two batches are used: iterate over `batches`"
    yield "no batch raises", always, "an epoch without batches is a ValueError: iterate over `batches`"
    yield "a loss of nan raises", always, "show each loss to self._refuse_not_finite: nan must not go unseen"


@suspects_of("p2.fit")
def fit(e: Tensors, i: Tensors) -> Suspects:
    """History, patience, and which weights are left at the end."""
    courses, epochs = Courses.of(int(i[TWIST])), int(e["num_epochs"])
    yield (
        "num_epochs",
        lambda got: float(got) == 0,
        "num_epochs stays 0: count every epoch (self._extend_history)",
    )
    yield "num_epochs", lambda got: abs(float(got) - epochs) == 1, "one epoch too many or too few"
    for name in ("train_loss", "train_acc", "test_loss", "test_acc"):
        other = name.replace("train", "other").replace("test", "train").replace("other", "test")
        yield name, e[other], "training and test results are swapped"
        yield name, always, "history needs one number per epoch: see self._extend_history"
    yield "keywords passed on", always, "pass **kw on to train_epoch and test_epoch, such as max_batches"
    yield (
        f"weight after {epochs} epochs",
        always,
        "each epoch trains exactly once: one train_epoch, one test_epoch",
    )
    for title, patience, accuracies in courses.early():
        yield from _early_stopping(title, patience, accuracies, e)
    best = "with early_stopping the best weights are put back, also when all epochs were run"
    yield f"early_stopping=3, all {epochs} epochs run: weight", always, best
    place = "no early_stopping: weight of the last epoch"
    yield place, always, "without early_stopping the last weights stay: nothing is put back"
    yield "a checkpoint is written", always, "save_checkpoint after every epoch, if a file is named"
    place = f"resumed after {epochs - 1} epochs: "
    again = "a resumed fit runs the epochs that are still missing: count those of self.history"
    waits = "the epochs without a new best go on counting after a resume: keep them in self.waited"
    yield f"{place}num_epochs", always, waits
    yield f"{place}epochs trained", lambda got: float(got) > 4, again
    yield f"{place}epochs trained", always, waits
    yield f"{place}test_acc", always, again
    yield f"{place}weight", always, best
    place = "resumed when it had stopped already: epochs trained"
    yield place, always, "a fit that had stopped early must not train on: ask before the first epoch, too"


def _early_stopping(title: str, patience: int, accuracies: tuple[float, ...], e: Tensors) -> Suspects:
    right, best = float(e[f"{title}: num_epochs"]), float(e[f"{title}: weight"])
    total_waited = _stop(accuracies, patience, consecutive=False)
    by_previous = _stop(accuracies, patience, previous=True)
    wrong = {
        float(len(accuracies)): (
            "early_stopping does not stop: is the count used, and is an epoch judged by its test accuracy?"
        ),
        float(by_previous): "an epoch is compared with the one before it: compare it with the best so far",
        float(total_waited): "epochs without a new best must be consecutive: a new best sets the count to 0",
        right + 1: f"off by one: stop after {patience} epochs without a new best, not {patience + 1}",
        right - 1: f"off by one: stop after {patience} epochs without a new best, not {patience - 1}",
        float(patience): "off: the first epoch is always a new best, and the best is not updated later",
    }
    for what in ("num_epochs", "epochs trained"):
        for value, sentence in wrong.items():
            if value != right:
                yield f"{title}: {what}", _off(torch.tensor(value)), sentence
        message = "an epoch is better if its test accuracy is higher: is it judged by something else?"
        yield f"{title}: {what}", always, message
    place, last = f"{title}: weight", _off(torch.tensor(right))
    yield place, last, "the last weights are kept: put the weights of the best epoch back"
    yield (
        place,
        _off(torch.tensor(best + 1)),
        "the best weights are copied an epoch late, or not copied at all",
    )
    yield place, always, "these are not the weights of the epoch with the highest test accuracy"


def _stop(
    accuracies: tuple[float, ...], patience: int, consecutive: bool = True, previous: bool = False
) -> int:
    """Return after how many epochs a wrong rule stops."""
    best, waited = -1.0, 0
    for number, value in enumerate(accuracies, start=1):
        better = value > best
        best = value if better or previous else best
        waited = 0 if better and consecutive else waited + (not better)
        if waited >= patience:
            return number
    return len(accuracies)


@suspects_of("p2.overfit")
def overfit(e: Tensors, i: Tensors) -> Suspects:
    """The network must be able to move, and fast enough."""
    for draw in (1, 2, 3):
        message = (
            "the steps are too small for 40 of them, or regularisation holds them back: raise lr or wstd"
        )
        yield f"accuracy, draw {draw}", always, message


@suspects_of("p2.optim")
def optim(e: Tensors, i: Tensors) -> Suspects:
    """Each learning rate has a range of its own."""
    for name in ("vanilla", "momentum", "rmsprop"):
        message = f"if the loss hardly falls, raise lr_{name} or wstd; if it jumps, lower lr_{name}"
        yield f"test accuracy, {name}", always, message
        yield (
            f"{name} above vanilla",
            always,
            f"lr_{name} is off, or lr_vanilla so well tuned that nothing is left to gain",
        )


@suspects_of("p2.dropout")
def dropout(e: Tensors, i: Tensors) -> Suspects:
    """Without dropout 400 images are learnt by heart."""
    message = "the network does not learn the 400 images by heart in 30 epochs: raise lr"
    yield "overfits without dropout", always, message
    place = "overfits less at 0.4"
    message = (
        "does the model get its dropout, and is lr small enough? With large steps test loss explodes for both"
    )
    yield place, always, message
