"""Simulated goodput beside Daly's formula and the published shares of useful time.

python -m benchmarks.goodput
"""

from dataclasses import replace

from benchmarks.results import record
from stoa.core.planning.goodput import daly_goodput, daly_interval, estimate
from stoa.core.planning.scenarios import SCENARIOS

_RUNS = 200


def main() -> None:
    large = SCENARIOS["sixteen_thousand"][1]
    best = replace(large, interval=daly_interval(large.mtbf, large.checkpoint))
    found = estimate(best, runs=_RUNS)
    note = f"MTBF 3.09 h, every {best.interval / 60:.2f} min; 95 %: {found.low:.4f} to {found.high:.4f}"
    record("goodput, simulated", 100 * found.mean, "%", "Daly", 100 * daly_goodput(best), note)
    for name, published in (("by_hand", 77.83), ("automatic", 98.81)):
        found = estimate(SCENARIOS[name][1], runs=_RUNS)
        note = f"assumptions of {name}; 95 %: {found.low:.4f} to {found.high:.4f}"
        record(f"goodput, {name}", 100 * found.mean, "%", "published", published, note)
    found = estimate(SCENARIOS["beyond"][1], runs=_RUNS)
    note = f"what it takes: scenario beyond; 95 %: {found.low:.4f} to {found.high:.4f}"
    record("goodput, beyond", 100 * found.mean, "%", "aim", 99.5, note)


if __name__ == "__main__":
    main()
