"""Typical mistakes in Part 2's optimizers, each as the trajectory that it leads to."""

import functools
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from cs_helpers.checks import suspects_part2_training  # noqa: F401 - registers what it holds
from cs_helpers.checks.part2 import (
    BIG_LR,
    BIG_ROWS,
    LEARN_RATES,
    OTHER_HP,
    REG,
    SHAPES,
    STEPS,
)
from cs_helpers.checks.suspects import Suspect, Tensors, always, suspects_of

Suspects = Iterator[tuple[str, Suspect, str]]
Rule = Callable[..., None]
"""One step of one parameter, in place: ``rule(p, g, memory, lr, reg, step, **settings)``."""

LATER = {
    "decay and 1 - decay are swapped: the old mean has the factor decay",
    "the squares are summed up, as in AdaGrad: the mean decays",
    "the factor 1 - decay of the new square is missing",
    "this has Adam's bias correction: RMSProp divides by sqrt(r + eps) as it is",
}
"""Mistakes that cannot be told apart in the first step."""

RUNS = {"": 0.0, "regularised ": REG}
STALE = "the parameter has not moved: change the tensor itself, in place (p -= ...), not a name for a new one"
WRITES = "step writes into the caller's gradient: compute g + reg * p into a tensor of its own"


def trajectory(
    rule: Rule, inputs: Tensors, key: str, steps: int, lr: float, reg: float, **settings: float
) -> Tensor:
    """Return a parameter after some steps of a rule."""
    p, memory = inputs[key].clone(), torch.zeros_like(inputs[key])
    for step in range(1, steps + 1):
        rule(p, inputs[f"gradient {step} of {key}"].clone(), memory, lr, reg, step, **settings)
    return p


def _trajectories(name: str, mistakes: Mapping[str, Rule], inputs: Tensors, **defaults: float) -> Suspects:
    """Yield what each mistake would lead to, for every parameter, run and number of steps."""
    runs = {title: (reg, defaults) for title, reg in RUNS.items()}
    if OTHER_HP[name]:
        runs["other settings, "] = (0.0, {**defaults, **OTHER_HP[name]})
    lr = LEARN_RATES[name]
    for sentence, rule in mistakes.items():
        for title, (reg, settings) in runs.items():
            for key in SHAPES:
                for steps in (2, STEPS) if sentence in LATER else (1, 2, STEPS):
                    place = f"{title}{key} after {steps} step{'s' * (steps > 1)}"
                    yield place, trajectory(rule, inputs, key, steps, lr, reg, **settings), sentence
        moved = trajectory(rule, inputs, "u", STEPS, lr, REG, **defaults)
        yield "torch tensor u after 5 steps", moved, sentence


def common(inputs: Tensors) -> Suspects:
    """Mistakes that any optimizer may have."""
    last = inputs[f"gradient {STEPS} of u"]
    for title in (*RUNS, "other settings, "):
        for key in SHAPES:
            for steps in (1, 2, STEPS):
                yield f"{title}{key} after {steps} step{'s' * (steps > 1)}", inputs[key], STALE
        place = f"{title}gradient of u, after the steps"
        yield place, 0 * last, "step sets the gradients to zero: that is what zero_grad is for"
        yield place, always, WRITES
    yield (
        "gradient of torch tensor u",
        0 * last,
        "step sets the gradients to zero: that is what zero_grad is for",
    )
    yield "gradient of torch tensor u", always, WRITES
    yield "torch tensor u after 5 steps", inputs["u"], STALE
    yield "torch tensor without a gradient", always, "a parameter whose gradient is None must stay as it is"
    yield (
        "torch tensor b, no gradient in steps 1 and 2",
        always,
        "a gradient may come late: ask self.params in every step, and skip a parameter while it is None",
    )


def _gradient(p: Tensor, g: Tensor, reg: float) -> Tensor:
    return g + reg * p


def sgd(p: Tensor, g: Tensor, memory: Tensor, lr: float, reg: float, step: int, form: str = "") -> None:
    """Take a plain step, or one with a mistake in it."""
    used = {
        "no L2": g,
        "half": g + reg / 2 * p,
        "double": g + 2 * reg * p,
        "minus": g - reg * p,
        "signs": g + reg * p.sign(),
        "norm": g + reg / 2 * p.square().sum(),
    }.get(form, _gradient(p, g, reg))
    if form == "decoupled":
        p.mul_(1 - reg)
        used = g
    p.add_(used, alpha=lr if form == "up" else -1.0 if form == "no lr" else -lr)


SGD_MISTAKES = {
    "the sign is flipped: p - lr g goes down the slope, p + lr g goes up": "up",
    "the learning rate is not used: the step is lr times the gradient": "no lr",
    "regularisation is not used: the gradient is g + reg * p": "no L2",
    "the factor of reg is 1/2 of what it should be: the derivative of reg / 2 * p**2 is reg * p": "half",
    "the factor of reg is twice what it should be: the derivative of reg / 2 * p**2 is reg * p": "double",
    "the sign of the regularisation is flipped: g + reg * p pulls towards zero": "minus",
    "this is L1 regularisation, with the sign of p: L2 adds reg * p": "signs",
    "the regularisation adds the penalty itself: add its derivative, reg * p": "norm",
    "the regularisation is not multiplied by the learning rate: it belongs into the gradient": "decoupled",
}
TWICE_OR_DECOUPLED = (
    "the part of the regularisation is twice what it should be, or not multiplied by the learning rate: "
    "the gradient is g + reg * p"
)


@suspects_of("p2.vanilla_sgd")
def vanilla_sgd(e: Tensors, i: Tensors) -> Suspects:
    """The sign, the learning rate, and what L2 adds."""
    for sentence, form in SGD_MISTAKES.items():
        if form in ("double", "decoupled"):  # at a learning rate of 0.5 they are the same
            sentence = TWICE_OR_DECOUPLED
        p = i["p"].clone()
        sgd(p, i["grad"], p, BIG_LR, REG, 1, form)
        yield "p after one step", p[::BIG_ROWS], sentence
    yield "p after one step", i["p"][::BIG_ROWS], STALE
    yield "gradient of p, after the step", always, WRITES
    rules = {sentence: functools.partial(sgd, form=form) for sentence, form in SGD_MISTAKES.items()}
    yield from _trajectories("VanillaSGD", rules, i)
    yield from common(i)
    for kind in ("a pair", "a torch tensor"):
        place, message = f"zero_grad, of {kind}", "zero_grad must change the gradient itself, in place: "
        yield place, always, message + "whoever holds it must see the zeros"


def rolling(
    p: Tensor, g: Tensor, v: Tensor, lr: float, reg: float, step: int, momentum: float = 0.9, form: str = ""
) -> None:
    """Take a step with momentum, or one with a mistake in it."""
    used = g if form == "no L2" else _gradient(p, g, reg)
    if form == "forgets":
        v.zero_()
    if form == "old":
        p.add_(v)
    keep = 0.9 if form == "fixed" else momentum
    rate = {"dampened": lr * (1 - momentum), "no lr": 1.0}.get(form, lr)
    v.copy_({"plus": keep * v + rate * used, "no decay": v - rate * used}.get(form, keep * v - rate * used))
    if form == "lr twice":
        p.add_(v, alpha=lr)
    elif form == "nesterov":
        p.add_(keep * v - rate * used)
    elif form == "both":
        p.add_(v - rate * used)
    elif form != "old":
        p.add_(v)


MOMENTUM_MISTAKES = {
    "regularisation is not used: the velocity needs g + reg * p": "no L2",
    "the velocity is forgotten from step to step: keep one per parameter, made in __init__": "forgets",
    "the order is wrong: the velocity first, then the parameter moves by the new velocity": "old",
    "momentum is hard-coded as 0.9: use self.momentum": "fixed",
    "the gradient has a factor 1 - momentum: here v is momentum * v - lr * g": "dampened",
    "the learning rate is not used: v is momentum * v - lr * g": "no lr",
    "the sign is flipped: v is momentum * v - lr * g, and p moves by + v": "plus",
    "the factor momentum is missing: the velocity never slows down": "no decay",
    "the learning rate is there twice: v has it already": "lr twice",
    "this is Nesterov's momentum: here p moves by v alone": "nesterov",
    "the gradient is there twice: v holds it already, p moves by v alone": "both",
}


def shared(name: str, rule: Rule, i: Tensors, **defaults: float) -> Suspects:
    """Yield trajectories of parameters that share one memory, where their shapes agree."""
    lr = LEARN_RATES[name]
    message = "the parameters share one state: each needs its own, also when two have the same shape"
    tensors = {key: i[key].clone() for key in ("u", "v")}
    memory = torch.zeros_like(tensors["u"])
    for step in range(1, STEPS + 1):
        for key, p in tensors.items():
            rule(p, i[f"gradient {step} of {key}"].clone(), memory, lr, 0.0, step, **defaults)
        if step in (1, 2, STEPS):
            for key, p in tensors.items():
                yield f"{key} after {step} step{'s' * (step > 1)}", p.clone(), message


@suspects_of("p2.momentum_sgd")
def momentum_sgd(e: Tensors, i: Tensors) -> Suspects:
    """What the velocity remembers, and what p moves by."""
    rules = {text: functools.partial(rolling, form=form) for text, form in MOMENTUM_MISTAKES.items()}
    yield from _trajectories("MomentumSGD", rules, i, momentum=0.9)
    yield from shared("MomentumSGD", rolling, i, momentum=0.9)
    yield from common(i)


def scaled(
    p: Tensor, g: Tensor, r: Tensor, lr: float, reg: float, step: int,
    decay: float = 0.99, eps: float = 1e-8, form: str = "",
) -> None:  # fmt: skip
    """Take a step of RMSProp, or one with a mistake in it."""
    used = g if form == "no L2" else _gradient(p, g, reg)
    if form == "forgets":
        r.zero_()
    keep = 0.99 if form == "fixed decay" else decay
    fresh = {"no square": used, "absolute": used.abs(), "L2 outside": g * g}.get(form, used * used)
    weights = {"swapped": (1 - keep, keep), "sum": (1.0, 1.0), "no 1 - decay": (keep, 1.0)}
    old, new = weights.get(form, (keep, 1 - keep))
    before = r.clone()
    r.copy_(old * r + new * fresh)
    r_used = before if form == "late" else r
    inside = 1e-8 if form == "fixed eps" else eps
    root = {
        "eps outside": r_used.sqrt() + eps,
        "no root": r_used + eps,
        "no eps": r_used.sqrt(),
        "corrected": (r_used / (1 - decay**step) + eps).sqrt(),
    }.get(form, (r_used + inside).sqrt())
    p.sub_(lr * (torch.ones_like(g) if form == "no g" else used) / root)


RMSPROP_MISTAKES = {
    "regularisation is not used: RMSProp needs g + reg * p, in the mean and in the step": "no L2",
    "the running mean uses g without the regularisation: square g + reg * p": "L2 outside",
    "the running mean is forgotten from step to step: keep one per parameter, made in __init__": "forgets",
    "eps is outside the root: divide by sqrt(r + eps), not by sqrt(r) + eps": "eps outside",
    "the root is missing: divide by sqrt(r + eps)": "no root",
    "eps is not used: divide by sqrt(r + eps)": "no eps",
    "decay is hard-coded as 0.99: use self.decay": "fixed decay",
    "eps is hard-coded as 1e-8: use self.eps": "fixed eps",
    "decay and 1 - decay are swapped: the old mean has the factor decay": "swapped",
    "the squares are summed up, as in AdaGrad: the mean decays": "sum",
    "the factor 1 - decay of the new square is missing": "no 1 - decay",
    "the running mean is of g, not of its square": "no square",
    "the running mean is of |g|, not of its square": "absolute",
    "the order is wrong: the running mean first, then the step with the new mean": "late",
    "this has Adam's bias correction: RMSProp divides by sqrt(r + eps) as it is": "corrected",
    "the gradient is missing from the step: lr * g / sqrt(r + eps)": "no g",
}


@suspects_of("p2.rmsprop")
def rmsprop(e: Tensors, i: Tensors) -> Suspects:
    """What the running mean is of, and what the gradient is divided by."""
    rules = {text: functools.partial(scaled, form=form) for text, form in RMSPROP_MISTAKES.items()}
    yield from _trajectories("RMSProp", rules, i, decay=0.99, eps=1e-8)
    yield from shared("RMSProp", scaled, i, decay=0.99, eps=1e-8)
    yield from common(i)


from cs_helpers.checks import suspects_part2_further  # noqa: E402, F401 - registers more, needs what is above
