"""How many replicas a load wants: more at once when calls pile up, fewer only after a calm while.

Pure arithmetic over a clock that is handed in; it starts and ends nothing.
"""

import math
from collections.abc import Callable
from typing import Final

from stoa.core.inference.views import Scaling

SMOOTHING_SECONDS: Final = 2.0
CALM_SECONDS: Final = 30.0
_CALM_SHARE = 0.7
"""Fewer replicas must leave this much of the target, or the number would swing."""


class Autoscaler:
    """Follows the calls under way, smoothed, and says how many replicas there should be."""

    def __init__(self, scaling: Scaling, clock: Callable[[], float]) -> None:
        self._scaling = scaling
        self._clock = clock
        self._at = clock()
        self._load = 0.0
        self._busy_at = self._at

    @property
    def load(self) -> float:
        """Calls under way, smoothed over about two seconds."""
        return self._load

    def look(self, outstanding: int, replicas: int) -> int:
        """How many replicas there should be now, with `outstanding` calls on `replicas`."""
        at = self._clock()
        weight = 1 - math.exp(-max(0.0, at - self._at) / SMOOTHING_SECONDS)
        self._at = at
        self._load += weight * (outstanding - self._load)
        target = self._scaling.target_outstanding
        wanted = self._clamped(math.ceil(self._load / target))
        if wanted >= replicas:
            self._busy_at = at
            return wanted
        fewer = self._clamped(math.ceil(self._load / (target * _CALM_SHARE)))
        if fewer >= replicas:
            self._busy_at = at
        if at - self._busy_at < CALM_SECONDS:
            return self._clamped(replicas)
        self._busy_at = at
        return self._clamped(replicas - 1)

    def _clamped(self, replicas: int) -> int:
        return max(self._scaling.min_replicas, min(self._scaling.max_replicas, replicas))
