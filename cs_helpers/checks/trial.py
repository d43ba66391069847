"""A trial: the seeded inputs of one check, the same bytes on every machine.

Values come from SHAKE-256 (FIPS 202) of the seed, the check's id and the tensor's name, turned into
numbers by integer arithmetic and one multiplication. So they depend neither on the library's random
streams, which differ between CPU makers and versions, nor on how many numbers were drawn before.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cs_helpers.checks.runs import run_now

PUBLIC_SEED = "42"
TWIST = "twist"  # its name among the inputs

# Four uniform 16-bit integers s summed: 2s - 262139 is odd (so never zero), symmetric around zero and has
# this standard deviation: 2 * sqrt(4 * (2**32 - 1) / 12).
_STD_OF_SUM = 2 * ((2**32 - 1) / 3) ** 0.5


class Trial:
    """The named inputs of one run of one check.

    Every tensor handed out is remembered twice: as given, and as a copy. So a run can tell afterwards
    which inputs the student's code wrote into.

    Args:
        check_id: The check's id; trials of different checks are independent.
        seed: Public for notebooks, secret and fresh for a grading session.
        answers: The student's ``answers`` package, whose functions give hyperparameters; None without one.
        runs: Remembers trainings, see ``cs_helpers.checks.runs``; by default nothing is remembered.
        root: The folder that the student's ``hw``, ``answers`` and ``results`` are in.
    """

    def __init__(
        self,
        check_id: str,
        seed: str = PUBLIC_SEED,
        answers: Any = None,
        runs: Callable[..., Any] = run_now,
        root: Path | str = ".",
    ) -> None:
        self.check_id = check_id
        self.seed = seed
        self.answers = answers
        self.runs = runs
        self.root = Path(root)
        self.inputs: dict[str, Tensor] = {}
        self._handed_out: dict[str, tuple[Tensor, Tensor]] = {}

    def normal(self, name: str, *shape: int, std: float = 1.0, stored: bool = True) -> Tensor:
        """Hand out a float32 tensor, roughly normal around zero, never exactly zero.

        A sum of four uniform numbers: bounded by 3.47 standard deviations.

        Args:
            name: Name of the tensor; the same name and shape give the same values.
            *shape: Its shape.
            std: Standard deviation.
            stored: Whether it goes into ``inputs``, and so into a file; large ones should not.
        """
        words = self._words(name, 4 * int(np.prod(shape)))
        odd = 2 * words.reshape(-1, 4).sum(axis=1) - 262139
        values = odd.astype(np.float32) * np.float32(std / _STD_OF_SUM)
        return self._hand_out(name, torch.from_numpy(values.reshape(shape)), stored)

    def integers(self, name: str, *shape: int, below: int) -> Tensor:
        """Hand out an int64 tensor, uniform over 0 ... below - 1 (below is at most 2**10)."""
        words = self._words(name, int(np.prod(shape)))
        return self._hand_out(name, torch.from_numpy((words * below >> 16).reshape(shape)))

    def given(self, name: str, values: Any) -> Tensor:
        """Hand out fixed values, such as the edges of a domain, as a float32 tensor."""
        return self._hand_out(name, torch.tensor(values, dtype=torch.float32))

    def twist(self) -> int:
        """Hand out the number that the written-down values of a check, such as a course of losses, vary with.

        It is 0 in the public trial, whose values texts and names refer to, and 1 to 4 in any other, so that
        what is right in public is wrong there.
        """
        public = self.seed == PUBLIC_SEED
        return int(self._hand_out(TWIST, torch.tensor(0 if public else 1 + self._digest(TWIST, 1)[0] % 4)))

    def set(self, name: str, layer: Any) -> Any:
        """Overwrite a Linear layer's ``w`` and ``b`` in place, and return the layer.

        The weights have standard deviation ``1 / sqrt(Din)``, so that deep stacks neither die nor explode.
        """
        with torch.no_grad():
            layer.w.copy_(self.normal(f"{name}.w", *layer.w.shape, std=layer.w.shape[1] ** -0.5))
            layer.b.copy_(self.normal(f"{name}.b", *layer.b.shape))
        return layer

    def set_module(self, name: str, module: Any) -> Any:
        """Overwrite the parameters of an nn.Module in place, in the order of their names, and return it.

        Weights have standard deviation ``1 / sqrt(fan-in)``, all others 1. What the parameters are called
        does not matter, only how the names sort (10 after 9).
        """

        def key(pair: tuple[str, Tensor]) -> list[tuple[int, str]]:
            return [(int(part), "") if part.isdigit() else (-1, part) for part in pair[0].split(".")]

        with torch.no_grad():
            for number, (_, param) in enumerate(sorted(module.named_parameters(), key=key)):
                std = (param.numel() / param.shape[0]) ** -0.5 if param.ndim > 1 else 1.0
                param.copy_(self.normal(f"{name}, parameter {number}", *param.shape, std=std))
        return module

    def set_in_order(self, name: str, module: Any, *, stored: bool = False) -> Any:
        """Overwrite the parameters of an nn.Module in place, in the order in which it lists them.

        For modules whose contract fixes that order but not the names. Standard deviations are as for
        ``set_module``.
        """
        with torch.no_grad():
            for number, param in enumerate(module.parameters()):
                std = (param.numel() / param.shape[0]) ** -0.5 if param.ndim > 1 else 1.0
                values = self.normal(f"{name}, parameter {number}", *param.shape, std=std, stored=stored)
                param.copy_(values)
        return module

    def seed_torch(self, public: int | None = None) -> None:
        """Seed torch's own stream from this trial, for code that draws random numbers itself.

        Args:
            public: The seed to use in a public trial, where the text names one.
        """
        derived = int.from_bytes(self._digest("torch", 4), "little")
        torch.manual_seed(derived if public is None or self.seed != PUBLIC_SEED else public)

    def written_into(self) -> list[str]:
        """Return the names of the handed-out tensors that are no longer what they were."""
        return [name for name, (tensor, copy) in self._handed_out.items() if not _same(tensor, copy)]

    def _digest(self, name: str, length: int) -> bytes:
        key = "/".join([self.seed, self.check_id, name])
        return hashlib.shake_256(key.encode()).digest(length)

    def _words(self, name: str, count: int) -> np.ndarray:
        return np.frombuffer(self._digest(name, 2 * count), dtype="<u2").astype(np.int64)

    def _hand_out(self, name: str, tensor: Tensor, stored: bool = True) -> Tensor:
        if name in self._handed_out:
            raise ValueError(f"{self.check_id}: the trial handed out {name!r} already")
        copy = tensor.clone()
        self._handed_out[name] = (tensor, copy)
        if stored:
            self.inputs[name] = copy
        return tensor


def _same(tensor: Tensor, copy: Tensor) -> bool:
    return tensor.shape == copy.shape and tensor.dtype == copy.dtype and torch.equal(tensor.detach(), copy)
