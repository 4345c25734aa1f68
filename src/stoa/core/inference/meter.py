"""Rates and latencies of the last minute, in constant memory: counts in buckets that grow by an eighth.

A percentile read from them is at most an eighth too high.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

SLICE_SECONDS: Final = 10.0
SLICES: Final = 6
_LEAST = 1e-5
_GROWTH = math.log(1.125)
_BUCKETS = 160
"""From 10 microseconds to 25 minutes."""


class Slice:
    """What happened in ten seconds."""

    __slots__ = ("buckets", "errors", "start")

    def __init__(self, start: float) -> None:
        self.start = start
        self.errors = 0
        self.buckets: dict[int, int] = {}


class Meter:
    """Counts calls as they end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slices: deque[Slice] = deque([Slice(clock())], maxlen=SLICES)

    def note(self, seconds: float, *, failed: bool = False) -> None:
        """One call ended."""
        current = self._current()
        bucket = _bucket(seconds)
        current.buckets[bucket] = current.buckets.get(bucket, 0) + 1
        current.errors += failed

    def snapshot(self) -> dict[str, object]:
        """The last minute as plain values, to be kept and to be added to those of others."""
        self._current()
        at = self._clock()
        kept = [each for each in self._slices if at - each.start < SLICES * SLICE_SECONDS]
        buckets: dict[str, int] = {}
        for each in kept:
            for bucket, count in each.buckets.items():
                buckets[str(bucket)] = buckets.get(str(bucket), 0) + count
        return {
            "seconds": max(1.0, at - kept[0].start) if kept else 1.0,
            "errors": sum(each.errors for each in kept),
            "buckets": buckets,
        }

    def _current(self) -> Slice:
        at = self._clock()
        last = self._slices[-1]
        if at - last.start >= SLICE_SECONDS:
            # Aligned, so that a quiet minute does not keep old figures alive.
            last = Slice(at - (at - last.start) % SLICE_SECONDS)
            self._slices.append(last)
        return last


def percentile(buckets: Sequence[tuple[int, int]], share: float) -> float:
    """Seconds under which `share` of the counted calls ended; 0 for none."""
    total = sum(count for _, count in buckets)
    passed = 0
    for bucket, count in sorted(buckets):
        passed += count
        if passed >= share * total:
            return _LEAST * math.exp(_GROWTH * (bucket + 1))
    return 0.0


def _bucket(seconds: float) -> int:
    if seconds <= _LEAST:
        return 0
    return min(_BUCKETS - 1, int(math.log(seconds / _LEAST) / _GROWTH))
