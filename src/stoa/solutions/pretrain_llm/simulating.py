"""Plays a run through before it starts: what failures, checkpoints and restarts leave of its time."""

import asyncio
from dataclasses import replace

from stoa.contract import Call
from stoa.core.planning.goodput import (
    DAY,
    HOUR,
    MINUTE,
    Failures,
    daly_goodput,
    daly_interval,
    estimate,
    intervals_to_try,
    over_intervals,
)
from stoa.core.planning.scenarios import SCENARIOS
from stoa.solutions.pretrain_llm.schema import AtInterval, Simulate, Simulated

_CURVE_RUNS = 12
_MOST_FAILURES = 50_000
"""Played in one call: beyond, runs are made shorter, which widens the interval and not the mean."""


async def simulate(call: Call, request: Simulate) -> Simulated:
    """Say before a run how much of a cluster's time will be useful: failures, checkpoints and restarts
    played through, the best checkpoint interval, and Daly's formula as a check."""
    return await asyncio.to_thread(_simulated, request)


def _simulated(request: Simulate) -> Simulated:
    about, given = _given(request)
    work = min(request.days * DAY, max(given.mtbf, 1.0) * _MOST_FAILURES / request.runs)
    curve = over_intervals(
        given,
        intervals_to_try(given),
        work=work,
        runs=min(request.runs, _CURVE_RUNS),
        seed=request.seed,
    )
    if not request.scenario and request.interval_minutes is None:
        best = max(curve, key=lambda each: each[1].mean)[0]
        given = replace(given, interval=best)
    found = estimate(given, work=work, runs=request.runs, seed=request.seed)
    best_by_formula = daly_interval(given.mtbf, max(given.checkpoint, 1e-3))
    return Simulated(
        about=about,
        goodput=round(found.mean, 5),
        low=round(found.low, 5),
        high=round(found.high, 5),
        interval_minutes=round(given.interval / MINUTE, 4),
        daly_minutes=round(best_by_formula / MINUTE, 4),
        daly_goodput=round(daly_goodput(replace(given, interval=best_by_formula)), 5),
        failures=round(found.failures, 2),
        shares={name: round(share, 6) for name, share in found.shares.items()},
        curve=[
            AtInterval(
                interval_minutes=round(interval / MINUTE, 4),
                goodput=round(each.mean, 5),
                low=round(each.low, 5),
                high=round(each.high, 5),
                formula=round(daly_goodput(replace(given, interval=interval)), 5),
            )
            for interval, each in curve
        ],
    )


def _given(request: Simulate) -> tuple[str, Failures]:
    if request.scenario:
        return SCENARIOS[request.scenario]
    given = Failures(
        mtbf=request.mtbf_hours * HOUR,
        checkpoint=request.checkpoint_seconds,
        interval=(request.interval_minutes or 1) * MINUTE,
        restart=request.restart_seconds,
        detection=request.detection_seconds,
        replacement=request.replacement_seconds,
        spares=request.spares,
        repair=request.repair_hours * HOUR,
        node_share=request.node_share,
        write=request.write_seconds,
    )
    return "Your own numbers.", replace(given, interval=max(given.interval, given.write))
