"""Typical mistakes in Part 3's further task: folds, and what is read from a history."""

from collections.abc import Iterator

import torch

from cs_helpers.checks.part3_further import folds_of, scripts_of
from cs_helpers.checks.suspects import Suspect, Tensors, always, suspects_of
from cs_helpers.checks.trial import TWIST

Suspects = Iterator[tuple[str, Suspect, str]]

SPLITS = {
    "number of splits": "there must be k splits, one for each fold",
    "in both sets": "some indices are in both sets: a fold is validated on, only the others are trained on",
    "validated on": "each sample must be validated on in exactly one split: is a remainder lost, or are the"
    " indices shuffled anew for each fold?",
    "in neither set": "some indices are in neither set: all folds but one are trained on",
    "twice in a training set": "some indices are there twice in a training set",
    "sizes": "the sizes of the folds may differ by one at most: share a remainder out",
}


@suspects_of("p3.kfold")
def splits(e: Tensors, i: Tensors) -> Suspects:
    """What k_fold_splits returns."""
    for n, k in folds_of(int(i[TWIST])):
        title = f"{n} samples, {k} folds"
        for name, sentence in SPLITS.items():
            yield f"{title}, {name}", always, sentence
    shuffle = "the indices are not shuffled: neighbours, or every k-th, share a fold"
    yield "folds of 100 samples", always, shuffle
    ignored = "the generator is not used: hand it on to what shuffles"
    yield "a generator of the same seed gives", always, ignored
    yield "a generator of another seed gives", always, ignored
    for name in ("k = 1 raises", "k = 11 of 10 samples raises"):
        yield name, always, "k must be at least 2 and at most n: raise ValueError"


@suspects_of("p3.kfold")
def cross_validation(e: Tensors, i: Tensors) -> Suspects:
    """How trainers are made and used, and what is read from their histories."""
    fresh = "each fold needs a fresh model: call make_trainer once per fold, inside the loop, and fit it once"
    yield "cross-validation, trainers made", always, fresh
    yield "cross-validation, fits of each trainer", always, fresh
    yield "cross-validation, epochs of each fit", always, "num_epochs is not what fit was given"
    mixed = "a model is validated on samples that it was trained on: fit takes dl_train, then dl_valid"
    yield "cross-validation, samples in both sets", always, mixed
    swapped = "each sample must be validated on once: are dl_train and dl_valid swapped?"
    yield "cross-validation, validated on", always, swapped
    yield "cross-validation, largest batch", always, "batch_size is not used"
    yield "cross-validation, printed", always, "a cross-validation is silent: print_every=0"
    script = i["validation accuracies"].double()
    name = "accuracy of each fold"
    yield name, script[:, -1], "these are the accuracies after the last epoch: take the best epoch"
    yield name, script.mean(dim=1), "this is the mean over epochs: take the best epoch"
    yield name, script.amin(dim=1), "these are the lowest accuracies: take the highest"
    train = torch.tensor(scripts_of(int(i[TWIST]))[0]).double()
    trained = "these are training accuracies: test_acc holds those on the fold"
    yield name, train.amax(dim=1), trained
    yield name, train[:, -1], trained
    yield name, e[name] / 100, "accuracies are in percent, as in the history: nothing to divide"
    name = "best epoch of each fold"
    yield name, e[name] - 1, "epochs are counted from 1: an index from 0 is one too low"
    last = torch.full((len(script),), float(script.shape[1]))
    yield name, last, "this is always the last epoch: which one has the highest validation accuracy?"
    yield name, script.argmin(dim=1) + 1.0, "this is the worst epoch"
    best = script.amax(dim=1)
    yield "mean", script.mean(), "this is the mean over all epochs, too: take each fold's best"
    yield "mean", best.median(), "this is the median of the folds, not their mean"
    yield "mean", best.amax(), "this is the best fold: the mean over all of them is asked"
    yield "std", best.std(), "this divides by k - 1: here the standard deviation divides by k"
    yield "std", best.var(unbiased=False), "this is the variance: its square root is missing"
    yield "std", best.std() / len(best) ** 0.5, "this is the standard error of the mean"
    yield "std", script.std(unbiased=False), "this is over all epochs, too: take each fold's best"
