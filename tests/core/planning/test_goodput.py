"""The simulation of failures against Daly's formulas, the published shares, and itself."""

from dataclasses import replace

import numpy as np
import pytest

from stoa.core.planning.goodput import (
    DAY,
    HOUR,
    MINUTE,
    PARTS,
    Failures,
    daly_goodput,
    daly_interval,
    estimate,
    intervals_to_try,
    over_intervals,
    play,
)
from stoa.core.planning.scenarios import SCENARIOS

LARGE = SCENARIOS["sixteen_thousand"][1]


def test_the_best_interval_is_dalys() -> None:
    """MTBF 3.09 h, a checkpoint of 10 s, 10 minutes to restart: every 7.8 minutes, 90.8 % is useful."""
    interval = daly_interval(LARGE.mtbf, LARGE.checkpoint)
    assert interval / MINUTE == pytest.approx(7.75, abs=0.05)
    assert daly_goodput(replace(LARGE, interval=interval)) == pytest.approx(0.908, abs=5e-4)
    curve = over_intervals(LARGE, intervals_to_try(LARGE), runs=8)
    best = max(curve, key=lambda each: each[1].mean)[0]
    assert best == pytest.approx(interval, rel=0.3)


@pytest.mark.parametrize(
    "given",
    [
        LARGE,
        replace(LARGE, interval=HOUR),
        Failures(mtbf=DAY, checkpoint=60, interval=HOUR, restart=300, detection=120),
        Failures(mtbf=HOUR, checkpoint=30, interval=600, restart=900),
    ],
)
def test_the_formula_lies_within_the_interval(given: Failures) -> None:
    """At 99 %: four cases at 95 % would fail by chance once in five seeds."""
    found = estimate(given, work=200 * given.mtbf, runs=60, seed=3)
    margin = (found.high - found.mean) / 1.96 * 2.576
    assert abs(daly_goodput(given) - found.mean) < margin
    assert found.high - found.low < 0.02


@pytest.mark.parametrize(("name", "published"), [("by_hand", 0.7783), ("automatic", 0.9881)])
def test_the_source_shares_come_out_of_stated_assumptions(name: str, published: float) -> None:
    found = estimate(SCENARIOS[name][1])
    assert found.low <= published <= found.high


def test_what_it_takes_to_pass_99_5_per_cent() -> None:
    found = estimate(SCENARIOS["beyond"][1], runs=100)
    assert found.low > 0.995


def test_the_ledger_adds_up_and_the_seed_decides() -> None:
    given = replace(SCENARIOS["automatic"][1], node_share=0.6)
    one = play(given, 30 * DAY, np.random.default_rng(5))
    assert set(one.seconds) == set(PARTS)
    assert one.seconds["productive"] == pytest.approx(30 * DAY, rel=1e-9)
    assert one.total == pytest.approx(sum(one.seconds.values()))
    assert min(one.seconds.values()) >= 0
    assert estimate(given, seed=5) == estimate(given, seed=5)
    assert estimate(given, seed=5) != estimate(given, seed=6)
    shares = estimate(given).shares
    assert sum(shares.values()) == pytest.approx(1.0)


def test_spares_and_whole_nodes_save_the_wait() -> None:
    given = replace(SCENARIOS["automatic"][1], spares=0)
    none, some = estimate(given), estimate(replace(given, spares=4))
    assert none.shares["waiting"] > some.shares["waiting"]
    kept = estimate(replace(given, node_share=0.0))
    assert kept.shares["waiting"] == 0


def test_a_checkpoint_counts_when_it_is_written_whole() -> None:
    quick = Failures(mtbf=HOUR, checkpoint=0, interval=300, restart=60)
    slow = replace(quick, write=240.0)
    assert estimate(slow).shares["lost"] > 1.3 * estimate(quick).shares["lost"]


def test_a_run_that_never_gets_anywhere_ends() -> None:
    hopeless = Failures(mtbf=60, checkpoint=10, interval=HOUR, restart=600)
    found = estimate(hopeless, work=DAY, runs=2)
    assert found.mean < 0.01
    assert daly_goodput(replace(hopeless, restart=1e6)) == 0.0
