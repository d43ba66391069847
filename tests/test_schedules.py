"""Adam and the schedules against torch.optim, run live, and what they do with bad input."""

import pytest
import torch

from hw.optimizers import Adam
from hw.schedules import cosine_schedule, one_cycle_schedule, step_schedule


@pytest.mark.parametrize("reg", [0.0, 0.1])
@pytest.mark.parametrize(("decoupled", "theirs"), [(False, torch.optim.Adam), (True, torch.optim.AdamW)])
def test_thirty_steps_of_adam_agree_with_torch(decoupled: bool, theirs, reg: float) -> None:
    torch.manual_seed(42)
    start, target = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)

    def descend(make) -> torch.Tensor:
        param = start.clone().requires_grad_()
        optimizer = make([param])
        for _ in range(30):
            optimizer.zero_grad()
            ((param - target) ** 2).sum().backward()
            optimizer.step()
        return param.detach()

    mine = descend(lambda p: Adam(p, 0.05, reg, betas=(0.8, 0.95), eps=1e-3, decoupled=decoupled))
    other = descend(lambda p: theirs(p, 0.05, weight_decay=reg, betas=(0.8, 0.95), eps=1e-3))
    torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


def test_adam_keeps_its_numbers_of_steps_in_its_state() -> None:
    optimizer = Adam([(torch.ones(2), torch.ones(2))])
    optimizer.step()
    optimizer.step()
    assert [tensor.item() for tensor in optimizer.state() if tensor.ndim == 0] == [2.0]


@pytest.mark.parametrize(
    ("name", "value"), [("betas", (1.0, 0.9)), ("betas", (0.9, -0.1)), ("eps", 0.0), ("learn_rate", 0.0)]
)
def test_adam_refuses_settings_out_of_range_by_name(name: str, value) -> None:
    with pytest.raises(ValueError, match=name):
        Adam([(torch.ones(1), torch.ones(1))], **{name: value})


SCHEDULERS = torch.optim.lr_scheduler


@pytest.mark.parametrize("total", [7, 20, 33])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda s, n: step_schedule(s, n, 0.4, 3, 0.5), lambda o, n: SCHEDULERS.StepLR(o, 3, 0.5)),
        (
            lambda s, n: cosine_schedule(s, n, 0.4, 0.01),
            lambda o, n: SCHEDULERS.CosineAnnealingLR(o, n, 0.01),
        ),
        (
            lambda s, n: one_cycle_schedule(s, n, 0.4),
            lambda o, n: SCHEDULERS.OneCycleLR(
                o, 0.4, total_steps=n, anneal_strategy="linear", cycle_momentum=False
            ),
        ),
    ],
    ids=["step", "cosine", "one cycle"],
)
def test_schedules_agree_with_torch(ours, theirs, total: int) -> None:
    optimizer = torch.optim.SGD([torch.ones(1)], 0.4)
    scheduler = theirs(optimizer, total)
    for step in range(total):
        assert ours(step, total) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9, abs=1e-12)
        optimizer.step()
        if step < total - 1:
            scheduler.step()


@pytest.mark.parametrize(
    ("schedule", "bad"),
    [
        (step_schedule, {"every": 0}),
        (step_schedule, {"every": 2, "factor": 1.5}),
        (cosine_schedule, {"lowest": 1.0}),
        (one_cycle_schedule, {"warm_up": 1.0}),
        (one_cycle_schedule, {"start": 0.5}),
        (one_cycle_schedule, {"end": 0.5}),
        (cosine_schedule, {"learn_rate": 0.0}),
    ],
)
def test_schedules_refuse_numbers_out_of_range_by_name(schedule, bad: dict) -> None:
    with pytest.raises(ValueError, match=list(bad)[-1]):
        schedule(**{"step": 0, "total": 10, "learn_rate": 0.1, **bad})
    with pytest.raises(ValueError, match="step must be in"):
        cosine_schedule(10, 10, 0.1)
