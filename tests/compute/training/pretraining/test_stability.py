"""The watch's rules, on curves made for them."""

import json
import math
from typing import Any

import pytest

from stoa.compute.training.pretraining.recipe import StabilityRecipe
from stoa.compute.training.pretraining.stability import Verdict, Watch


def watch(**rules: Any) -> Watch:
    return Watch(StabilityRecipe(**rules))


def fed(found: Watch, norms: list[float], loss: float = 2.0) -> list[Verdict]:
    return [found.see(loss, norm) for norm in norms]


def test_a_norm_beyond_the_mean_by_a_tenth_is_a_spike() -> None:
    found = watch()
    assert not any(verdict.spike for verdict in fed(found, [0.5] * 20))
    assert not found.see(2.0, 0.59).spike
    assert found.see(2.0, 0.75).spike
    assert found.mean_norm == pytest.approx((18 * 0.5 + 0.59 + 0.75) / 20)


def test_nothing_is_a_spike_before_the_window_is_full() -> None:
    assert not any(verdict.spike for verdict in fed(watch(), [0.1, 5.0] * 9))


def test_one_step_spikes_are_told_from_longer_ones() -> None:
    found = watch()
    fed(found, [0.5] * 20 + [0.9] + [0.5] * 20 + [0.9, 0.95, 0.9] + [0.5] * 3)
    summary = found.summary()
    assert summary["spikes"] == 2
    assert summary["one_step_spike_share"] == 0.5


def test_three_times_the_lowest_mean_is_one_alarm_until_it_is_over() -> None:
    found = watch(window=4)
    verdicts = fed(found, [0.2] * 4 + [1.0] * 8 + [0.2] * 8 + [1.0] * 4)
    assert sum(verdict.alarm for verdict in verdicts) == 2
    assert found.summary()["alarms"] == 2


@pytest.mark.parametrize("policy", ["skip", "roll_back", "lower_rate", "stop"])
@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_what_is_not_finite_follows_the_policy(policy: Any, loss: float) -> None:
    found = watch(not_finite=policy)
    assert found.see(loss, 1.0).action == policy
    assert found.rate_factor == (0.5 if policy == "lower_rate" else 1.0)
    assert found.mean_norm is None


def test_a_norm_that_is_not_finite_counts_too() -> None:
    assert watch().see(2.0, math.nan).action == "skip"


def test_patience_ends() -> None:
    found = watch(patience=2)
    assert [found.see(math.nan, 1.0).action for _ in range(3)] == ["skip", "skip", "stop"]
    other = watch(patience=2)
    actions = [other.see(loss, 1.0).action for loss in (math.nan, math.nan, 2.0, math.nan)]
    assert actions == ["skip", "skip", "go_on", "skip"]


@pytest.mark.parametrize("policy", ["warn", "skip", "roll_back", "lower_rate", "stop"])
def test_a_loss_far_above_its_lowest_mean_follows_the_policy(policy: Any) -> None:
    found = watch(window=4, diverged=policy, divergence=1.0)
    fed(found, [1.0] * 4, loss=2.0)
    assert found.see(2.9, 1.0).reason == ""
    verdict = found.see(3.2, 1.0)
    assert verdict.action == ("go_on" if policy == "warn" else policy)
    assert verdict.reason


def test_it_goes_on_from_plain_values() -> None:
    norms = [0.5, 0.6, 0.9, 0.5] * 8
    whole, first = watch(window=6), watch(window=6)
    fed(first, norms[:13])
    second = watch(window=6)
    second.restore(json.loads(json.dumps(first.state())))
    assert fed(whole, norms)[13:] == fed(second, norms[13:])
    assert whole.state() == second.state()


def test_a_roll_back_keeps_the_lowered_rate_and_the_count_of_bad_steps() -> None:
    found = watch(not_finite="lower_rate")
    before = found.state()
    found.see(math.nan, 1.0)
    found.restore(before, keep_policy=True)
    assert found.rate_factor == 0.5
    assert found.summary()["not_finite"] == 1
