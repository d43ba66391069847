"""Part 2, further: learning rates that change during training.

A schedule is a function from the number of a step, from 0 to total - 1, to a learning rate. What a step is
(an epoch or a batch) is up to the caller, who sets it before the optimizer moves:

    for step in range(total):
        optimizer.learn_rate = cosine_schedule(step, total, learn_rate=0.1)
        ...
"""

import math


def _require_step(step: int, total: int, learn_rate: float) -> None:
    if total < 1:
        raise ValueError(f"total must be at least 1, got {total}")
    if not 0 <= step < total:
        raise ValueError(f"step must be in [0, {total}), got {step}")
    if not 0 < learn_rate < math.inf:
        raise ValueError(f"learn_rate must be positive, got {learn_rate}")


def step_schedule(step: int, total: int, learn_rate: float, every: int, factor: float = 0.1) -> float:
    """Return a learning rate that is multiplied by a factor every so many steps.

    Args:
        step: Number of the step, in [0, total).
        total: How many steps there are.
        learn_rate: Of the first step, positive.
        every: Steps between two changes, at least 1.
        factor: In (0, 1].

    Raises:
        ValueError: If a number is out of its range.
    """
    _require_step(step, total, learn_rate)
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}")
    if not 0 < factor <= 1:
        raise ValueError(f"factor must be in (0, 1], got {factor}")
    # TODO: how many changes were there before this step?
    # BEGIN SOLUTION p2.schedules
    changes = step // every
    return learn_rate * factor**changes
    # END SOLUTION


def cosine_schedule(step: int, total: int, learn_rate: float, lowest: float = 0.0) -> float:
    """Return a learning rate that falls along half a cosine (Loshchilov and Hutter 2017, equation 5).

    It would arrive at ``lowest`` in step ``total``, the first one that is not taken.

    Args:
        step: Number of the step, in [0, total).
        total: How many steps there are.
        learn_rate: Of the first step, positive.
        lowest: Where it falls to, in [0, learn_rate].

    Raises:
        ValueError: If a number is out of its range.
    """
    _require_step(step, total, learn_rate)
    if not 0 <= lowest <= learn_rate:
        raise ValueError(f"lowest must be in [0, {learn_rate}], got {lowest}")
    # TODO: lowest plus a share of the rest; the share goes from 1 to 0 as (1 + cos(pi step / total)) / 2.
    # BEGIN SOLUTION p2.schedules
    share = (1 + math.cos(math.pi * step / total)) / 2
    return lowest + share * (learn_rate - lowest)
    # END SOLUTION


def one_cycle_schedule(
    step: int, total: int, learn_rate: float, warm_up: float = 0.3, start: float = 25.0, end: float = 1e4
) -> float:
    """Return a learning rate that rises, and then falls far below its start (Smith and Topin 2018).

    Both ways are straight lines. The peak is at step ``warm_up * total - 1``, which need not be a whole
    number, and the last value is that of step ``total - 1``.

    Args:
        step: Number of the step, in [0, total).
        total: How many steps there are; warm_up * total is more than 1.
        learn_rate: At the peak, positive.
        warm_up: Share of the steps that the rise takes, in (0, 1).
        start: It starts at learn_rate / start; at least 1.
        end: It ends at learn_rate / start / end; at least 1.

    Raises:
        ValueError: If a number is out of its range.
    """
    _require_step(step, total, learn_rate)
    if not 0 < warm_up < 1 or warm_up * total <= 1:
        raise ValueError(f"warm_up must be in (0, 1), and more than 1 / total, got {warm_up}")
    for name, value in (("start", start), ("end", end)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    # TODO: two straight lines that meet at the peak.
    # BEGIN SOLUTION p2.schedules
    lowest, final = learn_rate / start, learn_rate / start / end
    peak = warm_up * total - 1
    if step <= peak:
        return lowest + (learn_rate - lowest) * step / peak
    return learn_rate + (final - learn_rate) * (step - peak) / (total - 1 - peak)
    # END SOLUTION
