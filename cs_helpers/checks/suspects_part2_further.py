"""Typical mistakes in Part 2's further tasks, each as the values that it leads to."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from cs_helpers.checks.part2 import LEARN_RATES, OTHER_HP, REG, SHAPES, STEPS
from cs_helpers.checks.part2_further import DECOUPLED, MOVED_AFTER, courses_of, title_of
from cs_helpers.checks.suspects import Suspect, Tensors, always, suspects_of
from cs_helpers.checks.suspects_part2 import common
from cs_helpers.checks.trial import TWIST

Suspects = Iterator[tuple[str, Suspect, str]]

ADAM_MISTAKES = {
    "regularisation is not used": "no reg",
    "the weight decay is there in both ways: decoupled, the gradient stays as it is": "both",
    "decoupled=True has no effect: p shrinks by lr * reg * p, and the gradient stays as it is": "always L2",
    "L2 is decoupled here, although decoupled=False: the gradient is g + reg * p": "always decoupled",
    "the decoupled decay is not multiplied by the learning rate: p shrinks by lr * reg * p": "no lr",
    "the bias corrections are missing: divide the means by 1 - beta**t": "uncorrected",
    "the bias correction of the mean of g is missing: divide it by 1 - beta1**t": "m uncorrected",
    "the bias correction of the mean of g**2 is missing: divide it by 1 - beta2**t": "r uncorrected",
    "the bias corrections do not change from step to step: t is the number of the step": "fixed t",
    "the root is missing: divide by sqrt(r) + eps": "no root",
    "eps is inside the root: divide by sqrt(r) + eps": "eps inside",
    "the betas are swapped: betas[0] is for the mean of g, betas[1] for that of g**2": "swapped",
    "the betas are hard-coded: use self.betas": "fixed betas",
    "eps is hard-coded: use self.eps": "fixed eps",
    "the mean of g is not used: the step goes along m, not along g": "no m",
}


def _adam(inputs: Tensors, key: str, form: str = "", steps: int = STEPS, reset: int = 0, **hp: Any) -> Tensor:
    """Return a parameter after some steps of Adam with a mistake; ``reset`` forgets t before that step."""
    p, lr, reg = inputs[key].clone(), LEARN_RATES["Adam"], hp.get("reg", 0.0)
    b1, b2 = (0.9, 0.999) if form == "fixed betas" else hp.get("betas", (0.9, 0.999))
    b1, b2 = (b2, b1) if form == "swapped" else (b1, b2)
    eps = 1e-8 if form == "fixed eps" else hp.get("eps", 1e-8)
    apart = (hp.get("decoupled", False) or form == "always decoupled") and form != "always L2"
    m, r, t = torch.zeros_like(p), torch.zeros_like(p), 0
    for number in range(1, steps + 1):
        g = inputs[f"gradient {number} of {key}"]
        t = 1 if form == "fixed t" or number == reset else t + 1
        if form != "no reg":
            g = g + reg * p if not apart or form == "both" else g
            p = p - (reg if form == "no lr" else lr * reg) * p * apart
        m, r = b1 * m + (1 - b1) * g, b2 * r + (1 - b2) * g * g
        half = form in ("uncorrected", "m uncorrected")
        over = g if form == "no m" else m if half else m / (1 - b1**t)
        under = r if form in ("uncorrected", "r uncorrected") else r / (1 - b2**t)
        root = {"no root": under + eps, "eps inside": (under + eps).sqrt()}.get(form, under.sqrt() + eps)
        p = p - lr * over / root
    return p


@suspects_of("p2.adam")
def adam(e: Tensors, i: Tensors) -> Suspects:
    """The two means, their corrections, and both kinds of regularisation."""
    runs = {
        "": {},
        "regularised ": {"reg": REG},
        "other settings, ": OTHER_HP["Adam"],
        "decoupled ": DECOUPLED,
    }
    for sentence, form in ADAM_MISTAKES.items():
        for title, hp in runs.items():
            for key in SHAPES:
                for steps in (1, 2, STEPS):
                    place = f"{title}{key} after {steps} step{'s' * (steps > 1)}"
                    value = _adam(i, key, form, steps, **hp)
                    if place in e and not torch.allclose(
                        value, e[place].to(value.dtype), rtol=1e-4, atol=1e-5
                    ):
                        yield place, value, sentence
    moved = "moved: w after 5 steps, of which another optimizer took the last 2"
    lost = "state() leaves the numbers of steps out: the corrections start again in another optimizer"
    yield moved, _adam(i, "w", reset=MOVED_AFTER + 1), lost
    yield moved, always, "state() must have all that the next steps depend on: both means, and self.steps"
    yield from common(i)


def _courses(twist: int, name: str, rule: Callable[..., float], sentence: str, e: Tensors) -> Suspects:
    for settings in courses_of(name, twist):
        place = title_of(name, settings)
        value = torch.tensor([rule(step, **settings) for step in range(settings["total"])])
        if not torch.allclose(value, e[place].float(), rtol=1e-4, atol=1e-6):
            yield place, value, sentence


def _cosine(step: float, total: float, learn_rate: float, lowest: float = 0.0) -> float:
    return lowest + (learn_rate - lowest) * math.cos(math.pi * step / total / 2) ** 2


def _cycle(
    step: float, total: int, learn_rate: float,
    warm_up: float = 0.3, start: float = 25.0, end: float = 1e4, shift: float = 1.0, form: str = "",
) -> float:  # fmt: skip
    low, top = learn_rate / start, warm_up * total - shift
    bottom = learn_rate / end if form == "end" else low if form == "low" else low / end
    if step <= top:
        return low + (learn_rate - low) * step / top
    share = (step - top) / (total - shift - top)
    if form == "cosine":
        share = (1 - math.cos(math.pi * share)) / 2
    return learn_rate + (bottom - learn_rate) * share


@suspects_of("p2.schedules")
def schedules(e: Tensors, i: Tensors) -> Suspects:
    """When the steps come, where the cosine starts and ends, and how the cycle falls."""
    courses = functools.partial(_courses, int(i[TWIST]))
    name = "step_schedule"
    text = "the factor is applied once, not once more for every change"
    yield from courses(
        name,
        lambda s, total, learn_rate, every, factor=0.1: learn_rate * (factor if s >= every else 1),
        text,
        e,
    )
    text = "the changes come a step early: the first one is in step `every`, and steps count from 0"
    yield from courses(
        name,
        lambda s, total, learn_rate, every, factor=0.1: learn_rate * factor ** ((s + 1) // every),
        text,
        e,
    )
    text = "the learning rate falls in every step: it changes only every so many (integer division)"
    yield from courses(
        name,
        lambda s, total, learn_rate, every, factor=0.1: learn_rate * factor ** (s / every),
        text,
        e,
    )
    name = "cosine_schedule"
    text = "lowest is not used: the cosine falls from learn_rate to lowest"
    yield from courses(name, lambda s, total, learn_rate, lowest=0.0: _cosine(s, total, learn_rate), text, e)
    text = "lowest comes on top: the cosine's share is of learn_rate - lowest"
    on_top = lambda s, total, learn_rate, lowest=0.0: lowest + _cosine(s, total, learn_rate)  # noqa: E731
    yield from courses(name, on_top, text, e)
    text = "the angle is off by a step: it is pi * step / total, with no - 1"
    yield from courses(name, lambda s, total, **kw: _cosine(s, total - 1, **kw), text, e)
    text = "the cosine runs backwards: it is (1 + cos) / 2, which starts at 1"
    yield from courses(name, lambda s, total, **kw: _cosine(total - s, total, **kw), text, e)
    name = "one_cycle_schedule"
    for text, settings in {
        "it ends at learn_rate / end: it ends at learn_rate / start / end, far below the start": {
            "form": "end"
        },
        "it ends where it started: the end is lower by the factor end": {"form": "low"},
        "it falls along a cosine: here both ways are straight lines": {"form": "cosine"},
        "the peak is off by a step: it is at warm_up * total - 1, the end at total - 1": {"shift": 0.0},
    }.items():
        yield from courses(name, lambda s, hp=settings, **kw: _cycle(s, **kw, **hp), text, e)
