"""What is run to check Part 2's further tasks: Adam, and learning-rate schedules."""

from typing import Any

import torch

from cs_helpers.checks.part1 import Evidence, raised
from cs_helpers.checks.part2 import LEARN_RATES, REG, STEPS, trajectories, where_of
from cs_helpers.checks.registry import produces
from cs_helpers.checks.trial import Trial

DECOUPLED = {"reg": REG, "decoupled": True}
MOVED_AFTER = 3  # steps; then another optimizer goes on with the state
SCHEDULES = ("step_schedule", "cosine_schedule", "one_cycle_schedule")


def courses_of(name: str, twist: int) -> tuple[dict[str, Any], ...]:
    """Return the settings that a schedule is asked with in a trial."""
    t, lr = twist, twist / 32
    found: dict[str, tuple[dict[str, Any], ...]] = {
        "step_schedule": (
            {"total": 13 + t, "learn_rate": 0.4 + lr, "every": 4, "factor": 0.5},
            {"total": 7 + t, "learn_rate": 0.2 + lr, "every": 3},
        ),
        "cosine_schedule": (
            {"total": 12 + t, "learn_rate": 0.3 + lr},
            {"total": 9 + t, "learn_rate": 0.5 + lr, "lowest": 0.1},
        ),
        "one_cycle_schedule": (
            {"total": 20 + t, "learn_rate": 0.6 + lr},
            {"total": 16 + t, "learn_rate": 0.5 + lr, "warm_up": 0.5, "start": 10.0, "end": 5.0},
        ),
    }
    return found[name]


def title_of(name: str, settings: dict[str, Any]) -> str:
    """Return the name of the evidence of a schedule with these settings."""
    return f"{name}, {', '.join(f'{key} {value:g}' for key, value in settings.items())}"


@produces(
    "p2.adam",
    where={**where_of("Adam"), "moved": "Adam.state"},
    factors={"lr": 0.02, "beta1": 0.9, "beta2": 0.999, "reg": REG},
)
def adam(hw: Any, trial: Trial) -> Evidence:
    """Take five steps: with L2 and decoupled, with other settings, and with a state that moves house."""
    yield from trajectories(hw, trial, "Adam", {"decoupled ": DECOUPLED})
    start, grads = trial.normal("w", 2, 3), [trial.normal(f"gradient {n} of w", 2, 3) for n in range(1, 6)]
    param, held = start.clone(), torch.zeros(2, 3)
    optimizer = hw.optimizers.Adam([(param, held)], learn_rate=LEARN_RATES["Adam"])
    for number in range(STEPS):
        if number == MOVED_AFTER:
            kept = [tensor.clone() for tensor in optimizer.state()]
            optimizer = hw.optimizers.Adam([(param, held)], learn_rate=LEARN_RATES["Adam"])
            for tensor, value in zip(optimizer.state(), kept, strict=True):
                tensor.copy_(value)
        held.copy_(grads[number])
        optimizer.step()
    yield "moved: w after 5 steps, of which another optimizer took the last 2", param


@produces(
    "p2.schedules",
    where={"": "step_schedule", **{name: name for name in SCHEDULES}},
    factors={},
)
def schedules(hw: Any, trial: Trial) -> Evidence:
    """Ask each schedule for every step of two courses, and for steps that there are not."""
    twist = trial.twist()
    for name in SCHEDULES:
        schedule = getattr(hw.schedules, name)
        for settings in courses_of(name, twist):
            rates = [float(schedule(step, **settings)) for step in range(settings["total"])]
            yield title_of(name, settings), torch.tensor(rates)
        total = settings["total"]
        for step in (-1, total):
            yield f"{name}, step {step} of {total} raises", raised(lambda: schedule(step, **settings))  # noqa: B023
