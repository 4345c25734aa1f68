"""How far a figure can be trusted: intervals, a paired test, agreement between judges.

Wilson's interval (1927) for a share, the exact McNemar test (1947) for two answerers over the same cases, a
bootstrap over cases (Efron 1979) for their difference, Cohen's kappa (1960). Plain numbers in and out.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

_Z95 = 1.959964
_RESAMPLES = 2000
_SEED = 2026


def wilson(successes: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share; (0, 1) where nothing was tried."""
    if total == 0:
        return 0.0, 1.0
    share, spread = successes / total, _Z95**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = _Z95 * math.sqrt((share * (1 - share) + spread / 4) / total) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """The chance of a split at least this uneven, were both alike: two-sided, exact.

    Args:
        only_first: cases that the first passes and the second does not.
        only_second: the other way round.
    """
    total, fewer = only_first + only_second, min(only_first, only_second)
    if total == 0:
        return 1.0
    logs = [
        math.lgamma(total + 1)
        - math.lgamma(k + 1)
        - math.lgamma(total - k + 1)
        - total * math.log(2)
        for k in range(fewer + 1)
    ]
    return min(1.0, 2 * math.fsum(math.exp(each) for each in logs))


def bootstrap_difference(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of mean(first) - mean(second) over the same cases. The same every time."""
    gaps = np.asarray(first, float) - np.asarray(second, float)
    if gaps.size == 0:
        return 0.0, 0.0
    rng = np.random.default_rng(_SEED)
    means = [float(rng.choice(gaps, gaps.size).mean()) for _ in range(_RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Agreement of two judges beyond chance: 1 always, 0 as chance would, below 0 worse.

    1 where both say one and the same thing of everything.
    """
    total = len(first)
    if total == 0:
        return 0.0
    agreed = sum(one == other for one, other in zip(first, second, strict=True)) / total
    mine, theirs = Counter(first), Counter(second)
    chance = sum(mine[each] * theirs[each] for each in mine) / total**2
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)
