"""Circumstances with names: the published runs whose goodput is known, and what it takes to do better.

The source (a Llama 2 7B on 128 trn1.32xlarge nodes) states shares of useful time, 77.83 % by hand and
98.81 % with automatic recovery, but not the times behind them. Those here are our assumptions: one failure
a day in the whole cluster, that is one in 128 days for a node, is what clusters of this size report.
"""

from stoa.core.planning.goodput import DAY, HOUR, MINUTE, Failures

SCENARIOS: dict[str, tuple[str, Failures]] = {
    "by_hand": (
        "128 nodes watched by people: noticed after 2.1 hours on average (nights count), a node replaced "
        "by hand within the hour, half an hour to start, a checkpoint of 3 minutes every 4 hours of work.",
        Failures(
            mtbf=DAY,
            checkpoint=3 * MINUTE,
            interval=4 * HOUR,
            restart=30 * MINUTE,
            detection=2.1 * HOUR,
            replacement=HOUR,
        ),
    ),
    "automatic": (
        "The same nodes with health checks, a node watch, spares, checkpoints in the background and "
        "resuming by itself: known after a minute, 6 minutes to start, a checkpoint every 15 minutes "
        "that stops training for 0.5 seconds and is whole a minute later.",
        Failures(
            mtbf=DAY,
            checkpoint=0.5,
            interval=15 * MINUTE,
            restart=6 * MINUTE,
            detection=MINUTE,
            replacement=45 * MINUTE,
            spares=4,
            write=MINUTE,
        ),
    ),
    "beyond": (
        "What it takes to pass 99.5 %: known after 20 seconds by heartbeats, 3 minutes to start from "
        "processes kept warm, a checkpoint every 3 minutes that stops training for 0.1 seconds and is "
        "whole 40 seconds later.",
        Failures(
            mtbf=DAY,
            checkpoint=0.1,
            interval=3 * MINUTE,
            restart=3 * MINUTE,
            detection=20.0,
            replacement=45 * MINUTE,
            spares=4,
            write=40.0,
        ),
    ),
    "sixteen_thousand": (
        "Llama 3's cluster: 419 unexpected interruptions in 54 days, so one in 3.09 hours; a checkpoint "
        "of 10 seconds and 10 minutes to start.",
        Failures(mtbf=3.09 * HOUR, checkpoint=10.0, interval=7.75 * MINUTE, restart=10 * MINUTE),
    ),
}
