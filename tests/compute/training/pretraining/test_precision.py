"""Rounding by chance is right on average, and trains as well as a float32 master copy."""

import numpy as np
import pytest
import torch

from stoa.compute.training.pretraining.rounding import stochastic
from stoa.compute.training.pretraining.sharding import World
from tests.compute.training.pretraining.twenty_steps import recipe_with, run

ALONE = World(rank=0, size=1, local_rank=0, device=torch.device("cpu"))


def test_rounding_is_unbiased() -> None:
    """A tenth of the way between two bfloat16 numbers goes up one time in ten, for both signs."""
    low, step = 1.0, 2.0**-7
    for sign in (1, -1):
        values = torch.full((200_000,), sign * (low + 0.1 * step))
        rounded = stochastic(values, seed=3).float()
        assert set(rounded.tolist()) == {sign * low, sign * (low + step)}
        up = (rounded.abs() > low).float().mean().item()
        assert up == pytest.approx(0.1, abs=0.003)  # 4.5 standard deviations


def test_rounding_is_unbiased_at_every_size() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2_000, generator=generator) * 10.0 ** torch.randint(
        -8, 8, (2_000,), generator=generator
    )
    mean = torch.stack([stochastic(values, seed).double() for seed in range(400)]).mean(0)
    error = ((mean - values) / values.abs() / 2**-7).abs()
    assert error.max() < 5 * 0.5 / 400**0.5


def test_what_a_bfloat16_can_hold_stays_and_the_infinite_too() -> None:
    exact = torch.tensor([0.0, 1.0, -2.5, 3.0e38, float("inf"), -float("inf")])
    assert torch.equal(stochastic(exact, 0).float(), exact.to(torch.bfloat16).float())
    assert stochastic(torch.tensor([float("nan")]), 0).isnan().all()


def test_the_same_seed_rounds_alike() -> None:
    values = torch.randn(1000)
    assert torch.equal(stochastic(values, 5), stochastic(values, 5))
    assert not torch.equal(stochastic(values, 5), stochastic(values, 6))


@pytest.mark.slow
def test_it_trains_as_well_as_a_master_copy_where_plain_rounding_stands_still() -> None:
    """Late in training updates are far below what a bfloat16 can hold: small rates show it at once."""
    ends, begin = {}, 0.0
    for kind in ("bf16_master", "bf16_stochastic", "bf16"):
        changes = {
            "precision.kind": kind,
            "model.layers": 1,
            "model.hidden": 32,
            "optimiser.rate": 5e-5,
            "optimiser.weight_decay": 0.0,
            "schedule.shape": "constant",
            "schedule.warmup": 0,
        }
        losses = [loss for loss, _ in run(recipe_with(changes), ALONE, 80)[1]]
        begin, ends[kind] = losses[0], float(np.mean(losses[-10:]))
    learnt = begin - ends["bf16_master"]
    print(begin, ends)
    assert learnt > 0
    assert abs(ends["bf16_stochastic"] - ends["bf16_master"]) < 0.1 * learnt
    assert ends["bf16"] - ends["bf16_master"] > 0.2 * learnt
