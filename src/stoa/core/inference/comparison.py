"""Two shares of clicks side by side: intervals, difference, and whether it may be chance.

The same people come again, so answers are not independent. Their buckets are: the spread of clicks
between buckets says how many independent answers the count is worth (a design effect, as in cluster
samples), and Wilson's and Newcombe's score intervals are taken over that number.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

from stoa.core.inference.views import Interval

Z: Final = NormalDist().inv_cdf(0.975)
LEAST_SHOWN: Final = 100
LEAST_CLICKED: Final = 5
_LEAST_BUCKETS = 16
"""Fewer say nothing about their spread."""
SIGNIFICANT: Final = 0.05


class Bucket(NamedTuple):
    """Answers and clicks of some users."""

    shown: int
    clicked: int


class Share(NamedTuple):
    """Clicks per answer, and the number of independent answers it is worth."""

    shown: int
    clicked: int
    worth: float

    @property
    def value(self) -> float:
        """Clicks per answer."""
        return self.clicked / self.shown if self.shown else 0.0


def share_of(buckets: Sequence[Bucket]) -> Share:
    """All buckets together."""
    shown = sum(each.shown for each in buckets)
    clicked = sum(each.clicked for each in buckets)
    rate = clicked / shown if shown else 0.0
    chance = rate * (1 - rate) * shown
    filled = [each for each in buckets if each.shown]
    if len(filled) < _LEAST_BUCKETS or chance <= 0:
        return Share(shown, clicked, float(shown))
    spread = sum((each.clicked - rate * each.shown) ** 2 for each in filled)
    effect = max(1.0, spread * len(filled) / (len(filled) - 1) / chance)
    return Share(shown, clicked, shown / effect)


def interval(share: Share) -> Interval:
    """Wilson's 95 % interval."""
    count, rate = share.worth, share.value
    if count <= 0:
        return Interval(value=0.0, low=0.0, high=1.0)
    middle = rate + Z * Z / (2 * count)
    half = Z * math.sqrt(rate * (1 - rate) / count + Z * Z / (4 * count * count))
    scale = 1 + Z * Z / count
    low, high = (middle - half) / scale, (middle + half) / scale
    return Interval(value=rate, low=max(0.0, low), high=min(1.0, high))


def difference(champion: Share, challenger: Share) -> Interval:
    """Challenger minus champion, by Newcombe's score method."""
    old, new = interval(champion), interval(challenger)
    value = new.value - old.value
    below = math.hypot(new.value - new.low, old.high - old.value)
    above = math.hypot(new.high - new.value, old.value - old.low)
    return Interval(value=value, low=value - below, high=value + above)


def p_value(champion: Share, challenger: Share) -> float | None:
    """Of the two-sided test that both are the same; None while there is too little to say."""
    for each in (champion, challenger):
        if each.shown < LEAST_SHOWN:
            return None
    if champion.clicked + challenger.clicked < LEAST_CLICKED:
        return None
    worth = champion.worth + challenger.worth
    pooled = (champion.value * champion.worth + challenger.value * challenger.worth) / worth
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / champion.worth + 1 / challenger.worth))
    if deviation == 0:
        return 1.0
    score = abs(challenger.value - champion.value) / deviation
    return 2 * (1 - NormalDist().cdf(score))


def verdict(champion: Share, challenger: Share) -> str:
    """`challenger`, `champion`, `undecided` or `too little`."""
    chance = p_value(champion, challenger)
    if chance is None:
        return "too little"
    if chance >= SIGNIFICANT:
        return "undecided"
    return "challenger" if challenger.value > champion.value else "champion"
