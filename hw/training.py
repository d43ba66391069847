"""Part 2: training loops, in three layers: a fit is many epochs, an epoch is many batches.

A Trainer knows the loops; its subclasses know what to do with one batch of their kind of model.
"""

import abc
import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cs_helpers import checkpoints as ckpt
from cs_helpers.devices import pick_device
from cs_helpers.progress import ProgressLine
from cs_helpers.train_results import BatchResult, EpochResult, FitResult, TrainingError
from hw.layers import Layer, Sequential
from hw.optimizers import Optimizer

Batch = tuple[Tensor, Tensor]


class Trainer(abc.ABC):
    """Trains a model, tests it after every epoch, and keeps the best of what it has seen.

    Args:
        model: A Layer or an nn.Module.
        device: Where the model and every batch are moved; left where they are if not given.

    Attributes:
        best_weights: Copies of the model's tensors after the best epoch so far.
        epoch_seconds: How long each epoch took, its test included, also those before a resumption.
    """

    optimizer: Any = None

    def __init__(self, model: Any, device: torch.device | str | None = None) -> None:
        self.model = model
        self.device = None if device is None else pick_device(device)
        if device is not None and isinstance(model, torch.nn.Module):
            model.to(device)
        self._start_over()

    def fit(
        self,
        dl_train: Any,
        dl_test: Any,
        num_epochs: int,
        checkpoints: str | os.PathLike[str] | None = None,
        early_stopping: int | None = None,
        print_every: int = 1,
        **kw: Any,
    ) -> FitResult:
        """Train for some epochs, with a test after each.

        An epoch is better than another if its test accuracy is higher, or equal at a lower test loss.

        Args:
            dl_train: Batches (x, y) to train on.
            dl_test: Batches (x, y) to test on.
            num_epochs: How many epochs, those of a resumed fit included.
            checkpoints: File that is written after every epoch. If it is there already, the fit goes on
                from it, to the same result as if it had never been interrupted.
            early_stopping: Stop after this many epochs in a row that are no better than the best so far,
                and put the weights of the best epoch back, also when all epochs were run.
            print_every: A line of results every so many epochs, and for the last one; none at all for 0.
            **kw: Passed on to ``train_epoch`` and ``test_epoch``, such as ``max_batches=``.

        Returns:
            The course of losses and accuracies.

        Raises:
            ValueError: If an argument is out of range, a loader is empty, a loss is not finite, or a
                checkpoint is damaged or of another model.
        """
        limits = (("num_epochs", num_epochs, 1), ("early_stopping", early_stopping, 1))
        for name, value, least in (*limits, ("print_every", print_every, 0)):
            if value is not None and (value < least or value != int(value)):
                raise ValueError(f"{name} must be a whole number of at least {least}, got {value}")
        self._start_over()
        self._clock = time.perf_counter()
        self._generators = [dl.generator for dl in (dl_train, dl_test) if getattr(dl, "generator", None)]
        if checkpoints is not None and Path(checkpoints).exists():
            self.load_checkpoint(checkpoints)
        # TODO: run the epochs that are still missing. Keep self.history (through self._extend_history),
        # self.best_score, self.best_weights and self.waited up to date: a checkpoint holds them.
        # Every print_every-th epoch is shown, from the first on, and so is the last.
        # BEGIN SOLUTION p2.fit
        while not self._is_over(num_epochs, early_stopping):
            shown = print_every > 0 and self.history.num_epochs % print_every == 0
            train = self.train_epoch(dl_train, verbose=shown, **kw)
            test = self.test_epoch(dl_test, verbose=shown, **kw)
            self._extend_history(train, test)
            score = (test.accuracy, -self.history.test_loss[-1])
            if self.best_score is None or score > self.best_score:
                self.best_score, self.waited = score, 0
                self.best_weights = ckpt.copy_of(ckpt.tensors_of(self.model))
            else:
                self.waited += 1
            if checkpoints is not None:
                self.save_checkpoint(checkpoints)
            if shown or (print_every > 0 and self._is_over(num_epochs, early_stopping)):
                self._print_last_epoch(num_epochs)
        if early_stopping is not None:
            ckpt.put_back(ckpt.tensors_of(self.model), self.best_weights, "the best epoch")
        # END SOLUTION
        return self.history

    def _is_over(self, num_epochs: int, early_stopping: int | None) -> bool:
        # TODO: were there enough epochs, or too many in a row without a new best?
        # BEGIN SOLUTION p2.fit
        stopped = early_stopping is not None and self.waited >= early_stopping
        return stopped or self.history.num_epochs >= num_epochs
        # END SOLUTION

    def train_epoch(self, dl_train: Any, max_batches: int | None = None, verbose: bool = True) -> EpochResult:
        """Train on every batch once, in training mode.

        Args:
            dl_train: Batches (x, y).
            max_batches: Stop after this many.
            verbose: Whether to show progress.

        Raises:
            ValueError: If there is no batch, or a loss is not finite.
        """
        self.model.train(True)
        return self._for_each_batch(
            dl_train, self._naming_labels(self.train_batch), max_batches, verbose, "train"
        )

    def test_epoch(self, dl_test: Any, max_batches: int | None = None, verbose: bool = True) -> EpochResult:
        """Test on every batch once, in test mode; arguments and errors as for ``train_epoch``."""
        self.model.train(False)
        return self._for_each_batch(
            dl_test, self._naming_labels(self.test_batch), max_batches, verbose, "test"
        )

    @abc.abstractmethod
    def train_batch(self, batch: Batch) -> BatchResult:
        """Run one batch forward and backward, and update the weights."""

    @abc.abstractmethod
    def test_batch(self, batch: Batch) -> BatchResult:
        """Run one batch forward only."""

    def _for_each_batch(
        self,
        dl: Any,
        for_batch: Callable[[Batch], BatchResult],
        max_batches: int | None,
        verbose: bool,
        label: str,
    ) -> EpochResult:
        batches = self._batches(dl, max_batches, verbose, f"epoch {self.history.num_epochs + 1}, {label}")
        # TODO: collect the losses of all batches, and the accuracy in percent of all *samples*: the last
        # batch may have fewer than the others. Show each loss to self._refuse_not_finite(loss, x, index).
        # BEGIN SOLUTION p2.epoch
        losses, num_correct, num_samples = [], 0, 0
        for x, y in batches:
            result = for_batch((x, y))
            self._refuse_not_finite(result.loss, x, len(losses))
            losses.append(result.loss)
            num_correct += result.num_correct
            num_samples += len(y)
        return EpochResult(losses, 100 * num_correct / num_samples)
        # END SOLUTION

    def _batches(self, dl: Any, max_batches: int | None, verbose: bool, label: str) -> Iterator[Batch]:
        """Yield at most max_batches batches, on the device, and show how far we are."""
        if max_batches is not None and max_batches < 1:
            raise ValueError(f"max_batches must be at least 1, got {max_batches}")
        if not hasattr(dl, "__len__"):
            raise ValueError(f"a data loader has a length, which a {type(dl).__name__} lacks: make it a list")
        total = len(dl) if max_batches is None else min(max_batches, len(dl))
        if total == 0:
            raise ValueError("the data loader has no batches: is its data set empty, or drop_last on?")
        line = ProgressLine(label, total, verbose)
        for i, (x, y) in enumerate(itertools.islice(dl, total)):
            yield (x, y) if self.device is None else (x.to(self.device), y.to(self.device))
            line.update(i + 1)
        line.clear()

    def _naming_labels(self, for_batch: Callable[[Batch], BatchResult]) -> Callable[[Batch], BatchResult]:
        """Turn the errors of torch's losses about labels into ones that name them."""

        def run(batch: Batch) -> BatchResult:
            try:
                return for_batch(batch)
            except IndexError as error:
                if "Target" not in str(error):
                    raise
                low, high = int(batch[1].min()), int(batch[1].max())
                raise ValueError(
                    f"labels from {low} to {high}, and no score for some of them ({error})"
                ) from error
            except RuntimeError as error:
                y = batch[1]
                if isinstance(error, NotImplementedError) or (y.dtype == torch.int64 and y.ndim == 1):
                    raise
                raise ValueError(
                    f"labels are {y.dtype} of shape {tuple(y.shape)}, not torch.int64 of shape (N,) ({error})"
                ) from error

        return run

    def _refuse_not_finite(self, loss: float, x: Tensor, index: int) -> None:
        if math.isfinite(loss):
            return
        bad = int((~torch.isfinite(x)).sum())
        cause = (
            f"{bad} values of its images are not finite"
            if bad
            else "its images are fine: is the learning rate too high?"
        )
        raise TrainingError(f"the loss of batch {index} is {loss}; {cause}")

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write model, optimizer, history and random state, so that ``fit`` can go on from there.

        Args:
            path: The file. It is replaced at once, so that a kill at any moment leaves a whole one.

        Raises:
            ValueError: If it cannot be written.
        """
        content = {
            "model": ckpt.copy_of(ckpt.tensors_of(self.model)),
            "optimizer": ckpt.optimizer_state(self.optimizer),
            "history": list(self.history),
            "best_score": self.best_score,
            "best_weights": self.best_weights,
            "waited": self.waited,
            "epoch_seconds": self.epoch_seconds,
            "random": ckpt.random_state(self._generators or []),
        }
        ckpt.save(path, content)

    def load_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Put back what ``save_checkpoint`` wrote; ``fit`` calls it when it is given a file that is there.

        Raises:
            ValueError: If the file is damaged, or of another model or optimizer; nothing is changed then.
        """
        content = ckpt.load(path, ckpt.KINDS)
        tensors = ckpt.tensors_of(self.model)
        ckpt.refuse_others(tensors, content["model"], path)
        if content["best_weights"]:
            ckpt.refuse_others(tensors, content["best_weights"], path)
        if self._generators is not None:
            ckpt.refuse_other_streams(content["random"], self._generators, path)
        ckpt.restore_optimizer(self.optimizer, content["optimizer"], path)
        ckpt.put_back(tensors, content["model"], path)
        ckpt.restore_random_state(content["random"], self._generators or [])
        self.history = FitResult(*content["history"])
        self.best_score, self.waited = content["best_score"], content["waited"]
        self.best_weights, self.epoch_seconds = content["best_weights"], content["epoch_seconds"]

    def _start_over(self) -> None:
        self.history = FitResult(0, [], [], [], [])
        self.best_score: tuple[float, float] | None = None
        self.best_weights: dict[str, Tensor] = {}
        self.waited = 0
        self.epoch_seconds: list[float] = []
        self._clock = 0.0
        self._generators: list[torch.Generator] | None = None  # of the loaders, during a fit

    def _extend_history(self, train: EpochResult, test: EpochResult) -> None:
        now = time.perf_counter()
        self.epoch_seconds.append(now - self._clock)
        self._clock = now
        done = self.history
        self.history = FitResult(
            done.num_epochs + 1,
            [*done.train_loss, statistics.fmean(train.losses)],
            [*done.train_acc, train.accuracy],
            [*done.test_loss, statistics.fmean(test.losses)],
            [*done.test_acc, test.accuracy],
        )

    def _print_last_epoch(self, num_epochs: int) -> None:
        num, train_loss, train_acc, test_loss, test_acc = self.history
        print(
            f"epoch {num:{len(str(num_epochs))}}/{num_epochs}   "
            f"train loss {train_loss[-1]:.3f}, {train_acc[-1]:5.1f} %   "
            f"test loss {test_loss[-1]:.3f}, {test_acc[-1]:5.1f} %"
            + ("" if self.waited else "   best so far")
        )


class LayerTrainer(Trainer):
    """Trains a Layer of Part 1 with one of our optimizers; images are flattened to (N, D).

    Args:
        model: A Layer from inputs to class scores.
        loss_fn: A loss Layer, such as CrossEntropyLoss.
        optimizer: Holds the model's parameters.
    """

    def __init__(self, model: Layer, loss_fn: Layer, optimizer: Optimizer) -> None:
        super().__init__(model)
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        layers = getattr(model, "sequence", model)
        if isinstance(layers, Sequential):
            layers[0].input_grad = False  # nobody updates the images

    def train_batch(self, batch: Batch) -> BatchResult:
        x, y = batch
        # TODO: forward, backward, and a step; gradients accumulate, so set them to zero first.
        # BEGIN SOLUTION p2.layer_trainer
        self.optimizer.zero_grad()
        scores = self.model(x.flatten(start_dim=1))
        loss = self.loss_fn(scores, y)
        self.model.backward(self.loss_fn.backward())
        self.optimizer.step()
        return BatchResult(loss.item(), int((scores.argmax(dim=1) == y).sum()))
        # END SOLUTION

    def test_batch(self, batch: Batch) -> BatchResult:
        x, y = batch
        # TODO: forward only.
        # BEGIN SOLUTION p2.layer_trainer
        scores = self.model(x.flatten(start_dim=1))
        return BatchResult(self.loss_fn(scores, y).item(), int((scores.argmax(dim=1) == y).sum()))
        # END SOLUTION


class ClassifierTrainer(Trainer):
    """Trains an nn.Module from inputs to class scores, such as a Classifier of Part 3, with autograd.

    Args:
        model: The module. If it has ``classify_scores``, that decides which class the scores mean; if not,
            the largest score does.
        loss_fn: From scores (N, C) and labels (N,) to a scalar.
        optimizer: A torch optimizer, or one of ours, that holds the model's parameters.
        device: As for Trainer.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        loss_fn: Callable[[Tensor, Tensor], Tensor],
        optimizer: Any,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__(model, device)
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        if device is not None and isinstance(optimizer, Optimizer):
            for tensor in optimizer.state():  # the parameters have just moved
                tensor.data = tensor.data.to(device)

    def train_batch(self, batch: Batch) -> BatchResult:
        x, y = batch
        # TODO: forward, backward, and a step.
        # BEGIN SOLUTION p3.classifier_trainer
        self.optimizer.zero_grad()
        scores = self.model(x)
        loss = self.loss_fn(scores, y)
        loss.backward()
        self.optimizer.step()
        return BatchResult(loss.item(), self._num_correct(scores.detach(), y))
        # END SOLUTION

    def test_batch(self, batch: Batch) -> BatchResult:
        x, y = batch
        # TODO: forward only, and without a graph.
        # BEGIN SOLUTION p3.classifier_trainer
        with torch.no_grad():
            scores = self.model(x)
            return BatchResult(self.loss_fn(scores, y).item(), self._num_correct(scores, y))
        # END SOLUTION

    def _num_correct(self, scores: Tensor, y: Tensor) -> int:
        classify = getattr(self.model, "classify_scores", None)
        predicted = scores.argmax(dim=1) if classify is None else classify(scores)
        return int((predicted == y).sum())
