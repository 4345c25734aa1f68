"""How much of a cluster's time becomes training: failures, checkpoints and restarts, played through.

A discrete-event simulation of long runs, and beside it Daly's formulas (Daly 2006, "A higher order
estimate of the optimum checkpoint interval for restart dumps"), which it must agree with where their
assumptions hold. It knows nothing of models or layouts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR
_Z95 = 1.959964
_SHORTEST = 1.0

Into = Literal["productive", "checkpoint", "lost", "detection", "waiting", "restart"]
PARTS: tuple[Into, ...] = get_args(Into)
"""What a second can go into."""


@dataclass(frozen=True)
class Failures:
    """What happens to a run. All times in seconds."""

    mtbf: float
    """Mean time between failures of the whole run, of any of its nodes."""
    checkpoint: float
    """How long a checkpoint stops training."""
    interval: float
    """Work between two checkpoints."""
    restart: float
    """From a whole cluster to training again: new processes, weights loaded, first step."""
    detection: float = 0.0
    """From the failure to knowing of it."""
    replacement: float = 0.0
    """To get another node where no spare is left."""
    spares: int = 0
    """Nodes that stand by."""
    repair: float = DAY
    """Until a failed node stands by again."""
    node_share: float = 1.0
    """Of the failures, those that cost a node; after the others the same nodes go on."""
    write: float = 0.0
    """How long a checkpoint is written in the background before it counts; at most the interval."""


@dataclass(frozen=True)
class Ledger:
    """Seconds of one simulated run, by what they went into."""

    seconds: dict[Into, float]
    failures: int

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.seconds.values())

    @property
    def goodput(self) -> float:
        """Share that became training."""
        return self.seconds["productive"] / self.total


@dataclass(frozen=True)
class Estimate:
    """Goodput over many simulated runs."""

    mean: float
    low: float
    high: float
    """95 % confidence interval of the mean."""
    runs: int
    failures: float
    """A run, on average."""
    shares: dict[Into, float]
    """Of the time, by what it went into."""


def daly_interval(mtbf: float, checkpoint: float) -> float:
    """Best interval between checkpoints (equation 37); the MTBF where a checkpoint is that long."""
    if checkpoint >= 2 * mtbf:
        return mtbf
    ratio = math.sqrt(checkpoint / (2 * mtbf))
    return math.sqrt(2 * checkpoint * mtbf) * (1 + ratio / 3 + ratio**2 / 9) - checkpoint


def daly_goodput(given: Failures) -> float:
    """Work over wall time (equation 20): failures at random at any time, restarts included.

    It knows no spares and no writing in the background; detection counts as restart.
    """
    restart = (given.restart + given.detection) / given.mtbf
    period = (given.interval + given.checkpoint) / given.mtbf
    if restart + period > 700:  # e^700 is the end of floating point: it never gets anywhere
        return 0.0
    return given.interval / (given.mtbf * math.exp(restart) * math.expm1(period))


def play(
    given: Failures, work: float, random: np.random.Generator, *, most: int = 20_000
) -> Ledger:
    """One run until `work` seconds of training are done, or `most` failures have struck.

    Failures come at random (exponentially), also during checkpoints and restarts. A failure takes the
    run back to the newest checkpoint that is written whole.
    """
    seconds: dict[Into, float] = dict.fromkeys(PARTS, 0.0)
    spares = _Spares(given)
    failures, now, left = 0, 0.0, work
    up = random.exponential(given.mtbf)
    while failures < most:
        checkpoints = math.ceil(left / given.interval) - 1
        needed = left + checkpoints * given.checkpoint
        if up >= needed:
            seconds["productive"] += left
            seconds["checkpoint"] += checkpoints * given.checkpoint
            break
        left -= _broken_off(given, up, seconds)
        now += up
        failures += 1
        came_back = False
        while not came_back and failures < most:  # failures strike again while the run comes back
            up = random.exponential(given.mtbf)
            pieces = {
                "detection": given.detection,
                "waiting": spares.wait(now, random),
                "restart": given.restart,
            }
            came_back = up >= sum(pieces.values())
            rest = up
            for name in ("detection", "waiting", "restart"):
                took = min(rest, pieces[name])
                seconds[name] += took
                rest -= took
            now += up - rest
            failures += not came_back
        up = rest
    return Ledger(seconds, failures)


def _broken_off(given: Failures, up: float, seconds: dict[Into, float]) -> float:
    """Book a stretch that a failure ends after `up` seconds; returns the work that is kept of it."""
    period = given.interval + given.checkpoint
    whole = math.floor(up / period)
    kept = max(0, math.floor((up - given.write) / period))
    rest = up - whole * period
    worked = min(rest, given.interval)
    seconds["productive"] += kept * given.interval
    seconds["lost"] += (whole - kept) * given.interval + worked
    seconds["checkpoint"] += whole * given.checkpoint + rest - worked
    return kept * given.interval


class _Spares:
    """Nodes that stand by: taken at a failure, back after their repair."""

    def __init__(self, given: Failures) -> None:
        self._given = given
        self._back: list[float] = []

    def wait(self, now: float, random: np.random.Generator) -> float:
        """Seconds until a node is there for a failure at `now`."""
        if random.random() >= self._given.node_share:
            return 0.0
        self._back = [each for each in self._back if each > now]
        if len(self._back) < self._given.spares:
            self._back.append(now + self._given.repair)
            return 0.0
        return self._given.replacement


def estimate(given: Failures, *, work: float = 60 * DAY, runs: int = 40, seed: int = 0) -> Estimate:
    """Play many runs; the same seed gives the same answer."""
    ledgers = [play(given, work, np.random.default_rng([seed, run])) for run in range(runs)]
    found: NDArray[np.float64] = np.array([each.goodput for each in ledgers])
    mean = float(found.mean())
    half = _Z95 * float(found.std(ddof=1)) / math.sqrt(runs) if runs > 1 else 0.0
    total = sum(each.total for each in ledgers)
    return Estimate(
        mean=mean,
        low=max(0.0, mean - half),
        high=min(1.0, mean + half),
        runs=runs,
        failures=sum(each.failures for each in ledgers) / runs,
        shares={name: sum(each.seconds[name] for each in ledgers) / total for name in PARTS},
    )


def intervals_to_try(given: Failures) -> list[float]:
    """A range around Daly's, from an eighth to eight times, none shorter than a checkpoint's writing."""
    centre = daly_interval(given.mtbf, max(given.checkpoint, _SHORTEST))
    lowest = max(given.write, _SHORTEST)
    return sorted({max(lowest, centre * 2 ** (step / 3)) for step in range(-9, 10)})


def over_intervals(
    given: Failures,
    intervals: Sequence[float],
    *,
    work: float = 60 * DAY,
    runs: int = 20,
    seed: int = 0,
) -> list[tuple[float, Estimate]]:
    """Goodput at each interval. The same seeds are used for all, so that they differ by it alone."""
    return [
        (each, estimate(replace(given, interval=each), work=work, runs=runs, seed=seed))
        for each in intervals
    ]
